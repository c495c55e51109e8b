"""`junto run`: one party's side of a script."""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from collections.abc import Sequence
from itertools import dropwhile
from pathlib import Path
from types import TracebackType
from typing import Annotated

import typer

from junto.cli import parent_watchdog
from junto.cli.bars import Progress, export
from junto.cli.exit_codes import ExitCode, exit_code_of
from junto.cli.interrupts import terminable
from junto.cli.output import Json, console, describe, print_json
from junto.cli.verdict import leave
from junto.device.current import CONFIG_VARIABLE, current_or_none
from junto.errors import ConfigError, JuntoError
from junto.tracebacks import chained, frames

_OURS = (str(Path(__file__).resolve().parents[1]), "<frozen runpy>", runpy.__file__)


def run(
    script: Annotated[Path, typer.Argument(help="The script; every party runs the same.")],
    config: Annotated[Path, typer.Option("--config", "-c", help="This party's settings (TOML).")],
    arguments: Annotated[list[str] | None, typer.Argument(help="The script's own, after --.")] = None,
    progress: Progress = None,
    json: Json = False,
) -> None:
    """Run SCRIPT as one party.

    A script that calls `sf.init()` without saying who takes part gets CONFIG; one that never calls it
    gets a session opened with CONFIG at its first device, and ended with it. With --json the last line of
    standard output is the report.
    """
    export(progress)
    with terminable(), parent_watchdog.held():
        error = _execute(script, config, arguments or ())
        leave(error, current_or_none())
    code = ExitCode.OK if error is None else exit_code_of(error)
    if error is not None and code != ExitCode.OK:
        _explain(error, code)
    if json:
        sys.stdout.flush()
        report = None if error is None or code == ExitCode.OK else describe(error)
        print_json({"command": "run", "script": str(script), "exit_code": code, "error": report})
    raise typer.Exit(code)


def _execute(script: Path, config: Path, arguments: Sequence[str]) -> BaseException | None:
    """Run the script as `python script.py` would and end its session; the error it ended with."""
    for what, path in (("script", script), ("--config", config)):
        if not path.is_file():
            return ConfigError(f"{what}: there is no file {str(path)!r}")
    os.environ[CONFIG_VARIABLE] = str(config.absolute())
    sys.argv = [str(script), *arguments]
    sys.path[0] = str(script.resolve().parent)
    try:
        try:
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit as exit_:
            if exit_.code:
                raise
        session = current_or_none()
        if session is not None and not session.inherited:
            session.shutdown()
    except BaseException as error:
        session = current_or_none()
        if session is not None and not session.inherited:
            session.abort(error)
        return error
    return None


def _explain(error: BaseException, code: int) -> None:
    """The user's own part of the traceback, and one line that says how the command ended."""
    if isinstance(error, SystemExit):
        if isinstance(error.code, str):
            sys.stderr.write(error.code + "\n")
        return
    name, trace = type(error).__name__, list(frames(error.__traceback__))
    if isinstance(error, JuntoError):
        name = f"{error.code} {name}"
        error.__traceback__ = chained([frame for frame in trace if not _is_ours(frame)])
    elif isinstance(error, KeyboardInterrupt):
        error.__traceback__ = None
    else:
        # From the script's first frame on: what a library of any kind did there belongs to it.
        error.__traceback__ = chained(list(dropwhile(_is_ours, trace)))
    if error.__traceback__ is not None:
        sys.stderr.write("".join(traceback.format_exception(error)))
    elif isinstance(error, JuntoError):
        sys.stderr.write(f"{error}\n")
    elif not isinstance(error, KeyboardInterrupt):  # the script could not even be compiled
        sys.stderr.write("".join(traceback.format_exception_only(error)))
    line = f"junto run: {ExitCode(code).meaning} ({name}, exit code {code})"
    console(stderr=True).print(line, style="red", markup=False, soft_wrap=True)


def _is_ours(frame: TracebackType) -> bool:
    """Whether it belongs to junto or to what started the script: such frames tell the user nothing."""
    return frame.tb_frame.f_code.co_filename.startswith(_OURS)

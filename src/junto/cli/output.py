"""What every command prints, and how: rich at a terminal, plain text elsewhere, JSON on request."""

from __future__ import annotations

import io
import json
import math
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from junto.cli.exit_codes import exit_code_of
from junto.errors import JuntoError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


def finite(seconds: float | None) -> float | None:
    """For an option of seconds: its bounds let what is no number through."""
    if seconds is not None and not math.isfinite(seconds):
        raise typer.BadParameter("give a number of seconds")
    return seconds


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def open_what_is_closed() -> None:
    """A standard stream that the caller has closed leads nowhere: else the next pipe would get its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
        if getattr(sys, name) is None:
            stream = open(number, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def never_fail_to_print() -> None:
    """Characters that standard output or error cannot show, in a C locale say, become ``?`` and no error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="replace")


def fits(text: str, out: Console) -> bool:
    """Whether all characters of `text` can be shown there."""
    try:
        text.encode(out.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def say(text: str, out: Console) -> None:
    """`text` on lines that fit a terminal, broken at words; whole in a file, where a program may read it."""
    out.print(text, markup=False, soft_wrap=not out.is_terminal)


def broken(text: Text, room: int) -> list[Text]:
    """`text` in lines of at most `room` columns, broken between words; a longer word (a path) stays whole."""
    from rich.cells import cell_len

    begins = [0]
    for word in re.finditer(r"\S+", text.plain):
        before = text.plain[begins[-1] : word.start()]
        if before.strip() and cell_len(text.plain[begins[-1] : word.end()]) > room:
            begins.append(word.start())
    lines = list(text.divide(begins[1:])) or [text]
    for line in lines:
        line.rstrip()  # a terminal would show a space beyond its last column on the next line
    return lines


def console(*, stderr: bool = False) -> Console:
    """A console for text: no colour in a file or with NO_COLOR, and there no line is cut to a width."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else 200
    return Console(stderr=stderr, highlight=False, width=width)


def print_json(value: dict[str, Any]) -> None:
    """One JSON object on one line of standard output."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def describe(error: BaseException) -> dict[str, Any]:
    """`error` as the `error` field of a command's JSON."""
    if isinstance(error, JuntoError):
        message, code, fix = error.message, error.code, error.fix
    else:
        message, code, fix = str(error), None, ""
    return {"type": type(error).__name__, "code": code, "message": message, "fix": fix}


@contextmanager
def failing(command: str, as_json: bool) -> Iterator[None]:
    """Turn an error of the library inside `command` into one message and its exit code.

    Anything else is a defect of ours and keeps its traceback.
    """
    try:
        yield
    except (JuntoError, KeyboardInterrupt) as error:
        code = exit_code_of(error)
        if as_json:
            print_json({"command": command, "exit_code": code, "error": describe(error)})
        else:
            text = str(error) if isinstance(error, JuntoError) else "interrupted"
            console(stderr=True).print(f"junto {command}: {text}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(code) from None

"""The command `junto`."""

from __future__ import annotations

import importlib.metadata
import sys
from typing import Annotated

import typer

from junto.cli.certs import app as certs
from junto.cli.demo import demo
from junto.cli.doctor_command import doctor
from junto.cli.exit_codes import ExitCode
from junto.cli.ledger_command import ledger
from junto.cli.output import never_fail_to_print, open_what_is_closed
from junto.cli.run import run
from junto.cli.simulate_command import simulate_command

app: typer.Typer = typer.Typer(
    name="junto",
    help="Run one Python program together with organisations whose data you may not see.",
    epilog="Exit codes: docs/reference/exit-codes.md",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command()(run)
app.command("simulate")(simulate_command)
app.command()(ledger)
app.command()(doctor)
app.add_typer(certs, name="certs")


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """Print what is asked of the command itself."""
    if version:
        sys.stdout.write(f"junto {importlib.metadata.version('junto')}\n")
        raise typer.Exit


def main() -> None:
    """Run the command that `sys.argv` names, and end the process with its exit code."""
    open_what_is_closed()
    never_fail_to_print()
    try:
        app(prog_name="junto")
    except (
        OSError
    ) as error:  # no room on a disk, no folder for what is temporary: the system's own words say it
        sys.stderr.write(
            f"junto: {error}\n  fix: see that this is possible on this machine, and run the command again\n"
        )
        sys.exit(ExitCode.USAGE)

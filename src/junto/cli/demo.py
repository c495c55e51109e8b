"""`junto demo`: a real table, three parties, nothing to configure."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from junto.cli.bars import Progress, Screen
from junto.cli.output import Json, console, failing, terminable
from junto.cli.simulate import Options, simulate
from junto.cli.simulate_command import finish, printer
from junto.errors import MissingLibrary

SCRIPT = Path(__file__).with_name("demo_script.py")
PARTIES = ("alice", "bob", "carol")
NEEDED = ("jax", "pandas", "pyarrow", "sklearn")
_INTRODUCTION = """\
Three parties, each a process of its own with its own certificate, mutual TLS on loopback.
alice and bob hold different patients of scikit-learn's breast-cancer table, carol holds other
measurements of all of them. Each computes statistics of what it has; only those leave it.
Then alice and carol find the patients they share, and train a model that neither sees the rows of.
"""

_NOBODY_HELPS = """\
alice and carol compute without bob's help: they send each other gigabytes, and it takes half a minute.
"""

TwoParty = Annotated[
    bool,
    typer.Option("--two-party", help="The two that compute have no helper: slower, and nobody to trust."),
]


def demo(json: Json = False, two_party: TwoParty = False, progress: Progress = None) -> None:
    """Three organisations join a real table, learn from it, and see all that crossed an edge."""
    with failing("demo", json), terminable():
        lacking = [each for each in NEEDED if importlib.util.find_spec(each) is None]
        if lacking:
            raise MissingLibrary(
                f"the demo needs {', '.join(lacking)}, not installed here", fix="pip install 'junto[demo]'"
            )
        if not json:
            introduction = _INTRODUCTION + (_NOBODY_HELPS if two_party else "")
            console().print(introduction, markup=False, soft_wrap=True)
        # One core a party: three of them share this machine, and their tables are small.
        quiet = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        with Screen(PARTIES, progress, to_stderr=json) as screen:
            options = Options(
                show=printer(PARTIES, screen.console, to_stderr=json),
                watch=screen.watch,
                settings={"logging_level": "warning"},
                environment=quiet | ({"JUNTO_DEMO": "two-party"} if two_party else {}),
                timeout_s=300 if two_party else 120,
            )
            result = simulate(SCRIPT, PARTIES, options=options)
        finish("demo", result, json)

"""Install junto as its users do, in empty environments, and run what each extra promises there.

`python tools/matrix.py` builds the wheel and makes one environment for each row of `ROWS` whose Python this
machine has: the wheel with its extras, nothing else but what a row's constraints pin. In each it runs the
scripts of `tests/install` that the row names; then two parties with the oldest and the newest libraries run a
program together. Exits with 1 if one fails, and says which rows were left out.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from junto.cli.ports import claim

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "tests" / "install"


@dataclass(frozen=True)
class Row:
    """One environment.

    Attributes:
        python: the version that it is made with.
        extras: of junto.
        pins: the requirement file whose versions are used.
        scripts: in `tests/install`.
    """

    python: str
    extras: str
    pins: str
    scripts: tuple[str, ...]


ROWS = (
    Row("3.11", "", "core.txt", ("core",)),
    Row("3.11", "spu", "core.txt", ("spu",)),
    Row("3.11", "join", "core.txt", ("join",)),
    Row("3.11", "tables", "test.txt", ("tables",)),
    Row("3.11", "demo,dp,onnx", "oldest.txt", ("spu", "plans", "join", "tables", "dp", "onnx_export")),
    Row("3.12", "demo", "newest.txt", ("spu", "join", "tables")),
    Row(
        "3.13", "demo,dp,onnx", "newest.txt", ("spu", "plans", "join", "tables", "demo", "dp", "onnx_export")
    ),
)
PAIR = {"alice": ROWS[4], "bob": ROWS[6]}
"""Parties of one job with different versions of everything."""


def interpreter(version: str) -> str | None:
    """The path of a Python of this version, or None."""
    candidates = [sys.executable, shutil.which(f"python{version}")]
    candidates += [str(path) for path in Path.home().glob(f".pyenv/versions/{version}.*/bin/python")]
    for path in filter(None, candidates):
        told = subprocess.run(
            [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True
        )
        if told.stdout.strip() == version:
            return path
    return None


def wheel(folder: Path) -> Path:
    """Build the wheel into `folder`."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True)
    return next(folder.glob("junto-*.whl"))


def constraints(pins: str, folder: Path) -> Path:
    """The pins that hold for junto's own dependencies, without references to other files."""
    lines = (ROOT / "requirements" / pins).read_text().splitlines()
    if pins == "test.txt":
        lines += (ROOT / "requirements" / "core.txt").read_text().splitlines()
    path = folder / "constraints.txt"
    path.write_text("\n".join(line for line in lines if not line.startswith("-r")))
    return path


def passes(row: Row, python: str, built: Path, folder: Path) -> bool:
    """Make the environment of `row` in `folder`, and run its scripts there."""
    subprocess.run([python, "-m", "venv", str(folder / "venv")], check=True)
    inside = inner_python(folder)
    target = f"{built}[{row.extras}]" if row.extras else str(built)
    install = [inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*install, "-c", str(constraints(row.pins, folder)), target]).returncode:
        return False
    return all(script_passes(inside, each, folder) for each in row.scripts)


def inner_python(folder: Path) -> str:
    """The interpreter of the environment in `folder`."""
    return str(folder / "venv" / "bin" / "python")


def pair_passes(pythons: dict[str, str], folder: Path) -> bool:
    """Whether the parties, each with its own environment, run `pair.py` together."""
    first = next(iter(pythons.values()))
    hosts = [word for party in pythons for word in ("--host", f"{party}=localhost")]
    for command in (["ca", "--org", "pair"], ["party", *pythons, *hosts]):
        subprocess.run(
            [first, "-I", "-m", "junto", "certs", *command], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
    with contextlib.ExitStack() as claims:
        ports = claim(len(pythons), claims)
        running = {
            party: subprocess.Popen(
                [python, "-I", str(SCRIPTS / "pair.py"), party, *map(str, ports)],
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for party, python in pythons.items()
        }
        told = {party: process.communicate(timeout=600)[0] for party, process in running.items()}
    good = all(process.returncode == 0 for process in running.values())
    for party, text in told.items():
        if not good:
            print(f"  {party}:", *text.splitlines()[-40:], sep="\n    ")
    return good


def script_passes(python: str, script: str, folder: Path) -> bool:
    """Whether the script ends well; all it printed if it does not."""
    # -I: neither this folder nor the caller's PYTHONPATH; what is imported is what was installed.
    ran = subprocess.run(
        [python, "-I", str(SCRIPTS / f"{script}.py")], cwd=folder, capture_output=True, text=True, timeout=600
    )
    if ran.returncode:
        print(*(ran.stdout + ran.stderr).splitlines()[-40:], sep="\n")
        print(f"  {script}: exit code {ran.returncode}", flush=True)
    return ran.returncode == 0


def main() -> int:
    """Try all rows; the exit code."""
    results: list[bool] = []
    kept: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="junto-matrix-") as name:
        built = wheel(Path(name))
        for number, row in enumerate(ROWS):
            label = f"Python {row.python}, junto[{row.extras}], {row.pins}"
            python, folder = interpreter(row.python), Path(name) / str(number)
            if python is None:
                print(f"left out, no such Python here: {label}", flush=True)
                continue
            folder.mkdir()
            results.append(said(label, partial(passes, row, python, built, folder)))
            parties = [party for party, each in PAIR.items() if each is row]
            kept |= {party: inner_python(folder) for party in parties}
            if not parties:
                shutil.rmtree(folder)
        if kept.keys() == PAIR.keys():
            results.append(
                said("parties with the oldest and the newest", partial(pair_passes, kept, Path(name)))
            )
        else:
            print("left out, not all Pythons here: parties with the oldest and the newest", flush=True)
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return int(not all(results))


def said(label: str, passes: Callable[[], bool]) -> bool:
    """Whether it passes, and how long that took, printed."""
    begun = time.monotonic()
    good = passes()
    print(f"{'ok' if good else 'FAILED'}: {label} ({time.monotonic() - begun:.0f} s)", flush=True)
    return good


if __name__ == "__main__":
    sys.exit(main())

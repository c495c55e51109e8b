"""Install junto as its users do, in empty environments, and run what each extra promises there.

`python tools/matrix.py` builds the wheel and makes one environment for each row of `ROWS` whose Python this
machine has: the wheel with its extras, nothing else but what a row's constraints pin. In each it runs the
scripts of `tests/install` that the row names. Exits with 1 if one fails, and says which rows were left out.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

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
    Row("3.11", "demo", "oldest.txt", ("spu", "join", "tables")),
    Row("3.12", "demo", "newest.txt", ("spu", "join", "tables")),
    Row("3.13", "demo", "newest.txt", ("spu", "join", "tables", "demo")),
)


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


def passes(row: Row, python: str, built: Path) -> bool:
    """Make the environment of `row`, and run its scripts there."""
    with tempfile.TemporaryDirectory(prefix="junto-matrix-") as name:
        folder = Path(name)
        subprocess.run([python, "-m", "venv", str(folder / "venv")], check=True)
        inside = str(folder / "venv" / "bin" / "python")
        target = f"{built}[{row.extras}]" if row.extras else str(built)
        install = [inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if subprocess.run([*install, "-c", str(constraints(row.pins, folder)), target]).returncode:
            return False
        return all(script_passes(inside, each, folder) for each in row.scripts)


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
    failed, tried = 0, 0
    with tempfile.TemporaryDirectory(prefix="junto-wheel-") as folder:
        built = wheel(Path(folder))
        for row in ROWS:
            label = f"Python {row.python}, junto[{row.extras}], {row.pins}"
            python = interpreter(row.python)
            if python is None:
                print(f"left out, no such Python here: {label}", flush=True)
                continue
            begun = time.monotonic()
            good = passes(row, python, built)
            print(f"{'ok' if good else 'FAILED'}: {label} ({time.monotonic() - begun:.0f} s)", flush=True)
            tried, failed = tried + 1, failed + (not good)
    print(f"{tried - failed} passed, {failed} failed")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())

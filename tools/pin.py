"""Write requirements/*.txt from requirements/*.in: exact versions, no index addresses.

Run it with the oldest Python that junto supports (`make pins PYTHON=python3.11`): a version that
installs there also installs on the newer ones. pip resolves the largest set once; the smaller
files are its subsets, so that one environment can grow from core to dev without a change.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"
SETS = ("core", "test", "dev")
HEADER = "# Written by `make pins` from {name}.in; edit that file instead.\n"


def normal(name: str) -> str:
    """The name of a package as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def resolve(name: str, constraints: dict[str, str]) -> dict[str, str]:
    """What pip would install for `name`.in, as package -> version."""
    with tempfile.TemporaryDirectory() as folder:
        report, limits = Path(folder, "report.json"), Path(folder, "constraints.txt")
        limits.write_text("".join(f"{package}=={version}\n" for package, version in constraints.items()))
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        command += ["--report", str(report), "-c", str(limits), "-r", str(REQUIREMENTS / f"{name}.in")]
        subprocess.run(command, check=True)
        installs = json.loads(report.read_text())["install"]
    return {normal(item["metadata"]["name"]): item["metadata"]["version"] for item in installs}


def markers(name: str) -> dict[str, str]:
    """The environment markers that `name`.in gives its own packages."""
    found = {}
    for line in (REQUIREMENTS / f"{name}.in").read_text().splitlines():
        requirement, _, marker = line.partition(";")
        if marker:
            found[normal(re.split(r"[<>=!~ \[]", requirement)[0])] = marker.strip()
    return found


def main() -> None:
    """Resolve all sets and write their files."""
    everything = resolve(SETS[-1], {})
    written: set[str] = set()
    for index, name in enumerate(SETS):
        pins = everything if name == SETS[-1] else resolve(name, everything)
        mark = markers(name)
        lines = [HEADER.format(name=name)]
        if index:
            lines.append(f"-r {SETS[index - 1]}.txt\n")
        for package in sorted(pins.keys() - written):
            suffix = f"; {mark[package]}" if package in mark else ""
            lines.append(f"{package}=={pins[package]}{suffix}\n")
        written |= pins.keys()
        (REQUIREMENTS / f"{name}.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()

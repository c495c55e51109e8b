"""Compiles the kernels: one library for all versions of Python on one kind of machine.

Needs nothing but the standard library, and imports nothing of junto: the build of the package runs it as a
file. It prints nothing.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

SOURCES = Path(__file__).parent / "c"
LIBRARY = Path(__file__).parent / ("_kernels.dll" if os.name == "nt" else "_kernels.so")
VARIABLE = "JUNTO_KERNELS"
WARNINGS = ("-Wall", "-Wextra", "-Wno-psabi")
FLAGS = ("-std=c11", "-O3", "-shared", "-fvisibility=hidden", "-ffp-contract=off", *WARNINGS)
"""No sum is fused with a product: floats are to be those of numpy."""
PATIENCE_S = 600


class CannotBuild(Exception):
    """There is no compiler, or it does not compile the kernels; the message says which."""


def digest() -> str:
    """Tells one version of the sources from every other."""
    state = sha256()
    for path in sorted(SOURCES.glob("*.[ch]")):
        text = path.read_bytes().replace(b"\r\n", b"\n")
        state.update(f"{path.name} {len(text)}\n".encode() + text)
    return state.hexdigest()[:32]


def is_current() -> bool:
    """Whether the library is there and was made of the sources as they are."""
    return LIBRARY.is_file() and digest().encode() in LIBRARY.read_bytes()


def compiler(environment: Mapping[str, str] = os.environ) -> list[str] | None:
    """How to call a C compiler: `CC`, the system's, or that of the package `ziglang`; None: there is none."""
    if environment.get("CC"):
        return shlex.split(environment["CC"])
    for name in ("cc", "gcc", "clang"):
        if found := shutil.which(name):
            return [found]
    return [sys.executable, "-m", "ziglang", "cc"] if find_spec("ziglang") is not None else None


def build(target: Path = LIBRARY, extra: Sequence[str] = ()) -> None:
    """Compile the kernels into `target`, which is there whole or not at all.

    Args:
        target: the library's file.
        extra: flags of the compiler, after ours.

    Raises:
        CannotBuild: no compiler is found, or it fails.
    """
    command = compiler()
    if command is None:
        raise CannotBuild("there is no C compiler here (cc, gcc, clang, or the package ziglang)")
    sources = [str(path) for path in sorted(SOURCES.glob("*.c"))]
    place = [] if os.name == "nt" else ["-fPIC"]
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".kernels-") as folder:
        made = Path(folder) / target.name
        command += [*FLAGS, *place, f'-DJUNTO_SOURCE="{digest()}"', *extra, "-o", str(made), *sources]
        try:
            done = subprocess.run(  # noqa: S603 - the compiler that the caller's environment names
                command, capture_output=True, text=True, timeout=PATIENCE_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotBuild(f"{command[0]} cannot be run: {error}") from None
        if done.returncode or not made.is_file():
            said = done.stderr.strip().splitlines()[-20:]
            raise CannotBuild("\n".join([f"{command[0]} does not compile the kernels:", *said]))
        os.replace(made, target)

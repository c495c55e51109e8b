"""gRPC's core prints on standard error by itself; whatever of ours is imported first, it is told not to."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import junto.net

ROOM = Path(junto.net.__file__).parent
SEES = """
import importlib, os, sys
class Spy:
    def find_spec(self, name, path=None, target=None):
        if name == "grpc":
            print(os.environ.get("GRPC_VERBOSITY"))
sys.meta_path.insert(0, Spy())
importlib.import_module(sys.argv[1])
print("left", os.environ.get("GRPC_VERBOSITY"))
"""


def seen(module: str, **environment: str) -> list[str]:
    inherited = {name: value for name, value in os.environ.items() if name != "GRPC_VERBOSITY"}
    return subprocess.run(
        [sys.executable, "-c", SEES, module],
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout.splitlines()


@pytest.mark.parametrize(
    "module", ["junto.doctor.diagnosis", "junto.net.gateway", "junto.cli.doctor_command"]
)
def test_it_is_silent_unless_the_user_says_otherwise(module: str) -> None:
    assert seen(module) in (["NONE", "left None"], ["left None"])
    assert set(seen(module, GRPC_VERBOSITY="debug")) <= {"debug", "left debug"}


def test_one_module_imports_it() -> None:
    importers = [
        file.name for file in ROOM.rglob("*.py") if re.search(r"(?m)^\s*import grpc", file.read_text())
    ]
    assert importers == ["grpc_carrier.py"]

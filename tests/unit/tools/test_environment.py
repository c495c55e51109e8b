"""`tools/environment.py`: what `make` needs before there is an environment."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "tools" / "environment.py"


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, with a small project as the current folder."""
    spec = importlib.util.spec_from_file_location("junto_tools_environment", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "requirements").mkdir()
    (tmp_path / ".venv").mkdir()
    for name in ("core", "test", "dev"):
        (tmp_path / "requirements" / f"{name}.txt").write_text(f"{name}==1\n")
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    return module


@pytest.mark.parametrize("version", [(3, 6), (3, 10), (3, 14)])
def test_an_unsuitable_python_gets_a_sentence(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int]
) -> None:
    monkeypatch.setattr(sys, "version_info", (*version, 0, "final", 0))
    with pytest.raises(SystemExit, match=rf"needs Python 3\.11 to 3\.13.* is Python 3\.{version[1]}\."):
        environment.quit_unless_suitable()


def test_an_old_python_can_read_it() -> None:
    ast.parse(SOURCE.read_text(), feature_version=(3, 6))


def test_the_bounds_are_those_of_the_project(environment: ModuleType) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    oldest, newest = environment.OLDEST, environment.NEWEST
    assert project["requires-python"] == f">=3.{oldest[1]},<3.{newest[1] + 1}"


def test_a_set_is_installed_again_when_its_pins_change(environment: ModuleType) -> None:
    for name in ("core", "test"):
        Path(environment.stamp(name)).write_text(environment.fingerprint(name))
    assert environment.installed("core")
    assert environment.installed("test")
    Path("requirements", "test.txt").write_text("test==2\n")
    assert environment.installed("core")
    assert not environment.installed("test")
    Path("requirements", "core.txt").write_text("core==2\n")
    assert not environment.installed("core")
    assert not environment.installed("dev")


def test_settings_of_the_callers_shell_do_not_reach_pip(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in environment.FOREIGN:
        monkeypatch.setenv(name, "elsewhere")
    code = f"import os, sys; sys.exit(any(name in os.environ for name in {environment.FOREIGN!r}))"
    environment.run(sys.executable, "-c", code)


def test_what_fails_is_named(environment: ModuleType) -> None:
    with pytest.raises(SystemExit, match=r"set-up failed in: .* -c raise SystemExit\(3\)"):
        environment.run(sys.executable, "-c", "raise SystemExit(3)")


def test_each_step_says_what_it_does_and_how_long_it_has_been_at_it(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environment, "STILL_AT_IT_S", 0.001)  # no interpreter starts so fast
    environment.step("counting to one", sys.executable, "-c", "print(1)")
    first, *between, last = capfd.readouterr().out.splitlines()
    assert first == "  counting to one ..."
    assert "    ... 0 s" in between
    assert re.fullmatch(r"    done in \d+\.\d s", last)
    with pytest.raises(SystemExit, match="set-up failed"):
        environment.step("failing", sys.executable, "-c", "raise SystemExit(3)")
    assert "done" not in capfd.readouterr().out


def test_it_says_how_many_packages_come(environment: ModuleType) -> None:
    Path("requirements", "core.txt").write_text("# of a==1\na==1  \n    # via b\nb==2\n")
    assert environment.pinned("core") == 2

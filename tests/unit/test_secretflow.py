"""Every name of SecretFlow's works here, or says where to look."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

import junto as sf
from junto.secretflow import NAMES, PAGE

ROOT = Path(__file__).resolve().parents[2]
SAME = (
    "PYU SPU Device DeviceObject PYUObject SPUObject init proxy reveal shutdown to wait device "
    "device.PYU device.SPU device.PYUObject device.SPUObject device.Device device.DeviceObject device.init "
    "device.reveal device.wait device.to device.proxy device.shutdown device.with_device "
    "device.SPUCompilerNumReturnsPolicy utils utils.testing utils.testing.cluster_def"
)


def found(name: str) -> Any:
    value: Any = sf
    for part in name.split("."):
        value = getattr(value, part)
    return value


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name.partition(".")[0] not in ("SPU", "VDataFrame")]
)
def test_a_name_that_is_elsewhere_says_where(name: str) -> None:
    if name in SAME.split():
        return
    with pytest.raises(AttributeError) as caught:
        found(name)
    here, page = NAMES[name]
    assert here in str(caught.value)
    assert page in str(caught.value)
    assert PAGE in str(caught.value)


@pytest.mark.parametrize("name", SAME.split())
def test_what_means_the_same_has_the_same_name(name: str) -> None:
    found(name)


def test_methods_of_devices_and_frames_say_where_they_are() -> None:
    from junto.device.spu.spu import SPU
    from junto.frame import VDataFrame

    bare: dict[str, Any] = {"SPU": SPU.__new__(SPU), "VDataFrame": VDataFrame.__new__(VDataFrame)}
    for name, (here, _) in NAMES.items():
        kind, _, attribute = name.partition(".")
        if kind in bare:
            with pytest.raises(AttributeError, match=re.escape(here)):
                getattr(bare[kind], attribute)


@pytest.mark.parametrize("name", ["nothing", "ml.nothing", "device.nothing", "utils.nothing"])
def test_a_name_that_nobody_has_is_an_attribute_error_too(name: str) -> None:
    with pytest.raises(AttributeError, match="nothing"):
        found(name)


def test_what_the_table_promises_is_there() -> None:
    for here, page in NAMES.values():
        assert (ROOT / "docs" / page).exists()
        for name in re.findall(r"junto(?:\.[A-Za-z_]\w*)+", here):
            package, _, last = name.rpartition(".")
            assert hasattr(importlib.import_module(package), last), name


def test_what_has_come_since_is_not_said_to_be_missing() -> None:
    """A name that a package of ours has, too: its row says where it is."""
    packages = [importlib.import_module(f"junto.{each}") for each in ("federated", "frame", "join", "learn")]
    ours = {name.lower(): f"{each.__name__}.{name}" for each in packages for name in each.__all__}
    for name, (here, _) in NAMES.items():
        found_here = ours.get(name.rpartition(".")[2].lower())
        assert found_here is None or "not " not in here, f"{name} is here as {found_here}"
        for path in re.findall(r"junto(?:\.\w+)+", here):
            module, _, attribute = path.rpartition(".")
            try:
                importlib.import_module(path)
            except ModuleNotFoundError:
                assert hasattr(importlib.import_module(module), attribute), path


def test_the_page_has_the_whole_table() -> None:
    page = (ROOT / PAGE).read_text()
    assert set(re.findall(r"^\| `([\w.]+)` \|", page, re.MULTILINE)) == set(NAMES)


def test_packages_need_no_import_of_their_own() -> None:
    assert sf.learn.LogisticRegression.__name__ == "LogisticRegression"
    assert sf.join.join.__name__ == "join"
    assert sf.frame.read_csv.__name__ == "read_csv"
    assert sf.errors.JuntoError is sf.JuntoError

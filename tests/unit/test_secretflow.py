"""Every name of SecretFlow's works here, or says where to look."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import junto as sf
from junto.secretflow import FILES, NAMES, PAGE, ROOMS

ROOT = Path(__file__).resolve().parents[2]
SAME = (
    "PYU SPU Device DeviceObject PYUObject SPUObject init proxy reveal shutdown to wait device "
    "device.PYU device.SPU device.PYUObject device.SPUObject device.Device device.DeviceObject device.init "
    "device.reveal device.wait device.to device.proxy device.shutdown device.with_device "
    "device.SPUCompilerNumReturnsPolicy utils utils.testing utils.testing.cluster_def"
)


OF_OBJECTS = ("SPU", "VDataFrame", "PYUObject", "SPUObject")
"""Whose rows are about attributes of an object."""


def found(name: str) -> Any:
    value: Any = sf
    for part in name.split("."):
        value = getattr(value, part)
    return value


@pytest.mark.parametrize("name", [name for name in NAMES if name.partition(".")[0] not in OF_OBJECTS])
def test_a_name_that_is_elsewhere_says_where(name: str) -> None:
    if name in SAME.split():
        return
    with pytest.raises(AttributeError) as caught:
        found(name)
    here, page = NAMES[name]
    assert here in str(caught.value)
    assert page in str(caught.value)
    assert PAGE in str(caught.value)


def imported(name: str) -> Any:
    """As ``from PACKAGE import NAME`` has it."""
    package, _, last = f"junto.{name}".rpartition(".")
    names: dict[str, Any] = {}
    exec(f"from {package} import {last}", names)
    return names[last]


@pytest.mark.parametrize("name", [name for name in NAMES if name.partition(".")[0] not in OF_OBJECTS])
def test_so_does_its_import(name: str) -> None:
    with pytest.raises(ImportError) as caught:
        imported(name)
    here, page = NAMES[name]
    assert here in str(caught.value)
    assert page in str(caught.value)
    assert PAGE in str(caught.value)


@pytest.mark.parametrize(
    ("name", "here"),
    [
        ("data.vertical.dataframe.VDataFrame", "junto.frame.VDataFrame"),
        ("ml.linear.ss_sgd.SSRegression", "junto.learn.LogisticRegression"),
        ("preprocessing.scaler.StandardScaler", "junto.frame.StandardScaler"),
        ("stats.ss_vif_v.VIF", "junto.frame.variance_inflation_factor"),
        ("device.HEU", "an SPU of two parties"),
        ("device.device.heu.HEUObject", "an SPU of two parties"),
        ("distributed.fed.api", "sf.init"),
        ("ml.nn.metrics.AUC", "junto.learn.metrics"),
        ("utils.testing.heu_config", "an SPU of two parties"),
    ],
)
def test_a_module_of_a_package_has_what_that_has(name: str, here: str) -> None:
    with pytest.raises(ImportError, match=re.escape(here)):
        imported(name)


def test_every_package_of_its_can_be_imported() -> None:
    for name in ROOMS:
        module = importlib.import_module(f"junto.{name}")
        assert found(name) is module
    assert FILES <= ROOMS


@pytest.mark.parametrize("name", ["device.driver.reveal", "device.device.spu.SPUObject"])
def test_a_module_gives_what_has_the_same_name_here(name: str) -> None:
    assert imported(name) is getattr(sf, name.rpartition(".")[2])


@pytest.mark.parametrize("name", ["nothing", "device.nothing", "learn.nothing", "mpc.nothing.at_all"])
def test_what_nobody_has_is_python_s_to_say(name: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'junto\."):
        importlib.import_module(f"junto.{name}")


def test_nobody_else_s_imports_are_touched() -> None:
    ours = [finder for finder in sys.meta_path if type(finder).__module__ == "junto"]
    assert len(ours) == 1, "once, however often the module runs"
    assert sys.meta_path.index(ours[0]) >= 3, "after Python's own"
    for name in ("nothing_such", "json.nothing", "juntos", "secretflow"):
        assert ours[0].find_spec(name, None) is None


def test_no_module_takes_the_place_of_a_name_of_its_package() -> None:
    """Once imported, a module is an attribute of its package: there it would hide what is looked up late."""
    import junto.device

    for package, names in ((sf, sf.__all__), (junto.device, junto.device.NAMES)):
        files = {each.name for each in pkgutil.iter_modules(package.__path__)}
        assert not files & set(names)


@pytest.mark.parametrize("name", SAME.split())
def test_what_means_the_same_has_the_same_name(name: str) -> None:
    found(name)


def test_methods_of_devices_and_frames_say_where_they_are() -> None:
    from junto.device.spu.spu import SPU
    from junto.frame import VDataFrame

    kinds: Any = (SPU, VDataFrame, sf.PYUObject, sf.SPUObject)
    bare: dict[str, Any] = {name: kind.__new__(kind) for name, kind in zip(OF_OBJECTS, kinds, strict=True)}
    for name, (here, _) in NAMES.items():
        kind, _, attribute = name.partition(".")
        if kind in bare:
            with pytest.raises(AttributeError, match=re.escape(here)):
                getattr(bare[kind], attribute)


def test_what_a_value_has_and_its_handle_has_not_says_where_it_can_be_used() -> None:
    kinds: Any = (sf.PYUObject, sf.SPUObject)
    for kind in kinds:
        with pytest.raises(AttributeError, match=r"no attribute 'mean'; .*device\(f\)\(x\)"):
            kind.__new__(kind).mean  # noqa: B018
        assert not hasattr(kind.__new__(kind), "__dataframe__")


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

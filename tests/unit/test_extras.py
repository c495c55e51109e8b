"""What is missing is named with the extra that brings it, and each such extra exists."""

import tomllib
from pathlib import Path

import pytest

from junto import extras
from junto.errors import MissingLibrary

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def test_each_library_comes_with_the_extra_that_is_named():
    offered = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    packages = {"sklearn": "scikit-learn", "jaxlib": "jax", "scipy": "jax"}  # jax brings both
    for library, extra in extras.EXTRA_OF.items():
        wanted = packages.get(library, library)
        assert any(each.startswith(wanted) for each in offered[extra]), (library, extra)


def test_what_is_not_installed_is_refused_with_what_to_do(monkeypatch):
    extras.need("scipy", "this")
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(MissingLibrary, match="an SPU needs jax") as raised:
        extras.need("jax", "an SPU")
    assert raised.value.fix == "pip install 'junto[spu]'"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ModuleNotFoundError("no", name="pandas.core"), "junto[tables]"),
        (ModuleNotFoundError("no", name="requests"), None),
        (ModuleNotFoundError("no"), None),
        (ImportError("no", name="pandas"), None),
        (ValueError("pandas"), None),
    ],
)
def test_only_a_failed_import_of_one_of_them_is_told_so(error, told):
    found = extras.missing(error)
    assert (found is None) == (told is None)
    assert found is None or told in (found.fix or "")

"""Every error that has a code has a page, under that code, in the index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from junto import errors

PAGES = Path(__file__).resolve().parents[2] / "docs" / "errors"
CLASSES = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, errors.JuntoError) and "code" in vars(each)
]
CODED = [each for each in CLASSES if each is not errors.JuntoError]


@pytest.mark.parametrize("error", CODED, ids=lambda error: error.code)
def test_it_has_a_page(error: type[errors.JuntoError]) -> None:
    page = (PAGES / f"{error.code}.md").read_text()
    assert page.startswith(f"# {error.code}: {error.__name__}\n")
    assert "**What to do.**" in page
    assert f"[{error.code}: {error.__name__}]({error.code}.md)" in (PAGES / "index.md").read_text()


def test_codes_are_given_once_and_pages_to_nothing_else() -> None:
    codes = [each.code for each in CODED]
    assert len(set(codes)) == len(codes)
    assert {path.stem for path in PAGES.glob("J*.md")} == set(codes)


def test_examples_carry_the_code_of_their_page() -> None:
    for path in PAGES.glob("J*.md"):
        assert set(re.findall(r"\[(J\d+)\] ", path.read_text())) <= {path.stem}


def test_the_tree_in_the_docstring_is_complete() -> None:
    for each in CODED:
        assert re.search(rf"{each.__name__} +{each.code} ", errors.__doc__ or ""), each

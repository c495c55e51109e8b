"""Figures are text that a person can read: in both modes, on a telephone, and aloud."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pages import PAGES, ROOT, named

FIGURES = sorted((ROOT / "docs" / "figures").glob("*.svg"))
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
SVG = "{http://www.w3.org/2000/svg}"
TELEPHONE_PX, SMALLEST_PX = 400, 11.5


@pytest.mark.parametrize("figure", FIGURES, ids=named)
def test_a_figure_can_be_read(figure: Path) -> None:
    text = figure.read_text()
    root = ElementTree.fromstring(text)
    for part in ("title", "desc"):
        assert (root.findtext(f"{SVG}{part}") or "").strip()
        assert part in root.attrib["aria-labelledby"]
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"<script|<image|href=|url\((?!#)|@import", text)
    width = float(root.attrib["viewBox"].split()[2])
    sizes = [float(size) for size in re.findall(r"(?:font-size|font): *(\d+)px", text)]
    assert min(sizes) * TELEPHONE_PX / width >= SMALLEST_PX


def test_every_image_is_there_and_says_what_it_shows() -> None:
    used = set()
    for page in PAGES:
        for said, place in IMAGE.findall(page.read_text()):
            assert len(said) > 20, f"{named(page)}: {place}"
            used.add((page.parent / place).resolve())
    assert used == set(FIGURES)

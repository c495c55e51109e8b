"""What the documentation promises is there: links, error pages, commands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from junto import errors, frame, learn
from pages import PAGES, ROOT, named

LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(page.read_text()):
        path, _, place = link.partition("#")
        if "://" in link:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (place and place not in anchors(target)):
            broken.append(link)
    assert broken == []


def coded(kind: type[errors.JuntoError]) -> list[type[errors.JuntoError]]:
    below = [each for child in kind.__subclasses__() for each in coded(child)]
    return [kind, *below] if "code" in vars(kind) and kind is not errors.JuntoError else below


def test_every_error_has_its_page_and_every_page_its_error() -> None:
    folder = ROOT / "docs" / "errors"
    expected = {kind.code: f"# {kind.code}: {kind.__name__}" for kind in coded(errors.JuntoError)}
    pages = {page.stem: page.read_text().splitlines()[0] for page in folder.glob("J*.md")}
    assert pages == expected
    index = (folder / "index.md").read_text()
    assert [code for code in expected if f"]({code}.md)" not in index] == []


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "adr"
    assert {page.name for page in folder.glob("0*.md")} == set(
        re.findall(r"\]\((0[^)]+)\)", (folder / "index.md").read_text())
    )


def skeleton(page: Path) -> dict[str, list[str]]:
    """What a translation has in common with its original."""
    text = re.sub(r"^\[(?:中文|English)\]\(.*\)$", "", page.read_text(), flags=re.MULTILINE)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return {
        "blocks": re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL),
        "headings": re.findall(r"^#+ ", text, re.MULTILINE),
        "code": sorted(re.sub(r"\s+", " ", code) for code in re.findall(r"`([^`]+)`", prose)),
        "links": sorted(
            link.replace(".zh.", ".") for link in LINK.findall(prose) if not link.startswith("#")
        ),
        "rows": [str(line.count("|")) for line in prose.splitlines() if line.startswith("|")],
    }


CHINESE = [page for page in PAGES if page.name.endswith(".zh.md")]
SHORTER = {"docs/how-to/coming-from-secretflow.zh.md"}
"""Refers to a table of its original, so only its blocks are the same."""


@pytest.mark.parametrize("page", CHINESE, ids=named)
def test_a_chinese_page_is_kept_equal(page: Path) -> None:
    ours, original = skeleton(page), skeleton(page.with_name(page.name.replace(".zh.", ".")))
    assert ours["blocks"] == original["blocks"]
    if named(page) not in SHORTER:
        assert ours == original


@pytest.mark.parametrize("page", CHINESE, ids=named)
def test_a_chinese_page_leads_to_chinese_pages(page: Path) -> None:
    """But for a link to a section, whose name is the English one, and the one to its own original."""
    links = {
        (page.parent / link).resolve() for link in LINK.findall(page.read_text()) if link.endswith(".md")
    }
    chinese = {link for link in links if link.with_name(f"{link.stem}.zh.md") in CHINESE}
    assert chinese == {page.with_name(page.name.replace(".zh.", "."))}


NOT_NAMED = {"Aggregate", "Column", "Correlation", "Facts", "Frame", "Inflation", "Transformer"}
"""What methods of frames return, and base classes: their docstrings say enough."""


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("frame", {name.removeprefix("v_").removeprefix("h_") for name in frame.__all__} - NOT_NAMED),
        ("learn", {f"`{name}`" for name in [*learn.__all__, *learn.metrics.__all__]}),
    ],
    ids=["frame", "learn"],
)
def test_a_page_names_everything_that_there_is(page: str, names: set[str]) -> None:
    text = (ROOT / "docs" / "how-to" / f"{page}.md").read_text()
    assert sorted(name for name in names if name not in text) == []


@pytest.mark.slow
@pytest.mark.parametrize("command", ["demo", "run", "simulate", "certs", "doctor", "ledger"])
def test_every_documented_command_is_there(command: str) -> None:
    assert f"junto {command}" in (ROOT / "docs" / "reference" / "commands.md").read_text()
    asked = [sys.executable, "-m", "junto", command, "--help"]
    answer = subprocess.run(asked, capture_output=True, text=True, timeout=240, cwd=ROOT, check=False)
    assert answer.returncode == 0, answer.stderr

"""Every protocol module opens with the same labels, each at a line's beginning, and cites what exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "junto"
LABELS = ("Paper", "Computes", "Parties", "Secure", "Learns", "Cost")
OTHERS = ("Keys", "Law")
LABEL = re.compile(rf"\b({'|'.join((*LABELS, *OTHERS))}):\s\s+", re.MULTILINE)


def headers() -> dict[str, str]:
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")), clean=True) or ""
        if LABEL.search(text):
            found[str(path.relative_to(SOURCE))] = text
    return found


HEADERS = headers()


def test_the_headers_are_found() -> None:
    assert "mpc/protocol/multiply.py" in HEADERS
    assert len(HEADERS) > 30


@pytest.mark.parametrize("name", HEADERS)
def test_a_label_begins_its_line_and_they_come_in_order(name) -> None:
    found = [(at.start(), at[1]) for at in LABEL.finditer(HEADERS[name])]
    inside = [label for start, label in found if start and HEADERS[name][start - 1] != "\n"]
    assert inside == []
    known = [label for _, label in found if label in LABELS]
    assert known == [label for label in LABELS if label in known]


@pytest.mark.parametrize("name", [name for name in HEADERS if "Paper" in HEADERS[name]])
def test_a_protocol_says_all_of_it(name) -> None:
    found = {at[1] for at in LABEL.finditer(HEADERS[name])}
    if "Learns" in found:  # a function without a message of its own says what it computes from which paper
        assert set(LABELS) <= found


def test_documents_that_the_source_cites_are_there() -> None:
    lacking = []
    for path in sorted(SOURCE.rglob("*.py")):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")), clean=True) or ""
        for cited in re.findall(r"\b(?:docs/[\w/.-]+|[A-Z]+)\.md\b(?:, section \d+)?", text):
            document, _, section = cited.partition(", section ")
            there = ROOT / document
            if not there.exists() or (
                section and f"\n## {section}. " not in there.read_text(encoding="utf-8")
            ):
                lacking.append((str(path.relative_to(SOURCE)), cited))
    assert lacking == []

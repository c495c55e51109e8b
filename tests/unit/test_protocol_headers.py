"""Every protocol module opens with the same labels, each at a line's beginning, and cites what exists."""

from __future__ import annotations

import ast
import inspect
import re

import pytest

from sources import MODULES, ROOT, SOURCE

LITERAL = re.compile(r'r?""".*?"""', re.DOTALL)
LABELS = ("Paper", "Computes", "Parties", "Secure", "Learns", "Cost")
OTHERS = ("Keys", "Law")
LABEL = re.compile(rf"\b({'|'.join((*LABELS, *OTHERS))}):\s\s+", re.MULTILINE)


def docstrings() -> dict[str, str]:
    """Of all modules; each comes first, so that nothing else of a module need be parsed."""
    texts = {str(path.relative_to(SOURCE)): path.read_text(encoding="utf-8") for path in MODULES}
    first = {name: LITERAL.match(text) for name, text in texts.items() if text}
    return {name: inspect.cleandoc(ast.literal_eval(at[0])) if at else "" for name, at in first.items()}


DOCSTRINGS = docstrings()
HEADERS = {name: text for name, text in DOCSTRINGS.items() if LABEL.search(text)}


def test_every_module_begins_with_its_docstring() -> None:
    assert [name for name, text in DOCSTRINGS.items() if not text] == []


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
    for name, text in DOCSTRINGS.items():
        for cited in re.findall(r"\b(?:docs/[\w/.-]+|[A-Z]+)\.md\b(?:, section \d+)?", text):
            document, _, section = cited.partition(", section ")
            there = ROOT / document
            if not there.exists() or (
                section and f"\n## {section}. " not in there.read_text(encoding="utf-8")
            ):
                lacking.append((name, cited))
    assert lacking == []

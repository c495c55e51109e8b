"""One term for each thing: what the glossary defines is used, and its synonyms are not."""

from __future__ import annotations

import re

import pytest

from pages import PAGES, ROOT, named

GLOSSARY = ROOT / "docs" / "reference" / "glossary.md"
TERMS = re.findall(r"^\| \*\*(.+?)\*\* \|", GLOSSARY.read_text(), re.MULTILINE)
SYNONYMS = {
    "participant": "party",
    "player": "party",
    "data owner": "owner",
    "trusted dealer": "helper",
    "what the dealer": "helper",
    "coordinator": "there is none",
    "audit log": "ledger",
    "encrypted value": "share",
    "secret share": "share",
    "plain text": "plaintext, or text",
    "communication round": "round",
    "last bit of precision": "unit in the last place",
    "honest-but-curious": "semi-honest",
}
"""What the pages do not say, and what they say instead."""


def prose() -> dict[str, str]:
    """The pages in English without blocks and code, on one line each."""
    texts = {named(page): page.read_text() for page in PAGES if ".zh." not in page.name and page != GLOSSARY}
    plain = {name: re.sub(r"^```.*?^```", "", text, flags=re.M | re.S) for name, text in texts.items()}
    return {name: re.sub(r"\s+", " ", re.sub(r"`[^`]*`", "", text)) for name, text in plain.items()}


def test_the_terms_are_in_order_and_each_once() -> None:
    assert sorted({term.lower() for term in TERMS}) == [term.lower() for term in TERMS]


def test_every_term_is_used() -> None:
    everything = " ".join(prose().values()).lower()
    words = [word for term in TERMS for word in term.lower().split(", ")]
    assert [word for word in words if not re.search(rf"\b{re.escape(word)}", everything)] == []


@pytest.mark.parametrize("word", SYNONYMS)
def test_a_synonym_is_not_used(word: str) -> None:
    used = [name for name, text in prose().items() if re.search(rf"\b{word}", text, re.IGNORECASE)]
    assert used == [], f"say {SYNONYMS[word]!r}"

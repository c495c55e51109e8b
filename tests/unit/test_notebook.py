"""What a notebook shows of our things: a small table, no data, names as text; nobody is asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest

import junto as sf
from junto.frame import VerticalFrame
from junto.learn import LogisticRegression
from junto.markup import Folded, card, paragraph, table

SECRET = 727272.5
EVIL = "<img src=x onerror=alert(1)>&\"'"
ALLOWED = {"b", "p", "div", "table", "thead", "tbody", "tr", "th", "td"}
VOID = {"img", "meta", "br"}


class Cell(HTMLParser):
    """Tags, each closed, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def evil(v: Any) -> Any:
    return v * 2


evil.__name__ = evil.__qualname__ = EVIL


@pytest.fixture(scope="module")
def things() -> Iterator[dict[str, Any]]:
    with sf.Session(["alice", "bob", "carol"], address="local"):
        alice, bob = sf.PYU("alice"), sf.PYU("bob")
        spu = sf.SPU(parties=["alice", "bob", "carol"])
        x = alice(np.full)(3, SECRET)
        shared = x.to(spu)
        with spu.profile() as profile:
            sf.wait(spu(evil)(shared))
        frame = VerticalFrame({p: p(pd.DataFrame)({EVIL + p.party: [SECRET]}) for p in (alice, bob)})
        yield {
            "a handle": alice(evil)(x),
            "a shared value": spu(evil)(shared),
            "an explanation": spu.explain(evil)(shared),
            "a profile": profile,
            "a model": LogisticRegression(spu),
            "a frame": frame,
            "a report": sf.Report(EVIL),
        }


KINDS = ["a handle", "a shared value", "an explanation", "a profile", "a model", "a frame", "a report"]


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_whole_html_without_data_and_names_are_text(things: dict[str, Any], kind: str) -> None:
    thing = things[kind]
    html = thing._repr_html_()
    cell = Cell(html)
    assert cell.tags <= ALLOWED | {"iframe"}
    for text in (html, repr(thing), str(thing)):
        assert "727272" not in text
    assert len(repr(thing)) < 300


@pytest.mark.parametrize("kind", KINDS)
def test_showing_it_begins_no_operation(things: dict[str, Any], kind: str) -> None:
    program = things["a handle"].session.program
    before = [(spell.text, spell.calls) for spell in program.timeline.spells()]
    things[kind]._repr_html_()
    assert [(spell.text, spell.calls) for spell in program.timeline.spells()] == before


def test_a_handle_does_not_wait_for_its_value(things: dict[str, Any]) -> None:
    gate = threading.Event()
    handle = things["a handle"].device(lambda: gate.wait(60))()
    assert "running" in Cell(handle._repr_html_()).text
    gate.set()
    sf.wait(handle)
    assert "done" in Cell(handle._repr_html_()).text


def test_an_explanation_shows_its_costs_as_a_table(things: dict[str, Any]) -> None:
    explanation = things["an explanation"]
    cell = Cell(explanation._repr_html_())
    assert "primitive" in cell.text
    assert "mul" in cell.text
    assert all(note in cell.text for note in explanation.notes)
    assert f"{explanation.rounds} round" in repr(explanation)


@pytest.mark.parametrize("text", [EVIL, "</table><script>", "&lt;"])
def test_what_is_shown_is_escaped(text: str) -> None:
    for html in (
        card(text, {text: text}),
        paragraph(text, ""),
        table([text], [[Folded(text, [text], [[text]])]]),
    ):
        cell = Cell(html)
        assert cell.tags <= {
            "b",
            "p",
            "div",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "details",
            "summary",
        }
        assert text in cell.text

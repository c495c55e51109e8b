"""A party that sends what is none in place of pieces or a key: it is named, and the SPU goes on."""

from __future__ import annotations

import numpy as np
import pytest

import junto as sf
from junto.program.program import Program
from spu_values import secret, spu_of

VALUE = {"a": np.arange(3.0, dtype=np.float32), "b": np.array([True, False])}
PIECES = [np.zeros(3, np.uint64), np.zeros(1, np.uint8)]
NONE = [None, "text", 7, {}, [], PIECES[:1], [*PIECES, PIECES[1]], PIECES[::-1], [PIECES[0], None], bytes(15)]


@pytest.fixture(scope="module", params=[("alice", "bob", "carol"), ("alice", "bob")], ids=["helper", "pair"])
def spu(request):
    sf.init(["alice", "bob", "carol", "dave"], address="local", logging_level="critical")
    yield spu_of(*request.param)
    sf.shutdown()


def told(patch, kind, source, target, value):
    """Each such passage brings `value` from now on."""
    real = Program.transfer

    def transfer(program, passage, ref):
        arrived = real(program, passage, ref)
        if (passage.kind, passage.source, passage.target) != (kind, source, target) or arrived is None:
            return arrived
        false = program.promise(target)
        false.set_value(value)
        return false

    patch.setattr(Program, "transfer", transfer)


def plus(x):
    return x + 1


def entered(spu, owner):
    return lambda: sf.reveal(secret(spu, VALUE, owner), to=["alice"])


def shown(spu):
    value = secret(spu, VALUE, "alice")
    return lambda: sf.reveal(value, to=["carol"])


WAYS = {
    "from one that computes": (lambda spu: entered(spu, "alice"), "share", "alice", "bob"),
    "from an outsider, a key": (lambda spu: entered(spu, "dave"), "share", "dave", "alice"),
    "from an outsider, pieces": (lambda spu: entered(spu, "dave"), "share", "dave", "bob"),
    "to a receiver": (shown, "reveal", "bob", "carol"),
}


@pytest.mark.parametrize("way", WAYS)
def test_pieces_that_are_none(spu, monkeypatch, way):
    step, *passage = WAYS[way]
    for value in NONE:
        if value is None and passage[0] == "share":
            continue  # is what a party is given that gets no piece
        run = step(spu)
        with monkeypatch.context() as patch:
            told(patch, *passage, value)
            with pytest.raises(sf.JuntoError, match="ProtocolViolation") as caught:
                run()
        assert f"what {passage[1]} sent as" in str(caught.value)
        assert sf.reveal(spu(plus)(secret(spu, 1.0))) == 2


@pytest.mark.parametrize("owner", ["alice", "dave"])
@pytest.mark.parametrize("ring", ["@64.18", "@64.20", "@128.32"])
def test_an_owner_that_says_another_ring_than_the_script(spu, monkeypatch, owner, ring):
    """To a node and to whoever holds the handle alone; nobody reads words as those of another ring."""
    layout = {"a": f"float32[3]{ring}", "b": "bool[2]"}
    with monkeypatch.context() as patch:
        told(patch, "layout", owner, "bob", layout)
        with pytest.raises(sf.JuntoError, match="makes no sense"):
            entered(spu, owner)()
    assert sf.reveal(spu(plus)(secret(spu, 1.0))) == 2

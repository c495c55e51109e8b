"""What each party of a real SPU receives: on the links, through the gateways, in the files of a dump.

A receiver that computes gets the one piece that it has not, and so nothing but the value. All else that
ever leaves a node or an owner is fresh: no word of it comes twice, wherever it goes, however often the same
value is shown, kept or moved; and its bytes are uniform, whatever the values are. The helper gets no message.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import junto as sf
from junto.device.spu import sharefile
from junto.mpc.primitives.public import PublicDigest
from spu_values import spu_of
from views import LIMIT, Views, chi_square

PARTIES = ["alice", "bob", "carol", "dave"]
MODES = {"helper": ("alice", "bob", "carol"), "two parties": ("alice", "bob")}
COMPUTE = ("alice", "bob")
N = 512
INPUTS = {
    "zeros": np.zeros(N, np.float32),
    "large": np.full(N, -(2.0**12), np.float32),
    "small": np.arange(-256, 256, dtype=np.float32) / 128,
}


def fresh(passage: Any) -> bool:
    """All that is a piece, but for what a computing party gets to put a value together."""
    return not (passage.kind == "reveal" and passage.target in COMPUTE)


@pytest.fixture(scope="module")
def views() -> Iterator[Views]:
    with pytest.MonkeyPatch.context() as patch:
        sf.init(parties=PARTIES, address="local", logging_level="error")
        yield Views(patch)
        sf.shutdown()


@pytest.fixture(scope="module", params=MODES)
def spu(views: Views, request: pytest.FixtureRequest) -> sf.SPU:
    return views.watch(spu_of(*MODES[request.param]))


@pytest.fixture(scope="module")
def other(views: Views, spu: sf.SPU) -> sf.SPU:
    """Computes at others, in the same ring: at the first one's helper, and at an onlooker."""
    return views.watch(spu_of("carol", "dave", "bob", field=spu.settings.ring.name))


def product(a: Any, b: Any) -> Any:
    return a * b, a > b, jnp.abs(b)


def course(spu: sf.SPU, other: sf.SPU, x: np.ndarray, folder: Path) -> dict[str, list[np.ndarray]]:
    """Everything that is ever done with a value, twice; each party's pieces in the files of its dumps."""
    owned = {party: [sf.PYU(party)(lambda: (x, x > 1))() for _ in range(2)] for party in PARTIES}
    shared = [handle.to(spu) for handles in owned.values() for handle in (*handles, handles[0])]
    first, last = [spu(lambda t: t[0])(handle) for handle in (shared[0], shared[-1])]
    made = [value for _ in range(2) for value in spu(product)(first, last)]
    shown = sf.reveal([*shared, *made, made[0], made[0]])
    assert all((each[0] == x).all() and (each[1] == (x > 1)).all() for each in shown[: len(shared)])
    for value in (made[0], shared[0], made[0], shared[0]):
        sf.reveal([value, value], to=["dave"])
        sf.reveal(value, to=["carol", "alice"])
        for party in PARTIES:
            sf.reveal(value.to(sf.PYU(party)), to=[party])
        moved = value.to(other)
        sf.reveal(moved, to=["dave"])
    kept: dict[str, list[np.ndarray]] = {party: [] for party in COMPUTE}
    for number in range(3):
        paths = {party: folder / f"{party}{number}" for party in spu.settings.parties}
        spu.dump([made[0], shared[0], made[0]], paths)
        for party in COMPUTE:
            kept[party] += [part.reshape(-1).view(np.uint8) for part in sharefile.read(paths[party]).parcels]
        loaded = spu.load(paths)
        sf.reveal(loaded, to=["carol"])
    return kept


def assert_no_word_twice(parts: list[np.ndarray]) -> None:
    words = np.concatenate([part[: len(part) // 8 * 8].view(np.uint64) for part in parts])
    assert len(words) > 1000
    assert len(np.unique(words)) == len(words)


@pytest.mark.parametrize("inputs", INPUTS)
def test_all_that_leaves_is_fresh_and_uniform(views, spu, other, inputs, tmp_path) -> None:
    begin, heard = len(views.values), len(views.messages)
    kept = course(spu, other, INPUTS[inputs], tmp_path)
    pieces = [(passage, part) for passage, part in views.pieces(begin) if fresh(passage)]
    for party in PARTIES:  # the two pieces of bits that are all 0 are alike, so each sender's for itself
        leaving = [part for passage, part in pieces if passage.source == party] + kept.get(party, [])
        assert_no_word_twice(leaving)
        arriving = [part for passage, part in pieces if passage.target == party] + kept.get(party, [])
        assert chi_square(np.concatenate(arriving)) < LIMIT
    for node in COMPUTE:
        received = [m for m in views.messages[heard:] if m[0] == spu.name and m[1] == node and len(m[4]) > 32]
        data = [np.frombuffer(message[4], np.uint8) for message in received]
        assert chi_square(np.concatenate(data)) < LIMIT
        assert_no_word_twice(data)


def test_the_helper_receives_no_message_in_any_operation(views, spu, other) -> None:
    for each in (spu, other):
        helper = each.settings.helper
        heard = [m for m in views.messages if m[0] == each.name and m[1] == helper]
        assert heard == []


def test_pieces_go_to_the_receiver_and_to_nobody_else(views, spu) -> None:
    x = sf.PYU("alice")(lambda: INPUTS["small"])().to(spu)
    sf.wait(x)
    for receiver in PARTIES:
        begin = len(views.values)
        sf.reveal(x, to=[receiver])
        sf.reveal(x.to(sf.PYU(receiver)), to=[receiver])
        sent = [(passage.source, passage.target) for passage, _ in views.pieces(begin)]
        assert sent == 2 * [(party, receiver) for party in COMPUTE if party != receiver]


def test_every_two_nodes_of_every_device_have_a_secret_of_their_own(spu, other) -> None:
    """Also in one process: 32 bytes that the two share and nobody else has."""
    known: dict[bytes, set[tuple[str, str]]] = {}
    for each in (spu, other):
        for role, seat in each.engine._seats.items():
            for peer, secret in seat.secrets.items():
                assert len(secret) == 32
                known.setdefault(secret, set()).add((each.name, " ".join(sorted((role, peer)))))
    assert bytes(32) not in known
    assert all(len(ends) == 1 for ends in known.values())


def test_nodes_that_computed_other_public_numbers_stop(views) -> None:
    """Pieces of different numbers would tell more than the value that they add up to."""
    pair = spu_of("alice", "bob")
    x = sf.PYU("alice")(lambda: INPUTS["small"])().to(pair)
    digest, turns = PublicDigest.digest.fget, iter(range(2))

    def differs(self: PublicDigest) -> bytes:
        return bytes([next(turns)]) + digest(self)[1:]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PublicDigest, "digest", property(differs))
        with pytest.raises(sf.JuntoError) as caught:
            sf.reveal(pair(lambda v: v * jnp.sin(jnp.arange(N, dtype=jnp.float32)))(x))
    assert "computed different public numbers" in str(caught.value.__cause__ or caught.value)


def test_what_was_made_ahead_hides_as_much(views, tmp_path) -> None:
    """Runs from a pool: nothing that one party tells the other comes twice, and all of it is uniform."""
    pair = views.watch(spu_of("alice", "bob"))
    pair.open_pool({party: tmp_path / party for party in COMPUTE})
    x, y = [sf.PYU(party)(lambda: INPUTS["small"])().to(pair) for party in COMPUTE]
    pair.preprocess(product, x, y, runs=3)
    sf.wait([x, y])
    heard = len(views.messages)
    with pair.profile() as profile:
        sf.wait([pair(product)(x, y) for _ in range(3)])
    assert profile.total().offline_bytes == 0
    for node in COMPUTE:
        received = [
            m for m in views.messages[heard:] if m[0] == pair.name and m[1] == node and len(m[4]) > 64
        ]
        data = [np.frombuffer(message[4], np.uint8) for message in received]
        assert chi_square(np.concatenate(data)) < LIMIT
        assert_no_word_twice(data)


def test_what_is_revealed_inside_adds_its_opening_and_nothing_else(views, spu) -> None:
    """To each compute party the piece that it lacks, which is uniform; to the helper the number itself."""
    x, y = [sf.PYU(party)(lambda: INPUTS["large"])().to(spu) for party in COMPUTE]
    heard: list[dict[str, list[bytes]]] = []
    helper, size = spu.settings.helper, spu.numbers.width // 8 * N
    to_helper = None if helper is None else spu.engine._seats["bob"].channels[helper].counters
    before = 0 if to_helper is None else to_helper.payload_sent
    online: list[dict[str, int]] = []
    for function in (lambda a, b: a * b, lambda a, b: sf.reveal_inside(a * b, name="product")):
        sf.wait([x, y])
        begin = len(views.messages)
        with spu.profile() as profile:
            made = spu(function, reveals=["product"])(x, y)
            sf.wait(made)
            online.append({each.node: each.cost.online_bytes for each in profile.calls})
        heard.append({node: [] for node in spu.settings.parties})
        for name, node, _, _, data in views.messages[begin:]:
            if name == spu.name:
                heard[-1][node].append(data)
    shown = sf.reveal(made)
    assert shown == pytest.approx(INPUTS["large"] ** 2, abs=1e-4)
    told = 0 if to_helper is None else to_helper.payload_sent - before
    assert told == (0 if helper is None else size)
    assert [online[1][party] - online[0][party] for party in COMPUTE] == [size, size + told]
    for node in COMPUTE:
        data = [np.frombuffer(each, np.uint8) for each in heard[1][node] if len(each) > 32]
        # Each alone: two of them differ by what is revealed, which has nothing in its upper word of two.
        assert max(map(chi_square, data)) < LIMIT
        whole = [part[: len(part) // 16 * 16].reshape(-1, size // N)[:, :8].reshape(-1) for part in data]
        assert_no_word_twice(whole)
    if told:
        sizes = [[sum(map(len, each[node])) for node in COMPUTE] for each in heard]
        assert np.subtract(sizes[1], sizes[0]).tolist() == [size, size]
        assert heard[0][helper] == []
        (number,) = heard[1][helper]
        each = size // N
        told = [int.from_bytes(number[at : at + each], "little", signed=True) for at in range(0, size, each)]
        assert [x / 2**spu.numbers.fraction for x in told] == pytest.approx(shown.tolist(), abs=1e-9)

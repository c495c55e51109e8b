"""What two parties will send to prepare a plan, foretold; and what they then send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from junto.mpc.gates import Digit
from junto.mpc.ot.extension import OtSettings
from junto.mpc.preprocess.blank import BlankSupply
from junto.mpc.preprocess.estimate import sent
from junto.mpc.preprocess.joint import Paired
from junto.mpc.prg import Stream
from junto.mpc.protocol.demands import (
    BOTH,
    Bilinear,
    BothBits,
    Conjunction,
    Cut,
    DigitPads,
    Hot,
    Number,
    Product,
    Selected,
    Square,
    Turn,
    WordPads,
)
from junto.mpc.protocol.pair.pair_gates import PairGates
from junto.mpc.protocol.shares import Masked
from junto.mpc.ring128 import elements, widened
from junto.mpc.rounds import Rounds, together
from mpc_pairs import Sources, oblivious

SETTINGS = OtSettings(block=1 << 15, overlap=False)
N = 4096
WORDS, FLAGS, PLANES = np.ones(N, np.uint64), np.ones(N, np.bool_), np.ones((3, N // 64), np.uint64)
WIDE, TALL = np.ones((32, 64), np.uint64), np.ones((64, 16), np.uint64)
LOW = np.ones((64, 4), np.uint64)
MATRICES = np.ones((3, 20, 64), np.uint64)

DEMANDS: dict[str, Any] = {
    "product": Product(WORDS, WORDS, (N,), (BOTH, BOTH)),
    "product of owners": Product(WORDS, WORDS, (N,), (1, 2)),
    "broadcast": Product(WIDE, WIDE[:1], WIDE.shape, (BOTH, BOTH)),
    "outer": Product(WIDE[:, :1], WIDE[:1], WIDE.shape, (BOTH, BOTH)),
    "square": Square(WORDS),
    "small matrices": Bilinear(WIDE[:8], LOW, lambda a, b, by: by(a, b), (BOTH, BOTH)),
    "small matrix of one": Bilinear(WIDE[:8], LOW, lambda a, b, by: by(a, b), (2, BOTH)),
    "matrices": Bilinear(WIDE, TALL, lambda a, b, by: by(a, b), (BOTH, BOTH)),
    "matrix of one": Bilinear(WIDE, TALL, lambda a, b, by: by(a, b), (2, BOTH)),
    "matrix and vector": Bilinear(WIDE, LOW[:, :1], lambda a, b, by: by(a, b), (BOTH, 1)),
    "several": Bilinear(MATRICES, LOW, lambda a, b, by: by(a, b), (BOTH, BOTH)),
    "selected": Selected(FLAGS, WORDS, (N,)),
    "bits": BothBits(FLAGS, FLAGS, (N,)),
    "number": Number(FLAGS),
    "conjunction": Conjunction(PLANES, np.stack([PLANES, PLANES]), N),
    "cut": Cut(WORDS, WORDS, FLAGS, 18),
    "turn": Turn(np.ones(N), np.ones(N)),
    "digits": DigitPads(WORDS, 16, 1, 2),
    "rescaled": Cut(WORDS, WORDS, FLAGS, 0, np.uint64(4)),
    "words": WordPads(WORDS, Digit(3, 4), 2),
}


def widened_demand(demand: Any) -> Any:
    """The same in the ring of 128 bits."""
    rings = {
        each.name: widened(getattr(demand, each.name))
        for each in fields(demand)
        if each.name in ("left", "right", "mask", "low", "numbers")
        and not isinstance(demand, Conjunction | BothBits)
    }
    return replace(
        demand, **rings, **({"width": 128} if isinstance(demand, Number | BothBits | Turn) else {})
    )


DEMANDS |= {f"wide {name}": widened_demand(demand) for name, demand in DEMANDS.items()}
DEMANDS["widened"] = Cut(WORDS, widened(WORDS), FLAGS, 0)


@pytest.fixture(scope="module")
def sources() -> Sources:
    made = Sources(SETTINGS)
    for first in ("number", "outer", "wide matrices"):
        made.make([DEMANDS[first]], [DEMANDS[first]])
    return made


@pytest.mark.slow
@pytest.mark.parametrize("name", DEMANDS)
def test_what_a_demand_costs_is_foretold(sources: Sources, name: str) -> None:
    before = [end.sent for end in sources.ends]
    sources.make([DEMANDS[name]], [DEMANDS[name]])
    for party, end in enumerate(sources.ends):
        assert sent(DEMANDS[name], party, SETTINGS) == pytest.approx(end.sent - before[party], rel=0.05)


@pytest.mark.parametrize(
    "name", ["outer", "matrices", "matrix of one", "several", "wide matrices", "wide several"]
)
def test_what_a_product_of_large_matrices_costs_is_foretold_to_the_byte(sources: Sources, name: str) -> None:
    before = [end.sent for end in sources.ends]
    sources.make([DEMANDS[name]], [DEMANDS[name]])
    exact = [end.sent - already for end, already in zip(sources.ends, before, strict=True)]
    assert exact == [sent(DEMANDS[name], party, SETTINGS) for party in (0, 1)]


def test_only_a_helper_deals_some() -> None:
    with pytest.raises(TypeError, match="only a helper"):
        sent(Hot(WORDS, range(1)), 0)


class Nobody:
    """A wire without another end."""

    def exchange(self, parts: Sequence[memoryview], size: int) -> memoryview:
        return memoryview(bytes(size))


async def much(g: Any, a: Any, b: Any) -> list[Any]:
    product = await g.truncate(await g.multiply(a, b), 18)
    chosen = g.multiply(g.to_ring(await g.negative(a)), product)
    looked = g.lookup(a, Digit(4, 4), [np.zeros(16, np.uint64)])
    rest = together(chosen, g.zero(b), g.multiply(product, product), g.series(a, 20, [0.0, 1.0], []), looked)
    side = 64 if g.bits == 64 else 8  # so small that none of them is worth a key
    square = lambda v: v[: side * side].reshape(side, side)  # noqa: E731
    matrices = await g.bilinear(g.arrange(a, square), g.arrange(b, square), lambda x, y, by: by(x, y))
    bits = await g.decompose(a, 9)
    return [*(await rest)[:1], matrices, bits]


@pytest.mark.slow
@pytest.mark.parametrize("width", [64, 128])
def test_a_run_with_zeros_counts_what_a_real_one_does(width: int) -> None:
    words = elements(WORDS, width)
    real = oblivious(much, words, words, width=width)
    blanks = []
    for party in (0, 1):
        blank = Paired(party, Stream(bytes(16)), Nobody(), BlankSupply(party), width)
        gates = PairGates(blank, 1 << 20)
        secrets = [Masked(words, words) for _ in (0, 1)]
        with np.errstate(over="ignore"):
            Rounds(blank.flush).run(much(gates, *secrets))
        assert blank.offline == real.roles[party].offline
        blanks.append(blank)
    assert (blanks[0].rounds, blanks[0].opened) == (real.rounds, real.opened)
    assert max(blank.offline for blank in blanks) == pytest.approx(real.offline, rel=0.05)

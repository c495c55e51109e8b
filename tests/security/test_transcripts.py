"""What the nodes open is uniform, whatever the inputs: counted, not argued.

The test is Pearson's chi-square over the bytes of every opened message, in many runs with fresh keys. A gate
that leaks on purpose shows that the test can fail.
"""

from __future__ import annotations

import numpy as np
import pytest

import mpc_nodes
import mpc_pairs
from junto.mpc.gates import Digit, Powers
from junto.mpc.protocol.shares import piece
from junto.mpc.rounds import together
from mpc_nodes import run

N = 512
RUNS = 12
INPUTS = {
    "zeros": np.zeros(N, np.uint64),
    "ones": np.full(N, 2**64 - 1, np.uint64),
    "small": np.arange(N, dtype=np.uint64),
    "large": np.full(N, 2**61, np.uint64),
}
LIMIT = 400.0
"""Chi-square with 255 degrees of freedom exceeds this once in 10**7 uniform samples."""


async def hold(g, x):
    return await g.hold(await g.multiply(x, x))


async def truncate(g, x):
    return await g.truncate(x, 18)


async def negative(g, x):
    return await g.negative(x)


async def zero(g, x):
    return await g.zero(x)


async def both(g, x):
    return await g.both(await g.negative(x), await g.zero(x))


async def decompose(g, x):
    return await g.decompose(x, 32)


async def lookup(g, x):
    (entry,) = await g.lookup(x, Digit(18, 4), [np.arange(16, dtype=np.uint64)])
    return await g.hold(entry)


async def power(g, x):
    tables = (np.arange(count, dtype=np.uint64) for count in (16, 16, 4))
    rest, entry, _ = await g.power(x, Digit(18, 4), Powers(*tables, 0))
    return list(await together(g.multiply(rest, rest), g.hold(rest), g.hold(entry)))


async def series(g, x):
    return await g.hold(await g.series(x, 23, [0.0, 1.0], []))


async def leaky(g, x):
    """Opens x under a mask of which 16 bits are missing."""
    role = g._role
    mask = role.mask(x.shape) & np.uint64(2**48 - 1)
    share = piece(role, x)
    await role.open(None if share is None else share + mask)
    return x


def chi_square(data: bytes) -> float:
    seen = np.bincount(np.frombuffer(data, np.uint8), minlength=256)
    expected = len(data) / 256
    return float(((seen - expected) ** 2 / expected).sum())


def opened(gate, x: np.ndarray, by=run) -> tuple[bytes, bytes]:
    """All that P0 and that P1 received of each other."""
    messages: tuple[list[bytes], list[bytes]] = ([], [])
    for seed in range(RUNS):
        for own, received in zip(messages, by(gate, x, seed=seed).received, strict=True):
            own.extend(received)
    return b"".join(messages[0]), b"".join(messages[1])


@pytest.mark.parametrize("by", [mpc_nodes.run, mpc_pairs.run], ids=["helper", "pair"])
@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("gate", [hold, truncate, negative, zero, both, decompose, lookup, power, series])
def test_what_is_opened_is_uniform_whatever_the_inputs(gate, name, by):
    for received in opened(gate, INPUTS[name], by):
        assert chi_square(received) < LIMIT


def test_the_check_finds_a_gate_that_leaks():
    def sums(x: np.ndarray) -> bytes:
        parts = []
        for seed in range(RUNS):
            first, second = run(leaky, x, seed=seed).received
            a, b = (np.frombuffer(messages[-1], np.uint64) for messages in (first, second))
            parts.append(np.asarray(a + b).tobytes())
        return b"".join(parts)

    assert chi_square(sums(INPUTS["zeros"])) > LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("gate", [hold, truncate, negative, zero, both, decompose, lookup, power, series])
def test_the_opened_values_themselves_are_uniform(gate):
    """Both pieces together, as P0 and P1 see them: share + share, or share xor share."""
    for name, x in INPUTS.items():
        parts = []
        for seed in range(RUNS):
            first, second = run(gate, x, seed=seed).received
            for a, b in zip(first[1:], second[1:], strict=True):  # the first brings x in
                if gate in (hold, truncate, lookup, power, series):
                    parts.append(
                        np.asarray(np.frombuffer(a, np.uint64) + np.frombuffer(b, np.uint64)).tobytes()
                    )
                else:
                    parts.append((np.frombuffer(a, np.uint8) ^ np.frombuffer(b, np.uint8)).tobytes())
        assert chi_square(b"".join(parts)) < LIMIT, name

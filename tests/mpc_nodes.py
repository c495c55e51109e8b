"""The three roles of a secure computation in one process, and a record of what was opened."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from junto.mpc import bits
from junto.mpc.prg import Stream, derive
from junto.mpc.protocol.planes import reshare, unpacked
from junto.mpc.protocol.role import Computing, Dealing, Role
from junto.mpc.protocol.secure_gates import SecureGates
from junto.mpc.protocol.shares import Additive, MaskedBits, RingSecret, piece
from junto.mpc.ring128 import WideArray, wide_from
from junto.mpc.rounds import Rounds

BLOCK = 1 << 20
WAIT_S = 20.0


class Pair:
    """A compute party's wire to the other one; keeps what it received."""

    def __init__(self, ours: queue.Queue, theirs: queue.Queue) -> None:
        self._ours, self._theirs = ours, theirs
        self.received: list[bytes] = []

    def exchange(self, parts: Sequence[memoryview], size: int) -> memoryview:
        self._ours.put(b"".join(parts))
        data = self._theirs.get(timeout=WAIT_S)
        assert len(data) == size
        self.received.append(data)
        return memoryview(data)


class Pipe:
    """From the helper to P1, or back."""

    def __init__(self) -> None:
        self._queue: queue.Queue[bytes] = queue.Queue()
        self._rest = b""
        self.nbytes = 0

    def write(self, octets: bytes | memoryview) -> None:
        self.nbytes += len(octets)
        self._queue.put(bytes(octets))

    def flush(self) -> None:
        """All of it is there at once."""

    def read(self, size: int) -> memoryview:
        while len(self._rest) < size:
            self._rest += self._queue.get(timeout=WAIT_S)
        data, self._rest = self._rest[:size], self._rest[size:]
        return memoryview(data)


@dataclass
class Outcome:
    """What came out, and what it cost beyond bringing the inputs in."""

    values: list[np.ndarray]
    rounds: int
    opened: int
    offline: int
    received: tuple[list[bytes], list[bytes]]
    roles: tuple[Role, ...] = field(repr=False)

    @property
    def value(self) -> np.ndarray:
        (value,) = self.values
        return value


Function = Callable[..., Coroutine[Any, Any, Any]]


def run(
    function: Function,
    *inputs: np.ndarray,
    block: int = BLOCK,
    seed: int = 0,
    ready: bool = True,
    width: int = 64,
) -> Outcome:
    """`function(gates, *secrets)` in all three roles; its results opened.

    `inputs` are arrays of bools or of elements of the ring modulo 2**width, shared at random.
    `ready`: in masked form.
    """
    first, second, pipe, back = queue.Queue(), queue.Queue(), Pipe(), Pipe()
    wires = Pair(first, second), Pair(second, first)
    keys = [derive(bytes(32), "test", seed, index) for index in (0, 1)]
    roles = (
        Computing(0, Stream(keys[0]), wires[0], None, width=width),
        Computing(1, Stream(keys[1]), wires[1], pipe, back, width),
        Dealing((Stream(keys[0]), Stream(keys[1])), pipe, back, width),
    )
    shared = [_shares(np.asanyarray(x), np.random.default_rng([seed, i])) for i, x in enumerate(inputs)]
    results: list[Any] = [None] * 3
    started: list[Any] = [None] * 3

    def play(number: int) -> None:
        role = roles[number]
        gates = SecureGates(role, block)

        async def program() -> Any:
            secrets = [await _enter(role, gates, shares, number, ready) for shares in shared]
            started[number] = (role.rounds, role.opened, role.offline)
            return await function(gates, *secrets)

        try:
            with np.errstate(over="ignore"):
                out = Rounds(role.flush).run(program())
                results[number] = [_piece(role, x) for x in (out if isinstance(out, list | tuple) else [out])]
        except BaseException as error:
            results[number] = error

    threads = [threading.Thread(target=play, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, queue.Empty):
            raise result
    for result in results:
        if isinstance(result, BaseException):
            raise result
    rounds, opened, _ = started[0]
    offline = started[1][2]
    assert roles[1].offline == roles[2].offline == pipe.nbytes
    return Outcome(
        [_combine(a, b) for a, b in zip(results[0], results[1], strict=True)],
        roles[0].rounds - rounds,
        roles[0].opened - opened,
        roles[1].offline - offline,
        (wires[0].received, wires[1].received),
        roles,
    )


def _shares(x: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    if x.dtype == np.bool_:
        noise = rng.integers(0, 2, x.shape).astype(np.bool_)
        return noise, x ^ noise
    if isinstance(x, WideArray):
        words = wide_from(rng.integers(0, 2**64, (*x.shape, 2), dtype=np.uint64))
    else:
        words = rng.integers(0, 2**64, x.shape, dtype=np.uint64)
    return words, np.asanyarray(x - words)


async def _enter(role: Role, gates: SecureGates, shares: Any, number: int, ready: bool) -> Any:
    x = shares[0]
    mine = shares[number] if number < 2 else None
    if x.dtype == np.bool_:
        packed = None if mine is None else bits.pack(mine.reshape(-1))[None]
        return unpacked(await reshare(role, packed, 1, x.size), x.shape)
    secret = Additive(mine, x.shape)
    return await gates.hold(secret) if ready else secret


def _piece(role: Role, x: RingSecret | MaskedBits) -> Any:
    return (x.public, x.mask) if isinstance(x, MaskedBits) else piece(role, x)


def _combine(a: Any, b: Any) -> np.ndarray:
    if isinstance(a, tuple):
        assert (a[0] == b[0]).all(), "P0 and P1 hold different public bits"
        return a[0] ^ a[1] ^ b[1]
    return np.asanyarray(np.add(a, b))

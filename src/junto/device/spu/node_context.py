"""A node's seat at the table: which role it plays, with which keys, over which channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from junto.accounting.progress import Board
from junto.device.spu.correlation_pool import CorrelationPool, PoolEntry
from junto.mpc.channel import Channel
from junto.mpc.gates import Words
from junto.mpc.preprocess.correlations import Correlations
from junto.mpc.preprocess.joint import Paired, Preparing, Supply, compare_phases
from junto.mpc.prg import KEY_BYTES, Stream, derive
from junto.mpc.protocol.role import Computing, Dealing, Role
from junto.net.api import Stamp


class _Sealed(Stream):
    """A keystream from which nobody may draw."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(bytes(KEY_BYTES))

    def words(self, count: int) -> Words:
        raise RuntimeError("a role that only reads has drawn randomness")


@dataclass(slots=True, eq=False)
class NodeContext:
    """See the module.

    Attributes:
        name: of the SPU in this run; enters every key.
        role_name: P0, P1 or the helper, by the name under which the others know this node.
        home: the party that runs it.
        compute: P0 and P1.
        helper: who deals; None: nobody, `source` is there instead.
        channels: to the others.
        secrets: shared with each of them alone: 32 bytes, fresh with the connection. Where nobody helps,
            under this node's own name 32 bytes that it alone has.
        source: of what two parties make together.
        pool: where what they have made ahead is kept.
        board: where is seen what this node does.
        width: bits of the ring.
    """

    name: str
    role_name: str
    home: str
    compute: tuple[str, str]
    helper: str | None
    channels: Mapping[str, Channel]
    secrets: Mapping[str, bytes] = field(repr=False)
    source: Correlations | None = None
    pool: CorrelationPool | None = None
    board: Board = field(default_factory=Board, repr=False)
    width: int = 64
    _drawn: int = field(default=-1, init=False, repr=False)

    @property
    def index(self) -> int | None:
        """0 or 1 at a compute party, None at the helper."""
        return self.compute.index(self.role_name) if self.role_name in self.compute else None

    @property
    def peer(self) -> str:
        """The other compute party (of a compute party)."""
        return self.compute[1 - (self.index or 0)]

    def role(self, stamp: Stamp, supply: Supply | None = None, width: int | None = None) -> Role:
        """This node's role in one operation, with keystreams that no other operation has.

        Once for each operation, in their order: two roles would draw the same keystream, and two masked
        values with the same mask show their difference. (Who prepares draws what the role that it prepares
        for will draw, and opens nothing.)

        Args:
            stamp: of the operation.
            supply: where nobody helps, what has been prepared for it; None: it needs nothing.
            width: bits of the ring in which it computes; None: the SPU's own.
        """
        if stamp.operation <= self._drawn:
            raise RuntimeError(f"operation {stamp.operation} asks for its keystreams a second time")
        self._drawn = stamp.operation
        for channel in self.channels.values():
            channel.label(stamp.operation, f"{stamp.text} at {stamp.site}")
        if self.index is not None and self.helper is None:
            own, wire = self._stream(self.role_name, stamp), self.channels[self.peer]
            return Paired(self.index, own, wire, supply or Supply(), width or self.width)
        if self.index is None:
            streams = (self._stream(self.compute[0], stamp), self._stream(self.compute[1], stamp))
            second = self.channels[self.compute[1]]
            return Dealing(streams, second, second, width or self.width)
        helper = self.helper or ""
        dealt = self.channels[helper] if self.index == 1 else None
        own, wire = self._stream(helper, stamp), self.channels[self.peer]
        return Computing(self.index, own, wire, dealt, dealt, width or self.width)

    def prepared(
        self, stamp: Stamp, steps: Callable[[Preparing], Iterator[None]], width: int | None = None
    ) -> tuple[Role, Callable[[], None]]:
        """This node's role in an operation that takes more than masks, and what to call when it is over.

        Where nobody helps, all that was prepared must be used by then, and the role's offline bytes are what
        was sent, no longer an estimate.

        Args:
            stamp: of the operation.
            steps: the operation as whoever prepares it runs it, where nobody helps.
            width: see `role`.
        """
        supply = Supply()
        role = self.role(stamp, supply, width)
        source = self.source
        if source is None or self.index is None or not isinstance(role, Paired):
            return role, lambda: None
        before = source.sent
        own = self._stream(self.role_name, stamp)
        preparing = Preparing(self.index, own, source, supply, width=width or self.width)
        supply.from_steps(steps(preparing))

        def finish() -> None:
            supply.finish()
            compare_phases(preparing.next_of_own(), role)
            role.offline = source.sent - before

        return role, finish

    def stored(self, stamp: Stamp, entry: PoolEntry) -> tuple[Paired, Callable[[], None]]:
        """The same where what the operation takes was kept; nothing is sent to prepare it."""
        self.role(stamp)  # no other role may have this operation's keystreams
        supply = Supply()
        supply.append(entry.made)
        role = Paired(self.index or 0, Stream(entry.key), self.channels[self.peer], supply, self.width)

        def finish() -> None:
            supply.finish()
            compare_phases(entry.after, role)
            role.offline = 0

        return role, finish

    def reading(self) -> Role:
        """This compute party's role for what draws nothing: its own pieces of what it holds."""
        return Computing(self.index or 0, _Sealed(), self.channels[self.peer], None, width=self.width)

    def noise(self, stamp: Stamp, receiver: str, index: int) -> Stream:
        """A keystream of P0 and P1 alone, for one output."""
        key = derive(self.secrets[self.peer], "output", self.name, stamp.operation, index, receiver)
        return Stream(key)

    def end(self) -> None:
        """An operation is over: what is written has to go."""
        for channel in self.channels.values():
            channel.flush()

    def _stream(self, other: str, stamp: Stamp) -> Stream:
        return Stream(derive(self.secrets[other], "operation", self.name, stamp.operation))

"""What we send to one party, by the law of `delivery`: which values may go now, and what of them is over."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable

from junto.net import delivery as law
from junto.net import frames as f
from junto.net.api import Failure, Stamp, TransferKey
from junto.net.header import Ordered
from junto.net.ordered import StreamWriters
from junto.net.steps import Outgoing, Transfer, covered
from junto.net.steps import TransferEvent as _H
from junto.net.steps import TransferState as _T
from junto.wire.payload import Payload


class Outbox:
    """Ours to one party. Not thread-safe.

    Attributes:
        numbers: how many transfers were begun.
        underway: all values that are on their way, in the order of the program.
        position: of the receiver's program, as far as we know.
        moved: grows with every answer of the receiver that takes something on.
        streams: our ends of ordered streams.
    """

    def __init__(self) -> None:
        self._held: list[tuple[int, int, Transfer]] = []
        self._ready, self._flowing = deque[Transfer](), deque[Transfer]()
        self._live: dict[int, Transfer] = {}
        self._ahead: list[int] = []  # operations of the values that were released ahead of the position
        self._pushed = self._in_flight = 0
        self.position: int = 0
        self.numbers: int = 0
        self.underway: dict[Transfer, None] = {}
        self.moved: int = 0
        self.streams: StreamWriters = StreamWriters()
        self._rounds = self.streams.due
        self._chunk_is_next, self._round_is_next = False, True

    @property
    def due(self) -> bool:
        """Whether something may be sent now."""
        return bool(self._rounds) or bool(self._ready and self._may_begin()) or self._may_flow()

    def must_move(self) -> Transfer | None:
        """The oldest value that the receiver's program needs, as far as we know, so that it must get on."""
        for transfer in self._live.values():
            if transfer.state is _T.FLOWING or transfer.key.operation < self.position:
                return transfer
        return None

    # Events.

    def push(self, key: TransferKey, stamp: Stamp, content: Payload | Failure) -> Transfer:
        """The program sends a value."""
        transfer = Transfer(key, stamp, content)
        self._pushed += 1
        self.underway[transfer] = None
        heapq.heappush(self._held, (key.operation, self._pushed, transfer))
        self._release()
        return transfer

    def advance(self, operation: int) -> bool:
        """The receiver's program has come as far as `operation`; whether more may go by that."""
        if operation <= self.position:
            return False
        self.position = operation
        while self._ahead and self._ahead[0] <= operation:
            heapq.heappop(self._ahead)
        return bool(self._held) and self._release()

    def accept(self, number: int) -> None:
        """The receiver wants the chunks of a transfer."""
        transfer = self._live.get(number)
        if transfer is not None and transfer.state in (_T.OFFERED, _T.SENT):
            self.moved += 1
            self._flow(transfer, _H.ACCEPT, 0)

    def acknowledge(self, number: int, nbytes: int) -> bool:
        """The receiver has the first `nbytes` of a transfer; whether that is news."""
        transfer = self._live.get(number)
        flows = transfer is not None and transfer.state is _T.FLOWING
        if transfer is None or not flows or not transfer.there < nbytes <= transfer.sent:
            return False
        self._in_flight -= nbytes - transfer.there
        transfer.there = nbytes
        self.moved += 1
        return True

    def settle(self, numbers: Iterable[int]) -> list[Transfer]:
        """The receiver has these transfers, or has declined them; which are over by that."""
        done = [transfer for number in numbers if (transfer := self._live.pop(number, None)) is not None]
        for transfer in done:
            if transfer.state is _T.FLOWING:
                self._in_flight -= transfer.sent - transfer.there
                if transfer in self._flowing:
                    self._flowing.remove(transfer)
            transfer.tell(_H.SETTLE)
            transfer.chunks = None
            self.underway.pop(transfer, None)
        self.moved += len(done)
        return done

    def interrupted(self) -> None:
        """The connection is broken: nothing that is not acknowledged counts as sent."""
        for number in sorted(self._live, reverse=True):
            transfer = self._live[number]
            if transfer.state is not _T.READY:
                transfer.tell(_H.BREAK)
                transfer.chunks = None
                self._ready.appendleft(transfer)
        self._flowing.clear()
        self._in_flight = 0
        self._rounds.clear()

    def resume(self, resumed: f.Resumed) -> list[tuple[Transfer, f.Declined | None]]:
        """A new connection is open, and the receiver has said what it has; what is over by that, and how."""
        self.interrupted()
        declined = {each.transfer: each for each in resumed.declined}
        settled = covered(((0, resumed.below - 1), *resumed.also))
        arrived = [number for number in self._live if number in declined or settled(number)]
        done = [(transfer, declined.get(transfer.number or 0)) for transfer in self.settle(arrived)]
        for number, nbytes in resumed.partial:
            transfer = self._live.get(number)
            if transfer is not None and transfer.state is _T.READY and nbytes <= transfer.nbytes:
                self._flow(transfer, _H.CONTINUE, nbytes)
        self.advance(resumed.position)
        self.streams.resume(resumed.streams)
        return done

    def clear(self, error: Exception) -> list[Transfer]:
        """Nobody will read anything any more; what was on its way."""
        self.streams.drop(error)
        lost = list(self.underway)
        self.underway.clear()
        return lost

    # What to send next.

    def take(self, piece: int | None = None) -> list[f.ControlFrame] | Outgoing | Ordered | None:
        """The next thing to send: streams and values in turn, of values small ones and a chunk in turn.

        `piece`: on a way so slow that large messages hold up others, no larger part of a value in one.
        """
        whole = f.INLINE_BYTES if piece is None else min(piece, f.INLINE_BYTES)
        piece = f.CHUNK_BYTES if piece is None else min(piece, f.CHUNK_BYTES)
        if self._rounds:
            self._round_is_next = not self._round_is_next
            if not (self._ready or self._flowing) or not self._round_is_next:
                return self._rounds.popleft()
        frames: list[f.ControlFrame] = []
        if self._ready and not (self._chunk_is_next and self._may_flow()):
            size = 0
            while size < min(f.BATCH_BYTES, whole) and self._may_begin():
                transfer = self._ready.popleft()
                frames.append(self._frame(transfer, whole))
                size += transfer.frame_bytes
        self._chunk_is_next = bool(frames)
        if frames:
            return frames
        chunk = self._take_chunk(piece) if self._flowing else None
        return chunk or (self._rounds.popleft() if self._rounds else None)

    def _may_begin(self) -> bool:
        """Whether the next one that is ready may go: it has been begun before, or there is room."""
        while self._ready and self._ready[0].state is not _T.READY:
            self._ready.popleft()  # settled, or flowing since a break
        return bool(self._ready) and (self._ready[0].number is not None or len(self._live) < law.ABOARD)

    def _may_flow(self) -> bool:
        return bool(self._flowing) and self._in_flight < law.IN_FLIGHT_BYTES

    def _frame(self, transfer: Transfer, whole: int) -> f.ControlFrame:
        if transfer.number is None:
            transfer.number = self.numbers
            self.numbers += 1
            self._live[transfer.number] = transfer
        number, key, stamp, content = transfer.number, transfer.key, transfer.stamp, transfer.content
        if isinstance(content, Payload) and content.nbytes > whole:
            transfer.tell(_H.OFFER)
            return f.Offer(number, key, stamp, content.nbytes)
        transfer.tell(_H.SEND)
        if isinstance(content, Failure):
            return f.Failed(number, key, stamp, content)
        return f.Value(number, key, stamp, memoryview(b"".join(content.pieces)))

    def _take_chunk(self, piece: int) -> Outgoing | None:
        while self._may_flow():
            transfer = self._flowing.popleft()
            if transfer.piece != piece and isinstance(transfer.content, Payload):
                transfer.piece = piece
                transfer.chunks = transfer.content.chunks(piece, transfer.sent)
            pieces = next(transfer.chunks or iter(()), None)
            if pieces is None or transfer.number is None:
                continue
            outgoing = Outgoing(transfer.number, transfer.sent, pieces)
            size = sum(map(len, pieces))
            transfer.sent += size
            self._in_flight += size
            if transfer.sent < transfer.nbytes:
                self._flowing.append(transfer)
            return outgoing
        return None

    def _flow(self, transfer: Transfer, event: _H, start: int) -> None:
        if isinstance(transfer.content, Payload):
            transfer.tell(event)
            transfer.sent = transfer.there = start
            transfer.chunks, transfer.piece = None, 0
            self._flowing.append(transfer)

    def _release(self) -> bool:
        before = len(self._ready)
        while self._held:
            operation = self._held[0][0]
            if operation > self.position:
                if operation > self.position + law.WINDOW or len(self._ahead) >= law.AHEAD:
                    break
                heapq.heappush(self._ahead, operation)
            transfer = heapq.heappop(self._held)[2]
            transfer.tell(_H.RELEASE)
            self._ready.append(transfer)
        return len(self._ready) > before

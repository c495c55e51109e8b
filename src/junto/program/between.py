"""Exchange between silos: the owner pushes, the receiver's gateway keeps, the codec guards."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from junto.errors import ConfigError, JuntoError
from junto.execute.executor import Executor, Promise, Ref
from junto.net.api import Arrival, Delivery, Failure, Gateway, TransferKey
from junto.program.exchange import Exchange, ExchangeServices, ValueTransfer
from junto.program.failure import remote_error, told
from junto.wire.codec import decode, encode, summarise
from junto.wire.payload import Payload

SMALL_BYTES = 64 << 10
COURIERS = 2


class BetweenSilos(Exchange):
    """We are one party; the others are behind the gateway.

    Args:
        me: our name.
        gateway: the door.
        executor: where our values live.
        office: see `ExchangeServices`.
        is_trusted: whether a party runs our program. The values of one that does not are not handed
            over: their numbers mean something else there.
    """

    def __init__(
        self,
        me: str,
        gateway: Gateway,
        executor: Executor,
        office: ExchangeServices,
        is_trusted: Callable[[str], bool],
    ) -> None:
        self._me = me
        self._is_trusted = is_trusted
        self._gateway = gateway
        self._executor = executor
        self._office = office
        self._lock = threading.Lock()
        self._arriving: dict[Arrival, ValueTransfer] = {}
        self._closed = False
        self._couriers = ThreadPoolExecutor(COURIERS, thread_name_prefix="junto-courier")

    def transfer(self, passage: ValueTransfer, ref: Ref | None) -> Ref | None:
        if passage.target == self._me:
            return self._receive(passage)
        if passage.source == self._me and ref is not None:
            self._send(passage, ref)
        return None

    def copy(self, passage: ValueTransfer, ref: Ref) -> Ref:
        promise = self._executor.promise()
        ref.add_done_callback(partial(self._when_ready, passage, partial(self._copy_to, promise, passage)))
        return promise

    def awaited(self) -> ValueTransfer | None:
        with self._lock:
            return next(iter(self._arriving.values()), None)

    def progress(self) -> tuple[int, int]:
        with self._lock:
            parts = [arrival.progress() for arrival in self._arriving]
        return sum(done for done, _ in parts), sum(total for _, total in parts)

    def close(self) -> None:
        self._closed = True
        self._couriers.shutdown(wait=False, cancel_futures=True)

    # Sending.

    def _send(self, passage: ValueTransfer, ref: Ref) -> None:
        ticket = self._office.outstanding.enter(passage.stamp)
        ref.add_done_callback(partial(self._when_ready, passage, partial(self._push, passage, ticket)))

    def _when_ready(self, passage: ValueTransfer, job: Callable[[Ref], None], ref: Ref) -> None:
        if ref.instant:
            self._or_over(passage, job, ref)
        else:
            self._or_over(passage, self._couriers.submit, self._or_over, passage, job, ref)

    def _or_over(self, passage: ValueTransfer, job: Callable[..., object], *given: Any) -> None:
        """Do `job`. Where our own part of it fails (no thread is left, say), somebody would wait for ever."""
        try:
            job(*given)
        except Exception as problem:
            if not self._closed:
                self._office.fault.set(self._office.desk.explain(self._me, passage.stamp, problem))

    def _push(self, passage: ValueTransfer, ticket: int, ref: Ref) -> None:
        if self._closed:
            self._office.outstanding.leave(ticket)
            return
        letter = self._letter(passage, ref)
        key = TransferKey(passage.stamp.operation, passage.index)
        delivery = self._gateway.push(passage.target, key, passage.stamp, letter)
        delivered = partial(self._delivered, passage, ticket, letter)
        delivery.add_done_callback(partial(self._or_over, passage, delivered))

    def _letter(self, passage: ValueTransfer, ref: Ref) -> Payload | Failure:
        error = ref.error()
        if error is None:
            try:
                payload: Payload = encode(ref.value(), self._office.policy)
            except Exception as problem:
                error = problem
            else:
                return payload
        explained = self._office.desk.explain(self._me, passage.stamp, error)
        self._office.outstanding.seen(explained.origin.operation)
        return told(explained)

    def _delivered(
        self, passage: ValueTransfer, ticket: int, letter: Payload | Failure, delivery: Delivery
    ) -> None:
        error = delivery.error()
        if error is not None:
            self._office.witness.undelivered(passage, error)
        elif isinstance(letter, Payload):
            self._office.witness.sent(passage, letter.summary, letter.nbytes)
        self._office.outstanding.leave(ticket)

    def _copy_to(self, promise: Promise, passage: ValueTransfer, ref: Ref) -> None:
        try:
            error = ref.error()
            if error is not None:
                raise error
            data = bytearray().join(encode(ref.value(), self._office.policy).pieces)
            promise.set_value(decode(memoryview(data), self._office.policy))
        except BaseException as problem:
            promise.set_error(self._office.desk.explain(self._me, passage.stamp, problem))

    # Receiving.

    def _receive(self, passage: ValueTransfer) -> Ref:
        promise = self._executor.promise()
        arrival = self._gateway.expect(passage.source, TransferKey(passage.stamp.operation, passage.index))
        with self._lock:
            self._arriving[arrival] = passage
        arrived = partial(self._arrived, passage, promise)
        arrival.add_done_callback(partial(self._or_over, passage, arrived))
        return promise

    def _arrived(self, passage: ValueTransfer, promise: Promise, arrival: Arrival) -> None:
        with self._lock:
            self._arriving.pop(arrival, None)
        if not self._is_trusted(passage.source):
            return  # whoever waits for it is told by the session's fault, which is on its way
        outcome = arrival.outcome()
        if isinstance(outcome, memoryview) and len(outcome) > SMALL_BYTES:
            unpack = partial(self._unpack, passage, promise)
            self._couriers.submit(self._or_over, passage, unpack, outcome)
        else:
            self._unpack(passage, promise, outcome)

    def _unpack(
        self, passage: ValueTransfer, promise: Promise, outcome: memoryview | Failure | Exception
    ) -> None:
        if isinstance(outcome, Failure):
            error = remote_error(outcome)
            self._office.outstanding.heard(error)
            promise.set_error(error)
        elif isinstance(outcome, Exception):
            promise.set_error(self._never(passage, outcome))
        else:
            self._decode(passage, promise, outcome)

    def _decode(self, passage: ValueTransfer, promise: Promise, data: memoryview) -> None:
        nbytes = len(data)
        try:
            value = decode(data, self._office.policy)
        except Exception as problem:
            promise.set_error(self._office.desk.explain(self._me, passage.stamp, problem))
            return
        self._office.witness.received(passage, summarise(value), nbytes)
        promise.set_value(value)

    def _never(self, passage: ValueTransfer, error: Exception) -> BaseException:
        if isinstance(error, JuntoError) and not isinstance(error, ConfigError):
            return error
        return self._office.desk.explain(self._me, passage.stamp, error)  # we have no room for it

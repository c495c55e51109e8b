"""Exchange within one process: simulation and debug. Same codec, same checks, same ledger."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from junto.execute.executor import Executor, Ref, TaskCall
from junto.program.exchange import Exchange, ExchangeServices, ValueTransfer
from junto.wire.payload import Summary
from junto.wire.policy import WirePolicy


def packed(policy: WirePolicy, value: Any) -> tuple[bytes, tuple[Summary, int]]:
    """Encode `value` as it would cross a silo's edge, and say what it is."""
    from junto.wire.codec import encode

    payload = encode(value, policy)
    return b"".join(payload.pieces), (payload.summary, payload.nbytes)


def unpacked(policy: WirePolicy, data: bytes) -> Any:
    """Decode what `packed` made."""
    from junto.wire.codec import decode

    return decode(memoryview(data), policy)


class WithinProcess(Exchange):
    """All parties live here.

    Args:
        executors: one a party.
        office: see `ExchangeServices`.
    """

    def __init__(self, executors: Mapping[str, Executor], office: ExchangeServices) -> None:
        self._executors = executors
        self._office = office

    def transfer(self, passage: ValueTransfer, ref: Ref | None) -> Ref | None:
        if ref is None:
            return None
        data, facts = self._pack(passage, ref)
        facts.add_done_callback(partial(self._note, passage))
        return self._unpack(passage, data)

    def copy(self, passage: ValueTransfer, ref: Ref) -> Ref:
        data, _ = self._pack(passage, ref)
        return self._unpack(passage, data)

    def awaited(self) -> ValueTransfer | None:
        return None

    def progress(self) -> tuple[int, int]:
        return (0, 0)

    def close(self) -> None:
        """There are no threads."""

    def _pack(self, passage: ValueTransfer, ref: Ref) -> tuple[Ref, Ref]:
        call = TaskCall(
            function=partial(packed, self._office.policy),
            args=(ref,),
            kwargs={},
            num_returns=2,
            name=f"send to {passage.target}",
            explain=partial(self._office.desk.explain, passage.source, passage.stamp),
        )
        data, facts = self._executors[passage.source].submit(call)
        return data, facts

    def _unpack(self, passage: ValueTransfer, data: Ref) -> Ref:
        call = TaskCall(
            function=partial(unpacked, self._office.policy),
            args=(data,),
            kwargs={},
            num_returns=None,
            name=f"receive from {passage.source}",
            explain=partial(self._office.desk.explain, passage.target, passage.stamp),
        )
        (ref,) = self._executors[passage.target].submit(call)
        return ref

    def _note(self, passage: ValueTransfer, facts: Ref) -> None:
        if facts.error() is None:
            summary, nbytes = facts.value()
            self._office.witness.sent(passage, summary, nbytes)
            self._office.witness.received(passage, summary, nbytes)

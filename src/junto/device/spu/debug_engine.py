"""The engine of the debug mode: plain values, rounded like the real ones, at once in the script's thread.

A number that leaves its range, which under MPC would be a wrong value and no more, is reported with its line.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import numpy as np

from junto.device.handle import PendingReveal, passage
from junto.device.spu.call_forms import sources_of
from junto.device.spu.engine import Engine, EngineCall, EnteredValue, Held, IncomingShares, SpuValue
from junto.device.spu.inputs import InputConversion, encoded
from junto.device.spu.layout import kinds, parse, read, settled, shift_of, wide_numbers
from junto.device.spu.plan_runner import TOO_LARGE, run_plan
from junto.device.spu.profile import NoCosts, Recorder
from junto.execute.executor import Ref, TaskCall
from junto.mpc import digits
from junto.mpc.checked_gates import CheckedGates
from junto.mpc.gates import Flags, Words
from junto.mpc.interpret import StepHooks
from junto.mpc.meter import Meter
from junto.mpc.plain_gates import PlainBits, PlainGates, PlainRing
from junto.mpc.protocol import handover, inout
from junto.mpc.settings import MpcSettings, NumberForm
from junto.mpc.twins import Twins
from junto.mpc.values import kind
from junto.net.api import Stamp
from junto.program.program import Program
from junto.program.waiting import AwaitedRef

log: logging.Logger = logging.getLogger("junto.spu")

Plain = PlainRing | PlainBits

KEPT = 1 << 20
"""The passage of a kept piece: no other of its operation has this number."""


class PlainEngine(Engine):
    """See the module.

    Args:
        program: the run; all parties live in this process.
        compute: the parties that would compute; values are kept at the first.
        settings: numbers of the SPU.
    """

    def __init__(self, program: Program, compute: tuple[str, str], settings: MpcSettings) -> None:
        super().__init__()
        self._program = program
        self._home, self._other = compute
        self._settings = settings

    def enter(
        self, stamp: Stamp, owner: str, ref: Ref | None, name: str, own: NumberForm | None = None
    ) -> EnteredValue:
        run = partial(_enter, InputConversion(self._settings, wide_numbers(), name, own))
        layout, secrets = self._submit(stamp, owner, run, () if ref is None else (ref,), 2)
        return EnteredValue({self._home: secrets}, layout, owner)

    def compute(self, stamp: Stamp, work: EngineCall) -> list[Held]:
        handles, places = sources_of(work.inputs)
        recorder = self.recorder(stamp, self._home)
        run = partial(_compute, work, places, recorder)
        parts = tuple(handle.held[self._home] for handle in handles)
        results = self._submit(stamp, self._home, run, parts, work.results)
        if recorder is not None:
            recorder.follow(results)
        return [{self._home: result} for result in results]

    def held_here(self, handle: SpuValue) -> Sequence[Any] | None:
        return None

    @property
    def homes(self) -> tuple[str, ...]:
        return (self._home, self._home)

    def depart(self, stamp: Stamp, handle: SpuValue, count: int) -> list[tuple[str, list[Ref | None]]]:
        run = partial(_depart, count)
        return [(self._home, list(self._submit(stamp, self._home, run, (handle.held[self._home],), count)))]

    def pieces(self, stamp: Stamp, handles: Sequence[SpuValue]) -> dict[str, Ref]:
        parts = tuple(handle.held[self._home] for handle in handles)
        first, second = self._submit(stamp, self._home, _kept, parts, 2)
        there = self._program.transfer(passage(stamp, KEPT, "share", self._home, self._other), second)
        if there is None:
            raise RuntimeError("a plain engine lives in another process")
        return {self._home: first, self._other: there}

    def arrive(self, stamp: Stamp, coming: IncomingShares) -> Held:
        pieces = [ref for each in coming.pieces for ref in each]
        layout = coming.layouts[0]
        if layout is None:
            raise RuntimeError("a plain engine lives in another process")
        run = partial(_arrive, self._settings, coming.numbers)
        (secrets,) = self._submit(stamp, self._home, run, (layout, *pieces), 1)
        return {self._home: secrets}

    def show(
        self, stamp: Stamp, index: int, handle: SpuValue, receivers: Sequence[str], *, tell: bool = True
    ) -> PendingReveal:
        run = partial(_show, self._settings, handle.layout(), handle.reading)
        (value,) = self._submit(stamp, receivers[0], run, (handle.held[self._home],), 1)
        return PendingReveal(value, [AwaitedRef(value, self._home)])

    def settle(self, stamp: Stamp, index: int, held: Held) -> list[AwaitedRef]:
        return [AwaitedRef(held[self._home], self._home)]

    def _submit(
        self, stamp: Stamp, party: str, run: Any, arguments: tuple[Ref, ...], count: int
    ) -> tuple[Ref, ...]:
        explain = self._program.explainer(stamp, party)
        call = TaskCall(run, arguments, {}, count, stamp.text, explain)
        return self._program.submit(stamp, party, call)


def _enter(entrance: InputConversion, value: Any) -> tuple[Any, list[Plain]]:
    exact: list[Any] = []
    layout, arrays = encoded(value, entrance, exact)
    return layout, [plain(*each) for each in zip(arrays, exact, strict=True)]


def plain(array: Words | Flags, exact: Any = None) -> Plain:
    """An encoded array as a secret of plain gates; `exact`: what it was before (`twins`)."""
    if array.dtype == np.bool_:
        return PlainBits(array.astype(np.bool_))
    held = PlainRing(cast(Words, array))
    if exact is not None and kind(exact.dtype) == "fixed":
        held.exact = np.asarray(exact, np.float64)
    return held


def _compute(
    work: EngineCall,
    places: Sequence[Any],
    recorder: Recorder | None,
    *parts: Sequence[Plain],
) -> list[list[Plain]]:
    inputs = [parts[place[0]][place[1]] if isinstance(place, tuple) else place for place in places]

    def run(meter: Meter | None) -> list[Plain]:
        watch = _Watch()
        look = digits.listener(work.settings.fraction, watch.overflow)
        twins = None if work.plan.ours else Twins(work.settings.fraction, watch.lost, watch.overflow)
        ears = StepHooks(watch.at, meter=meter, notice=look, twins=twins)
        put_off = None if twins is None else twins.put_off
        gates = PlainGates(watch.overflow, bits=work.settings.width, put_off=put_off)
        return run_plan(
            CheckedGates(gates) if work.settings.checked else gates,
            no_rounds,
            work.plan,
            inputs,
            work.settings,
            ears,
        )

    return work.grouped(run(None) if recorder is None else recorder.measure(NoCosts(), run))


def _depart(count: int, secrets: Sequence[Plain]) -> tuple[Any, ...]:
    return *inout.split([array_of(each) for each in secrets]), *[None] * (count - 2)


def _kept(*parts: Sequence[Plain]) -> tuple[list[inout.Parcel], list[inout.Parcel]]:
    return inout.halves([array_of(each) for part in parts for each in part])


def _arrive(
    settings: MpcSettings, come: MpcSettings, layout: Any, *pieces: handover.Share
) -> tuple[list[Plain]]:
    described = parse(layout)
    whole = handover.whole(kinds(described, come), pieces)
    goes = [settled(leaf, settings).form(settings) for leaf in described]
    made = [
        handover.shifted(array, shift_of(leaf, leaf.form(come), form), form.width)
        for array, leaf, form in zip(whole, described, goes, strict=True)
    ]
    for leaf, (_, fits) in zip(described, made, strict=True):
        if not fits and kind(leaf.dtype) == "fixed":
            log.warning("%s", TOO_LARGE)
    return ([plain(array) for array, _ in made],)


def array_of(plain: Plain) -> Words | Flags:
    """And back."""
    return plain.flags if isinstance(plain, PlainBits) else plain.words


def _show(
    settings: MpcSettings, layout: Any, reading: Callable[[Any], Any] | None, secrets: Sequence[Plain]
) -> tuple[Any]:
    return (read(layout, [array_of(each) for each in secrets], settings, reading),)


def no_rounds(asked: Sequence[Any]) -> Sequence[Any]:
    """What plain gates ask of others."""
    raise RuntimeError("plain gates open nothing")


class _Watch:
    """Knows where the computation is, and says where a number left its range."""

    def __init__(self) -> None:
        self._line = ""
        self._said = False

    def at(self, line: str) -> None:
        self._line = line

    def overflow(self, sentence: str) -> None:
        self._said = True
        log.warning("%s, in %s", sentence, self._line)

    def lost(self, sentence: str) -> None:
        """Of a result; where a number was out of range before, it is wrong anyway."""
        if not self._said:
            log.warning("%s, in %s", sentence, self._line)

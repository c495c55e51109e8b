"""An SPU's engine while a function is explained: it counts what each call costs, and holds outlines.

Of few numbers it holds the values, too, for what a function learns on its way may decide how it goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod
from typing import Any, NoReturn

import numpy as np

from junto.device.handle import PendingReveal
from junto.device.rehearsal import Rehearsal
from junto.device.spu.call_forms import SecretInput, sources_of
from junto.device.spu.debug_engine import Plain, array_of, no_rounds, plain
from junto.device.spu.engine import Engine, EngineCall, EnteredValue, Held, IncomingShares, SpuValue
from junto.device.spu.explain import PlanCounter
from junto.device.spu.inputs import InputConversion, encoded
from junto.device.spu.layout import ArrayLayout, parse, read, wide_numbers
from junto.device.spu.plan_runner import run_plan
from junto.device.spu.spu_device import SpuDevice
from junto.errors import DeviceError
from junto.execute.executor import Ref, TaskCall
from junto.mpc.counting import fresh
from junto.mpc.interpret import StepHooks
from junto.mpc.plain_gates import PlainGates
from junto.mpc.ring128 import element_bytes, zeros
from junto.mpc.settings import NumberForm
from junto.mpc.visibility import disclosures
from junto.net.api import Stamp
from junto.program.waiting import AwaitedRef

COUNTED, VALUES = "counted", "values"
"""Under which outlines and values are held, which no party has."""

ONCE = "a loop in {} whose condition is not known yet counts once; SPU.explain says what one more turn costs"

FEW = 512
"""Numbers of all arguments of a call that is computed, too."""


class CountingEngine(Engine):
    """See the module.

    Args:
        rehearsal: hears of every cost.
        spu: whose calls are counted.
        real: its engine, which knows the form of values that were there before.
    """

    def __init__(self, rehearsal: Rehearsal, spu: SpuDevice, real: Engine) -> None:
        super().__init__()
        self._rehearsal = rehearsal
        self._spu = spu
        self._real = real

    def enter(
        self, stamp: Stamp, owner: str, ref: Ref | None, name: str, own: NumberForm | None = None
    ) -> EnteredValue:
        run = partial(_entered, InputConversion(self._spu.numbers, wide_numbers(), name, own))
        call = TaskCall(run, (ref,), {}, 3, stamp.text, self._rehearsal.program.explainer(stamp, owner))
        layout, outlines, values = self._rehearsal.program.submit(stamp, owner, call)
        if layout.error() is None:
            compute = self._spu.settings.compute
            size = sum(self._nbytes(leaf) for leaf in parse(layout.value()))
            # of a party that computes one piece; of another a key and one piece, which the two then mask anew
            self._rehearsal.passes(stamp.site, "share", owner, size)
            for place, party in enumerate(() if owner in compute else compute):
                self._rehearsal.passes(stamp.site, "share", party, size, rounds=1 - place)
        return EnteredValue({COUNTED: outlines, VALUES: values}, layout, owner)

    def compute(self, stamp: Stamp, work: EngineCall) -> list[Held]:
        count = PlanCounter(self._spu, work.plan, work.inputs, work.settings)
        found = count.run(turns=1)
        text = stamp.text.partition("(")[2].removesuffix(")") or stamp.text
        self._rehearsal.costs(self._spu, stamp.site, text, found.costs)
        once = (ONCE.format(text),) if count.unknown.loops else ()
        self._rehearsal.notes.update(dict.fromkeys((*once, *count.notes, *count.ranges.remarks)))
        secret = [isinstance(each, SecretInput) for each in work.inputs]
        self._rehearsal.reveals.update(dict.fromkeys(disclosures(work.plan, secret)))
        both = zip(work.grouped(list(found.results)), self._values(work), strict=True)
        return [{COUNTED: self._there(outlines), VALUES: self._there(values)} for outlines, values in both]

    def _values(self, work: EngineCall) -> list[list[Plain] | None]:
        """Of each result its arrays, if there are few arguments, all known, and none of them is revealed."""
        handles, places = sources_of(work.inputs)
        known: list[Any] = [
            handle.held[VALUES].value() if VALUES in handle.held else None for handle in handles
        ]
        many = sum(prod(form.shape) for form in work.plan.inputs) > FEW
        if many or work.plan.reveals or None in known:
            return [None] * work.results
        inputs = [known[at[0]][at[1]] if isinstance(at, tuple) else at for at in places]
        gates = PlainGates(lambda _: None, bits=work.settings.width)
        return list(work.grouped(run_plan(gates, no_rounds, work.plan, inputs, work.settings, StepHooks())))

    def held_here(self, handle: SpuValue) -> Sequence[Any] | None:
        if COUNTED not in handle.held:
            return self._real.held_here(handle)
        outlines: Sequence[Any] = handle.held[COUNTED].value()
        return outlines

    @property
    def homes(self) -> tuple[str, ...]:
        return self._spu.settings.compute

    def show(
        self, stamp: Stamp, index: int, handle: SpuValue, receivers: Sequence[str], *, tell: bool = True
    ) -> PendingReveal:
        described = parse(handle.layout())
        for party in self._spu.settings.compute:
            others = [each for each in receivers if each != party]
            size = sum(map(self._nbytes, described))
            self._rehearsal.passes(stamp.site, "reveal", party, len(others) * size)
        values = handle.held[VALUES].value() if VALUES in handle.held else None
        arrays = [self._shown(leaf) for leaf in described] if values is None else list(map(array_of, values))
        value = self._there(read(handle.layout(), arrays, self._spu.numbers, handle.reading))
        return PendingReveal(value, [AwaitedRef(value, self.homes[0])])

    def settle(self, stamp: Stamp, index: int, held: Held) -> list[AwaitedRef]:
        return [AwaitedRef(ref, self.homes[0]) for ref in held.values()]

    def depart(self, stamp: Stamp, handle: SpuValue, count: int) -> NoReturn:
        raise _elsewhere()

    def arrive(self, stamp: Stamp, coming: IncomingShares) -> NoReturn:
        raise _elsewhere()

    def pieces(self, stamp: Stamp, handles: Sequence[SpuValue]) -> NoReturn:
        raise _elsewhere()

    def _nbytes(self, leaf: ArrayLayout) -> int:
        if leaf.dtype == "bool":
            return -(-prod(leaf.shape) // 8)
        return element_bytes(leaf.form(self._spu.numbers).width) * prod(leaf.shape)

    def _shown(self, leaf: ArrayLayout) -> Any:
        """Truth values are true, so that a loop that stops at a false one takes all its turns."""
        if leaf.dtype == "bool":
            return np.ones(leaf.shape, np.bool_)
        return zeros(leaf.shape, leaf.form(self._spu.numbers).width)

    def _there(self, value: Any) -> Ref:
        promise = self._rehearsal.program.promise(self.homes[0])
        promise.set_value(value)
        return promise


def _elsewhere() -> DeviceError:
    return DeviceError(
        "a value that goes to a file or to another SPU is not followed while a function is explained",
        fix="explain the function without that step",
    )


def _entered(entrance: InputConversion, value: Any) -> tuple[Any, list[Any], list[Plain] | None]:
    layout, arrays = encoded(value, entrance)  # refuses what a real one does
    values = [plain(array) for array in arrays] if sum(each.size for each in arrays) <= FEW else None
    width = entrance.settings.held_as(entrance.own).width
    return layout, [fresh(leaf.shape, leaf.dtype == "bool", width) for leaf in parse(layout)], values

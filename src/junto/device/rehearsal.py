"""`explain`: what a function of devices would cost, found by running it with nothing at stake.

Its calls run for all parties here, at once and one after the other, on made-up tables of the shapes that were
described; an SPU only counts. Nothing is sent, and nothing of the session's own run is touched.
"""

from __future__ import annotations

import copy
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from junto.accounting.costs import Cost, LineCost, Tally, highest
from junto.config.model import Mode
from junto.device.boundary import trimmed
from junto.device.current import current
from junto.device.pyu import PYU, PYUObject, put
from junto.errors import DeviceError, SessionError
from junto.program.program import Program
from junto.program.startup import open_program

if TYPE_CHECKING:
    from junto.device.session import Session
    from junto.device.spu.engine import Engine
    from junto.device.spu.explanation import Explanation
    from junto.device.spu.spu_device import SpuDevice
    from junto.mpc.visibility import PlannedReveal

MADE_UP: Final = (
    "tables and labels are made up, of the shapes that were described; training that may stop early takes "
    "all its turns"
)
APART: Final = 7
"""So many rows of the noise lie between a column and the next."""


@trimmed
def explain(function: Callable[..., Any]) -> Callable[..., Explanation]:
    """A function that says what ``function(...)`` would cost with its arguments, and runs nothing of it.

        sf.explain(model.fit)({alice: (100_000, 20), bob: (100_000, 5)}, {bob: (100_000,)})

    Args:
        function: whatever calls devices: a model's ``fit``, ``predict``, a method of a frame, `join`, a
            function of your own that takes tables as arguments. It is run for all parties in this process.

    The arguments are those of the function. In place of a handle at a party stands, under the PYU, the shape
    of a table or label, ``{alice: (rows, columns)}`` or ``{bob: (rows,)}``, or an array or table that is made
    up. A frame stands for the types and rows that all know of it, a handle on an SPU for its shape, a model
    that was fitted for one of the same columns.

    It is local: nothing is sent, no operation begins, and any party may ask, alone. Whatever the call itself
    would refuse is refused here, if shapes and types tell.

    Raises:
        DeviceError: an argument is a handle at a party, of which nothing is known here.
        Exception: whatever the function raises.
    """
    session = current()
    owner = getattr(function, "__self__", None)
    name = getattr(function, "__qualname__", type(function).__name__)
    if owner is not None and hasattr(function, "__func__"):
        name = f"{type(owner).__name__}.{function.__name__}"
    name = name.rpartition("<locals>.")[2]

    @trimmed
    def count(*args: Any, **kwargs: Any) -> Explanation:
        if session.rehearsal is not None:
            raise DeviceError("a function is being explained already", fix="explain one after the other")
        with rehearsed(session) as rehearsal:
            run: Any = function
            if owner is not None and hasattr(function, "__func__"):
                run = function.__func__.__get__(rehearsal.made_up(owner))
            rehearsal.label_of = getattr(owner, "label_of", rehearsal.label_of)
            given = rehearsal.arguments((args, kwargs))
            rehearsal.forget()  # what it took to make up the arguments
            with np.errstate(all="ignore"):  # nobody asks what is computed of numbers that are made up
                run(*given[0], **given[1])
            return rehearsal.explanation(name)

    return count


@contextmanager
def rehearsed(session: Session) -> Iterator[Rehearsal]:
    """Inside, the session's calls go to a rehearsal."""
    tree = logging.getLogger("junto")
    level = tree.level
    made = Rehearsal(session)
    tree.setLevel(max(level, logging.ERROR))  # what it would say has not happened
    session.rehearsal = made
    try:
        yield made
    finally:
        session.rehearsal = None
        made.program.abort(SessionError("this was explained, not run"))
        tree.setLevel(level)


@dataclass(frozen=True, slots=True)
class TrialRun:
    """What something small took that was run.

    Attributes:
        sent: bytes, by who sent them.
        waits: how often all waited for each other, but for what overlaps.
        seconds: of this process, for all parties.
        overlapping: steps that overlap, of each time that there were some.
    """

    sent: Mapping[str, int]
    waits: int
    seconds: float
    overlapping: Sequence[int]


class Rehearsal:
    """Stands in place of a session's run while a function is explained.

    Attributes:
        program: a run in this process, of all parties.
        notes: what the numbers take for granted, in the order of discovery.
        reveals: what the calls of an SPU reveal while they run.
        label_of: makes up a label of so many rows.
        measuring: whether something small is run, in order to see what something large would cost.
    """

    def __init__(self, session: Session) -> None:
        real = session.settings
        settings = replace(
            real, mode=Mode.DEBUG, self_party=None, cluster={}, tls=None, ray=None, ledger=None
        )
        self.program: Program = open_program(settings)
        self.program.show_progress(False)
        self.notes: dict[str, None] = {}
        self.reveals: dict[PlannedReveal, None] = {}
        self.label_of: Callable[[int], Any] = lambda rows: array_of((rows,))
        self.measuring: bool = False
        self._engines: dict[int, Engine] = {}
        self._overlapping: list[tuple[int, int]] = []
        self.forget()

    def forget(self) -> None:
        """Begin to count."""
        self._spus: list[SpuDevice] = []
        self._each = (Cost(), Cost())
        self._rows: dict[tuple[str, str], Tally] = {}
        self._beside: dict[str, int] = {}
        self._rounds = 0
        self._crossed = self._traffic()

    # ---------------------------------------------------------------- what it is told

    def engine_of(self, spu: SpuDevice, real: Engine) -> Engine:
        """What counts the calls of an SPU."""
        from junto.device.spu.counted import CountingEngine

        return self._engines.setdefault(id(spu), CountingEngine(self, spu, real))

    def costs(self, spu: SpuDevice, site: str, text: str, costs: tuple[Cost, Cost]) -> None:
        """A call of an SPU costs so much, at each of the two that compute."""
        if all(each is not spu for each in self._spus):
            self._spus.append(spu)
        self._rows[site, text] = self._rows.get((site, text), Tally()) + Tally(1, *astuple(highest(costs)))
        self._each = (self._each[0] + costs[0], self._each[1] + costs[1])

    def passes(self, site: str, what: str, sender: str, nbytes: int, rounds: int = 0) -> None:
        """A party sends bytes beside the calls of an SPU."""
        self._rows[site, what] = self._rows.get((site, what), Tally()) + Tally(1, rounds, nbytes)
        self._rounds += rounds
        self._beside[sender] = self._beside.get(sender, 0) + nbytes

    def measured(self, run: Callable[[], Any]) -> TrialRun:
        """What something costs that is run and asks no SPU; nothing of it counts otherwise."""
        before, waits, began = self._traffic(), self._waits(), time.process_time()
        self._overlapping = []
        self.measuring = True
        try:
            run()
        finally:
            self.measuring = False
        seconds = time.process_time() - began
        crossed = self._traffic() - before
        self._crossed = self._crossed + crossed
        sent: dict[str, int] = {}
        for (*_, sender), nbytes in crossed.items():
            sent[sender] = sent.get(sender, 0) + nbytes
        apart = sum(waits for waits, _ in self._overlapping)
        steps = [taken for _, taken in self._overlapping]
        return TrialRun(sent, self._waits() - waits - apart, seconds, steps)

    def overlapping(self, waits: int, steps: int) -> None:
        """So many of the waits were for steps that overlap, of which there were so many."""
        self._overlapping.append((waits, steps))

    def _waits(self) -> int:
        spells = self.program.timeline.spells()
        return sum(each.calls for each in spells if each.text.startswith(("wait", "reveal")))

    # ---------------------------------------------------------------- arguments

    def arguments(self, tree: Any) -> Any:
        """The arguments with something made up in place of what is described."""
        if isinstance(tree, Mapping) and tree and all(isinstance(key, PYU) for key in tree):
            return {party: self._under(party, value) for party, value in tree.items()}
        if type(tree) in (tuple, list):
            return type(tree)(self.arguments(each) for each in tree)
        if type(tree) is dict:
            return {key: self.arguments(each) for key, each in tree.items()}
        return self.made_up(tree)

    def made_up(self, value: Any) -> Any:
        """A copy that stands for an object whose class can make up its values; others as they are."""
        if isinstance(value, PYUObject):
            raise unknown(value)
        make = getattr(type(value), "made_up", None)
        return value if make is None else make(copy.copy(value))

    def _under(self, party: PYU, value: Any) -> Any:
        shape = isinstance(value, tuple) and value and all(type(size) is int for size in value)
        if shape and 1 <= len(value) <= 2 and min(value) >= 0:
            return put(party, self.label_of(*value) if len(value) == 1 else table_of(party.party, value))
        if isinstance(value, PYUObject):
            raise unknown(value)
        if hasattr(value, "shape"):
            return put(party, value)
        return self.arguments(value)

    # ---------------------------------------------------------------- what came of it

    def _traffic(self) -> Counter[tuple[str, str, str]]:
        """Bytes so far, by line, kind and sender."""
        found: Counter[tuple[str, str, str]] = Counter()
        for item in self.program.traffic():
            found[item.site, item.kind, item.sender] += item.nbytes
        return found

    def explanation(self, name: str) -> Explanation:
        """All that was counted.

        Raises:
            DeviceError: several SPUs were asked.
        """
        from junto.device.spu.explain import dealer_of
        from junto.device.spu.explanation import Explanation

        for (site, kind, sender), nbytes in (self._traffic() - self._crossed).items():
            self.passes(site, kind, sender, nbytes)
        if len(self._spus) > 1:
            raise DeviceError("the function asks several SPUs", fix="explain what it does on each by itself")
        spu = next(iter(self._spus), None)
        lines = [LineCost(site, what, row.runs, row.cost) for (site, what), row in self._rows.items()]
        weight = lambda line: (line.cost.online_bytes + line.cost.offline_bytes, line.cost.rounds)  # noqa: E731
        return Explanation(
            name=name,
            compute=() if spu is None else spu.settings.compute,
            dealer=None if spu is None else dealer_of(spu),
            total=highest(self._each),
            each=() if spu is None else self._each,
            turn=None,
            lines=tuple(sorted(lines, key=weight, reverse=True)),
            notes=(MADE_UP, *self.notes),
            beside={party: self._beside[party] for party in self.program.parties if party in self._beside},
            beside_rounds=self._rounds,
            reveals=tuple(self.reveals),
        )


def unknown(handle: PYUObject) -> DeviceError:
    """What a handle at a party stands for, nobody knows here."""
    party = handle.device.party
    return DeviceError(
        f"{handle!r} is at {party}, so its shape is not known here",
        fix=f"describe it: {{{party}: (rows, columns)}} or {{{party}: (rows,)}} in its place",
    )


def array_of(shape: tuple[int, ...]) -> Any:
    """Something of a shape: a label of 0 and 1, or an array of positive numbers."""
    rows = shape[0]
    if len(shape) == 1:
        return np.arange(rows) % 2
    noise = np.random.default_rng(0).uniform(0.5, 1.5, rows + APART * shape[1])
    columns = [noise[APART * place : APART * place + rows] for place in range(shape[1])]
    return np.stack(columns, axis=1) if columns else np.zeros((rows, 0))


def table_of(party: str, shape: tuple[int, ...]) -> Any:
    """A table with names for its columns (of pandas, if that is here)."""
    array = array_of(shape)
    if find_spec("pandas") is None:
        return array
    import pandas as pd

    return pd.DataFrame(array, columns=[f"{party}{place}" for place in range(shape[1])])

"""The engine of the other three modes: masked evaluation by two compute parties, with a helper or without."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from junto.device.handle import PendingReveal, passage
from junto.device.spu import prepared_runs
from junto.device.spu.call_forms import sources_of
from junto.device.spu.call_progress import under_way
from junto.device.spu.correlation_pool import CorrelationPool
from junto.device.spu.disclosed import RevealRecord
from junto.device.spu.engine import Engine, EngineCall, EnteredValue, Held, IncomingShares, SpuValue
from junto.device.spu.inputs import InputConversion, encoded
from junto.device.spu.layout import entered, kinds, parse, read, settled, shift_of, wide_numbers
from junto.device.spu.node import NodeThread
from junto.device.spu.node_context import NodeContext
from junto.device.spu.plan_runner import Fresh, charge, gates_of, preparation, run_plan, run_stored
from junto.device.spu.profile import Recorder
from junto.errors import NotComputable
from junto.execute.executor import Promise, Ref, TaskCall
from junto.mpc.interpret import StepHooks
from junto.mpc.meter import Meter
from junto.mpc.preprocess.joint import Paired, Preparing, prepared
from junto.mpc.primitives.public import PublicDigest
from junto.mpc.protocol import handover, inout
from junto.mpc.protocol.inout import InputKind, Parcel, Secret
from junto.mpc.protocol.role import Role
from junto.mpc.protocol.shares import MaskedBits
from junto.mpc.settings import MpcSettings, NumberForm
from junto.net.api import Stamp
from junto.program.program import Program
from junto.program.waiting import AwaitedRef

LAYOUT, PARCEL = 0, 1


@dataclass(frozen=True, slots=True)
class OwnerInput:
    """A value of its owner's on its way in."""

    ref: Ref
    entrance: InputConversion


class SecureEngine(Engine):
    """See the module.

    Args:
        program: the run.
        seats: of the nodes that live in this process.
        nodes: their threads.
        homes: of all nodes: for P0, P1 and the helper, by their roles' names, the party that runs each.
        settings: numbers of the SPU.
    """

    def __init__(
        self,
        program: Program,
        seats: Mapping[str, NodeContext],
        nodes: Mapping[str, NodeThread],
        homes: Mapping[str, str],
        settings: MpcSettings,
    ) -> None:
        super().__init__()
        self._program = program
        self._seats = seats
        self._nodes = nodes
        self._homes = homes
        first, second = list(homes)[:2]
        self._compute = (first, second)
        self._settings = settings

    # -------------------------------------------------------------------- in

    def enter(
        self, stamp: Stamp, owner: str, ref: Ref | None, name: str, own: NumberForm | None = None
    ) -> EnteredValue:
        held: dict[str, Ref] = {}
        layouts: dict[str, Ref] = {}
        parcels: dict[str, Ref | None] = dict.fromkeys(self._compute)
        entrance = InputConversion(self._settings, wide_numbers(), name, own)
        if ref is not None:
            value = OwnerInput(ref, entrance)
            layouts[owner] = self._enter_at_owner(stamp, owner, value, held, parcels)
        for party in self._program.parties:
            if party != owner:
                way = passage(stamp, LAYOUT, "layout", owner, party)
                arrived = self._program.transfer(way, layouts.get(owner))
                if arrived is not None:
                    layouts[party] = arrived
        for party in self._compute:
            if party != owner:
                way = passage(stamp, PARCEL, "share", owner, party)
                parcels[party] = self._program.transfer(way, parcels[party])
        for role, seat in self._seats.items():
            if role not in held:
                come = [layouts[seat.home], parcels.get(role)]
                held[role] = self._enter_elsewhere(stamp, owner, seat, entrance, come)
        return EnteredValue(held, next(iter(layouts.values())), owner)

    def _enter_at_owner(
        self,
        stamp: Stamp,
        owner: str,
        value: OwnerInput,
        held: dict[str, Ref],
        parcels: dict[str, Ref | None],
    ) -> Ref:
        explain = self._program.explainer(stamp, owner)
        if owner in self._compute:
            run = partial(_enter_own, self._seats[owner], stamp, value.entrance)
            node = self._nodes[owner]
            described, held[owner], parcel = node.submit([value.ref], run, 3, explain)
            self._program.watch(stamp, (described,))
            parcels[self._seats[owner].peer] = self._public(owner, parcel)
            return self._public(owner, described)
        call = TaskCall(partial(_split, value.entrance), (value.ref,), {}, 3, f"share {stamp.text}", explain)
        layout, key, rest = self._program.submit(stamp, owner, call)
        parcels.update(zip(self._compute, (key, rest), strict=True))
        return layout

    def _enter_elsewhere(
        self,
        stamp: Stamp,
        owner: str,
        seat: NodeContext,
        entrance: InputConversion,
        come: Sequence[Ref | None],
    ) -> Ref:
        """`come`: the layout, and this node's parcel if it has one."""
        explain = self._program.explainer(stamp, seat.home)
        inputs = [each for each in come if each is not None]
        operation = None if owner in self._compute else stamp.operation  # an outsider's pieces take a round
        if operation is None:
            run = partial(_enter_other, seat, stamp, self._compute.index(owner), entrance)
        else:
            run = partial(_enter_split, seat, stamp, owner, entrance)
        (secrets,) = self._nodes[seat.role_name].submit(inputs, run, 1, explain, operation)
        self._program.watch(stamp, (secrets,))
        return secrets

    # -------------------------------------------------------------------- compute

    def compute(self, stamp: Stamp, work: EngineCall) -> list[Held]:
        outputs: list[dict[str, Ref]] = [{} for _ in range(work.results)]
        sources, places = sources_of(work.inputs)
        for role, seat in self._seats.items():
            recorder = self.recorder(stamp, role)
            note = RevealRecord(self._program, stamp, role, self._homes)
            run = partial(_compute, seat, stamp, work, places, recorder, note)
            explain = self._program.explainer(stamp, seat.home)
            parts = [handle.held[role] for handle in sources]
            results = self._nodes[role].submit(parts, run, len(outputs), explain, stamp.operation)
            if recorder is not None:
                recorder.follow(results)
            self._program.watch(stamp, results)
            for output, slot in zip(outputs, results, strict=True):
                output[role] = slot
        return list(outputs)

    def use_pool(self, stamp: Stamp, party: str, pool: CorrelationPool) -> None:
        """In the node's thread: calls that were made before do not ask for it, at either party."""
        super().use_pool(stamp, party, pool)
        run = partial(_use_pool, self._seats[party], pool)
        self._nodes[party].submit([], run, 0, self._program.explainer(stamp, party))

    def fill(self, stamp: Stamp, work: EngineCall, name: str, runs: int) -> list[AwaitedRef]:
        awaited = []
        for role, seat in self._seats.items():
            run = partial(_fill, seat, stamp, work, name, runs)
            (done,) = self._nodes[role].submit(
                [], run, 1, self._program.explainer(stamp, seat.home), stamp.operation
            )
            self._program.watch(stamp, (done,))
            awaited.append(AwaitedRef(done, seat.home))
        return awaited

    def held_here(self, handle: SpuValue) -> Sequence[Secret] | None:
        for role, node in self._nodes.items():
            stamp = self._program.newest  # an operation of all: the others may hear of the wait
            explain = self._program.explainer(stamp, self._homes[role])
            # Behind all that is under way: an earlier call may leave it in another form.
            (now,) = node.submit([handle.held[role]], _same, 1, explain)
            self._program.wait(stamp, [AwaitedRef(now, self._homes[role])])
            secrets: Sequence[Secret] = now.value()
            return secrets
        return None

    # -------------------------------------------------------------------- to and from another SPU

    @property
    def homes(self) -> tuple[str, ...]:
        return tuple(self._homes.values())

    def depart(self, stamp: Stamp, handle: SpuValue, count: int) -> list[tuple[str, list[Ref | None]]]:
        parts: list[tuple[str, list[Ref | None]]] = []
        for party in self._compute:
            made: list[Ref | None] = [None] * count
            if party in self._nodes:
                explain = self._program.explainer(stamp, party)
                run = partial(_depart, self._seats[party], count)
                given = self._nodes[party].submit([handle.held[party]], run, count, explain)
                made = [self._public(party, slot) for slot in given]
            parts.append((party, made))
        return parts

    def pieces(self, stamp: Stamp, handles: Sequence[SpuValue]) -> dict[str, Ref]:
        made: dict[str, Ref] = {}
        for party in self._compute:
            if party in self._nodes:
                explain = self._program.explainer(stamp, party)
                run = partial(_kept, self._seats[party], stamp)
                parts = [handle.held[party] for handle in handles]
                (made[party],) = self._nodes[party].submit(parts, run, 1, explain)
        return made

    def arrive(self, stamp: Stamp, coming: IncomingShares) -> Held:
        held: dict[str, Ref] = {}
        for (role, home), layout, pieces in zip(
            self._homes.items(), coming.layouts, coming.pieces, strict=True
        ):
            if role in self._seats and layout is not None:
                run = partial(_arrive, self._seats[role], stamp, self._settings, coming.numbers)
                explain = self._program.explainer(stamp, home)
                (held[role],) = self._nodes[role].submit([layout, *pieces], run, 1, explain, stamp.operation)
                self._program.watch(stamp, (held[role],))
        return held

    # -------------------------------------------------------------------- out

    def show(
        self, stamp: Stamp, index: int, handle: SpuValue, receivers: Sequence[str], *, tell: bool = True
    ) -> PendingReveal:
        held, layout = handle.held, handle.layout()
        assemble = partial(_assemble, layout, self._settings, handle.reading, self._compute)
        parties = self._program.parties
        shown: Ref | None = None
        awaited: list[AwaitedRef] = []
        for number, receiver in enumerate(parties):
            if receiver not in receivers:
                continue
            place = index * len(parties) + number
            value = self._show_to(stamp, place, held, assemble, receiver)
            if value is not None:
                shown = shown or value
                awaited.append(AwaitedRef(value, self._compute[0]))
        told = [party for party in parties if tell and party not in receivers]
        return PendingReveal(shown, awaited + self._tell(stamp, index, held, told))

    def settle(self, stamp: Stamp, index: int, held: Held) -> list[AwaitedRef]:
        return self._tell(stamp, index, held, self._program.parties)

    def _show_to(
        self, stamp: Stamp, place: int, held: Held, assemble: Callable[..., Any], receiver: str
    ) -> Ref | None:
        """Both compute parties give their pieces; the value at the receiver, if that lives here."""
        pieces: list[Ref] = []
        for party in self._compute:
            parcel = self._parcel(stamp, place, held, party, receiver)
            if party != receiver:
                parcel = self._program.transfer(passage(stamp, place, "reveal", party, receiver), parcel)
            if parcel is not None and self._program.is_here(receiver):
                pieces.append(parcel)
        if len(pieces) < len(self._compute):
            return None
        call = TaskCall(
            assemble,
            tuple(pieces),
            {},
            None,
            f"assemble {stamp.text}",
            self._program.explainer(stamp, receiver),
        )
        (value,) = self._program.submit(stamp, receiver, call)
        return value

    def _parcel(self, stamp: Stamp, place: int, held: Held, party: str, receiver: str) -> Ref | None:
        if party not in self._seats:
            return None
        run = partial(_parcel, self._seats[party], stamp, place, receiver)
        explain = self._program.explainer(stamp, party)
        (parcel,) = self._nodes[party].submit([held[party]], run, 1, explain)
        return self._public(party, parcel)

    def _public(self, party: str, slot: Ref) -> Ref:
        """What leaves a node's thread, as a value of the party's executor (on Ray: in its store)."""
        promise = self._program.promise(party)
        slot.add_done_callback(partial(_follow, promise))
        return promise

    def _tell(self, stamp: Stamp, index: int, held: Held, parties: Sequence[str]) -> list[AwaitedRef]:
        """Let `parties` know that the value is there, or failed: P0 says so."""
        source, names = self._compute[0], self._program.parties
        done: Ref | None = None
        if source in self._nodes:
            explain = self._program.explainer(stamp, source)
            (slot,) = self._nodes[source].submit([held[source]], _nothing, 1, explain)
            done = self._public(source, slot)
        awaited = []
        for party in parties:
            place = index * len(names) + names.index(party)
            way = passage(stamp, place, "wait", source, party)
            ref = done if party == source else self._program.transfer(way, done)
            if ref is not None:
                awaited.append(AwaitedRef(ref, source))
        return awaited

    def close(self) -> None:
        for node in self._nodes.values():
            node.close()
        for seat in self._seats.values():
            for channel in seat.channels.values():
                channel.close()
        super().close()


# -------------------------------------------------------------------- what runs in the nodes' threads


def _enter_own(seat: NodeContext, stamp: Stamp, entrance: InputConversion, value: Any) -> tuple[Any, ...]:
    layout, plain = encoded(value, entrance)
    secrets, parcels = inout.enter_own(_entering(seat, stamp, entrance), seat.index or 0, plain)
    return layout, secrets, parcels


def _entering(seat: NodeContext, stamp: Stamp, entrance: InputConversion) -> Role:
    """This node's role where a value comes in."""
    return seat.role(stamp, width=entrance.settings.held_as(entrance.own).width)


def _enter_other(
    seat: NodeContext,
    stamp: Stamp,
    owner: int,
    entrance: InputConversion,
    layout: Any,
    parcels: Sequence[Parcel] | None = None,
) -> tuple[list[Secret]]:
    described = kinds(entered(layout, entrance.own), entrance.settings)
    role = _entering(seat, stamp, entrance)
    return (inout.enter_other(role, owner, described, parcels, seat.compute[owner]),)


def _enter_split(
    seat: NodeContext,
    stamp: Stamp,
    owner: str,
    entrance: InputConversion,
    layout: Any,
    parcel: bytes | Sequence[Parcel] | None = None,
) -> tuple[list[Secret]]:
    described = kinds(entered(layout, entrance.own), entrance.settings)
    secrets = inout.enter_split(_entering(seat, stamp, entrance), described, parcel, owner)
    seat.end()
    return (secrets,)


def _split(entrance: InputConversion, value: Any) -> tuple[Any, bytes, list[Parcel]]:
    """At an owner that is no compute party; on Ray in one of its workers."""
    layout, arrays = encoded(value, entrance)
    key, rest = inout.split(arrays)
    return layout, key, rest


def _parcel(
    seat: NodeContext, stamp: Stamp, place: int, receiver: str, secrets: Sequence[Secret]
) -> tuple[list[Parcel]]:
    noise = None if receiver in seat.compute else seat.noise(stamp, receiver, place)
    return (inout.parcels_for(seat.reading(), secrets, noise),)


def _depart(seat: NodeContext, count: int, secrets: Sequence[Secret]) -> tuple[Any, ...]:
    return *handover.depart(seat.reading(), secrets), *[None] * (count - 2)


def _kept(seat: NodeContext, stamp: Stamp, *parts: Sequence[Secret]) -> tuple[list[Parcel]]:
    """Anew additive: what is kept says nothing of this run's masks."""
    secrets = [secret for part in parts for secret in part]
    return (inout.parcels_for(seat.reading(), secrets, seat.noise(stamp, "kept", 0)),)


def _arrive(
    seat: NodeContext,
    stamp: Stamp,
    settings: MpcSettings,
    come: MpcSettings,
    layout: Any,
    *pieces: handover.Share,
) -> tuple[list[Secret]]:
    described = parse(layout)
    entering = kinds(described, come)
    goes = [settled(leaf, settings).form(settings) for leaf in described]
    changes = [
        handover.Change(shift_of(leaf, leaf.form(come), form), form.width)
        for leaf, form in zip(described, goes, strict=True)
    ]

    def steps(preparing: Preparing) -> Iterator[None]:
        nothing = [None] * len(pieces)
        return prepared(preparing, lambda: handover.entering(preparing, entering, nothing, changes))

    role, finish = seat.prepared(stamp, steps, come.width)
    secrets = handover.arrive(role, entering, pieces, changes)
    finish()
    seat.end()
    return (secrets,)


def _assemble(
    layout: Any,
    settings: MpcSettings,
    reading: Callable[[Any], Any] | None,
    senders: tuple[str, str],
    first: Sequence[Parcel],
    second: Sequence[Parcel],
) -> Any:
    words = inout.assemble(kinds(parse(layout), settings), first, second, senders)
    return read(layout, words, settings, reading)


def _compute(
    seat: NodeContext,
    stamp: Stamp,
    work: EngineCall,
    places: Sequence[Any],
    recorder: Recorder | None,
    note: RevealRecord,
    *parts: Sequence[Secret],
) -> Sequence[list[Secret]]:
    inputs = [parts[place[0]][place[1]] if isinstance(place, tuple) else place for place in places]
    kept = None if seat.pool is None else _kept_run(seat, stamp, work, places, inputs)
    if kept is not None:
        return work.grouped(kept(None) if recorder is None else recorder.measure(kept.role, kept))

    def steps(preparing: Preparing) -> Iterator[None]:
        return preparation(preparing, work.plan, inputs, work.settings)

    role, finish = seat.prepared(stamp, steps, work.settings.width)

    def run(meter: Meter | None) -> list[Secret]:
        gates = gates_of(role, work.settings)
        witness = PublicDigest()
        with under_way(seat.board, stamp, work, role) as pace:
            ears = StepHooks(witness=witness, meter=meter, pace=pace, revealed=note, proved=note.proved)
            results = run_plan(gates, role.flush, work.plan, inputs, work.settings, ears)
        if witness.seen:
            _compare(seat, witness.digest)
            charge(role)
        finish()
        seat.end()
        return results

    return work.grouped(run(None) if recorder is None else recorder.measure(role, run))


def _use_pool(seat: NodeContext, pool: CorrelationPool) -> tuple[()]:
    seat.pool = pool
    return ()


def _fill(seat: NodeContext, stamp: Stamp, work: EngineCall, name: str, runs: int) -> tuple[None]:
    prepared_runs.fill(seat, stamp, work, name, runs)
    return (None,)


def _kept_run(
    seat: NodeContext, stamp: Stamp, work: EngineCall, places: Sequence[Any], inputs: Sequence[Any]
) -> _KeptRun | None:
    """A run of what was made ahead; None if nothing is there for it."""
    fresh = [
        Fresh(place, InputKind(isinstance(each, MaskedBits), each.shape, work.settings.width), each)
        if isinstance(place, tuple)
        else each
        for place, each in zip(places, inputs, strict=True)
    ]
    entry = prepared_runs.taken(seat, prepared_runs.name_of(work.plan, work.settings, fresh))
    return None if entry is None else _KeptRun(seat, stamp, work, fresh, *seat.stored(stamp, entry))


@dataclass(frozen=True, slots=True, eq=False)
class _KeptRun:
    """See `_kept_run`; `finish`: when it is over."""

    seat: NodeContext
    stamp: Stamp
    work: EngineCall
    inputs: Sequence[Any]
    role: Paired
    finish: Callable[[], None]

    def __call__(self, meter: Meter | None) -> list[Secret]:
        witness = PublicDigest()
        with under_way(self.seat.board, self.stamp, self.work, self.role) as pace:
            ears = StepHooks(witness=witness, meter=meter, pace=pace)
            results = run_stored(self.role, self.work.plan, self.inputs, self.work.settings, ears)
        if witness.seen:
            _compare(self.seat, witness.digest)
            charge(self.role)
        self.finish()
        self.seat.end()
        self.role.rounds += prepared_runs.AGREEMENT_ROUNDS
        self.role.opened += prepared_runs.AGREEMENT_BYTES
        return results


def _compare(seat: NodeContext, digest: bytes) -> None:
    """Shares fit only if all nodes computed the same public numbers, to the last bit.

    jax computes them, and two kinds of processor may round a sine differently. One round, where a plan has
    such.
    """
    if seat.index is None:
        seat.channels[seat.compute[1]].write(digest)
        return
    others = [bytes(seat.channels[seat.peer].exchange([digest], len(digest)))]
    if seat.index == 1 and seat.helper is not None:
        others.append(bytes(seat.channels[seat.helper].read(len(digest))))
    if any(other != digest for other in others):
        raise NotComputable(
            "the nodes computed different public numbers from the same inputs: their processors or versions "
            "of jax round differently",
            fix="compute that part at one party and share it, or run the same jax on like machines",
        )


def _same(secrets: Sequence[Secret]) -> tuple[Sequence[Secret]]:
    return (secrets,)


def _nothing(_: Any) -> tuple[None]:
    return (None,)


def _follow(promise: Promise, ref: Ref) -> None:
    error = ref.error()
    if error is None:
        promise.set_value(ref.value())
    else:
        promise.set_error(error)

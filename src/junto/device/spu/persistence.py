"""Values are kept in files beyond a run: each party writes its own part, and later reads it again.

In stages, after each of which every party knows whether all parties came through it. So no part is put in its
place before all are written, and what one party's disk refuses is an error at all of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from junto.device.encrypted_files import require_passphrase
from junto.device.handle import DeviceObject, passage
from junto.device.spu import sharefile
from junto.device.spu.engine import IncomingShares, known_at
from junto.device.spu.layout import arrived
from junto.device.spu.object import SPUObject
from junto.device.spu.sharefile import Draft, DumpCommon, Parcel, Part
from junto.device.spu.spu_device import SpuDevice
from junto.errors import DeviceError, ProtocolViolation
from junto.execute.executor import Ref
from junto.net.api import Stamp
from junto.program.operation import Description, structure
from junto.program.program import Program
from junto.program.waiting import AwaitedRef
from junto.tree import leaves, map_leaves

Paths = Mapping[str, "str | os.PathLike[str]"] | Sequence["str | os.PathLike[str]"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Begun:
    """A part on its way to its file."""

    draft: Draft
    parcels: Sequence[Parcel]
    salt: bytes


def dump(spu: SpuDevice, value: Any, paths: Paths, *, overwrite: bool, passphrase: str | None) -> str:
    """See `SPU.dump`."""
    require_passphrase(passphrase)
    handles = _handles(spu, value)
    places = places_of(spu, paths)
    for handle in handles:
        handle.require_usable()
    layout = map_leaves(lambda handle: None if handle is None else handle.layout(), value)
    program = spu.session.program
    text = f"{structure(value, DeviceObject)}|{overwrite}"
    stamp = program.begin(Description("dump", spu.name, structure=text))
    stages = Stages(program, stamp, _keepers(spu))
    pieces = spu.engine.pieces(stamp, handles)
    begun: dict[str, _Begun] = {}

    def prepare(party: str) -> str:
        parcels: Sequence[Parcel] = ()
        if party in pieces:
            program.wait(stamp, [AwaitedRef(pieces[party], party)])
            parcels = pieces[party].value()
        draft = Draft(place_at(places, party), overwrite=overwrite)
        begun[party] = _Begun(draft, parcels, sharefile.fresh_salt())
        return sharefile.seal(begun[party].salt, parcels)

    def write(party: str) -> None:
        own = begun[party]
        own.draft.write(Part(common, stages.keepers.index(party), own.parcels), own.salt, passphrase)

    try:
        seals = tuple(stages.hear(prepare).values())
        field, fraction = spu.settings.ring.name, spu.numbers.fraction
        common = DumpCommon(field, fraction, stages.keepers, layout, seals)
        stages.run(write)
        stages.run(lambda party: begun[party].draft.publish())
        return common.receipt
    finally:
        for own in begun.values():
            own.draft.drop()


def load(spu: SpuDevice, paths: Paths, receipt: str | None, passphrase: str | None) -> SPUObject:
    """See `SPU.load`."""
    require_passphrase(passphrase)
    places = places_of(spu, paths)
    program = spu.session.program
    stamp = program.begin(Description("load", spu.name, structure=f"receipt {receipt}"))
    stages = Stages(program, stamp, _keepers(spu))
    parts: dict[str, Part] = {}

    def take(party: str) -> str:
        parts[party] = sharefile.read(place_at(places, party), passphrase)
        _check(spu, parts[party], party)
        return parts[party].common.text

    texts = set(stages.hear(take).values())
    if len(texts) > 1:
        raise DeviceError(
            f"the parts of {', '.join(stages.keepers)} are not of one dump",
            fix="give each party its own part of the same dump",
        )
    common = sharefile.common_of(texts.pop())
    if receipt is not None and receipt != common.receipt:
        raise DeviceError(
            "the parts are of another dump than the one whose receipt is given: an older one, perhaps",
            fix="give each party its part of that dump, or leave the receipt out if any dump will do",
        )

    layouts: list[Ref | None] = []
    pieces: list[list[Ref]] = []
    owners = [*spu.settings.compute, None]
    for home, owner in zip(spu.engine.homes, owners, strict=False):
        layouts.append(known_at(program, home, common.layout))
        piece = known_at(program, home, parts[owner].parcels if owner in parts else None)
        pieces.append([] if piece is None else [piece])
    held = spu.engine.arrive(
        stamp, IncomingShares(layouts, pieces, replace(spu.numbers, fraction=common.fraction))
    )
    made = SPUObject(spu.session, (stamp.operation, 0), spu, held, stamp.text)
    return made.has_layout(arrived(common.layout, spu.numbers))


class Stages:
    """What several parties do at once, each for itself, and what all parties then know of it.

    Args:
        program: the run.
        stamp: of the operation.
        keepers: the parties that do something.
    """

    def __init__(self, program: Program, stamp: Stamp, keepers: tuple[str, ...]) -> None:
        self.keepers = keepers
        self._program = program
        self._stamp = stamp
        self._passages = 0

    def hear(self, job: Callable[[str], str]) -> dict[str, str]:
        """`run` of what gives a text.

        Raises:
            ProtocolViolation: a party says something else.
        """
        said = self.run(job)
        for party, text in said.items():
            if not isinstance(text, str):
                raise ProtocolViolation(f"what {party} says of its part is no text")
        return said

    def run(self, job: Callable[[str], Any]) -> dict[str, Any]:
        """`job(party)` at each keeper; what it returned everywhere, at every party.

        Raises:
            RemoteError: it failed somewhere; at every party.
        """
        results: dict[str, Ref] = {}
        awaited: list[AwaitedRef] = []
        for keeper in self.keepers:
            own = self._attempt(keeper, job) if self._program.is_here(keeper) else None
            for party in self._program.parties:
                ref = own
                if party != keeper:
                    way = passage(self._stamp, self._passages, "agree", keeper, party)
                    ref = self._program.transfer(way, own)
                if ref is not None and self._program.is_here(party):
                    results[keeper] = ref
                    awaited.append(AwaitedRef(ref, keeper))
            self._passages += 1
        self._program.wait(self._stamp, awaited)
        return {keeper: ref.value() for keeper, ref in results.items()}

    def _attempt(self, keeper: str, job: Callable[[str], Any]) -> Ref:
        promise = self._program.promise(keeper)
        try:
            promise.set_value(job(keeper))
        except Exception as error:
            promise.set_error(self._program.explainer(self._stamp, keeper)(error))
        return promise


# ---------------------------------------------------------------- what the script says


def _handles(spu: SpuDevice, value: Any) -> list[SPUObject]:
    handles = [each for each in leaves(value) if each is not None]
    for each in handles:
        if not isinstance(each, SPUObject) or each.device is not spu:
            what = repr(each) if isinstance(each, DeviceObject) else f"a {type(each).__name__}"
            raise DeviceError(
                f"{spu.name} keeps what lives on it, and {what} does not",
                fix="move it there first: x.to(spu)",
            )
    if not handles:
        raise DeviceError(
            "there is nothing in what is to be kept", fix="give a handle, or handles in dicts and lists"
        )
    return handles


def _keepers(spu: SpuDevice) -> tuple[str, ...]:
    """The parties that have a part: in the roles P0, P1 and helper."""
    helper = spu.settings.helper
    return spu.settings.compute if helper is None else (*spu.settings.compute, helper)


def places_of(spu: SpuDevice, paths: Paths) -> dict[str, Path]:
    """Each party's path, as far as it is named.

    Raises:
        DeviceError: there is no such party, the list has another length than there are nodes, or what is
            given is no path.
    """
    names = spu.settings.parties
    fix = "paths={" + ", ".join(f'"{name}": ...' for name in names) + "}, by the nodes' names"
    if isinstance(paths, str | os.PathLike) or not isinstance(paths, Mapping | Sequence):
        raise DeviceError("one path is not enough: each party keeps its own part", fix=fix)
    if not isinstance(paths, Mapping):
        if len(paths) != len(names):
            raise DeviceError(f"{len(paths)} paths were given for {len(names)} nodes", fix=fix)
        paths = dict(zip(names, paths, strict=True))
    unknown = [name for name in paths if name not in names]
    if unknown:
        what = f"{', '.join(map(str, unknown))} is no node of {spu.name}: {', '.join(names)}"
        raise DeviceError(what, fix=fix)
    for name, path in paths.items():
        if not isinstance(path, str | os.PathLike | None):
            raise DeviceError(f"the path of {name} is a {type(path).__name__}", fix=fix)
    places = {name: Path(path) for name, path in paths.items() if path is not None}
    here = [places[name] for name in _keepers(spu) if name in places and spu.session.program.is_here(name)]
    if len(set(here)) < len(here):
        raise DeviceError(
            "two parties of this process have the same path: one part would replace the other",
            fix="give each party a path of its own",
        )
    return places


def place_at(places: Mapping[str, Path], party: str) -> Path:
    """A party's own path; DeviceError if it is not named."""
    if party not in places:
        raise DeviceError(
            f"{party} has a part, and no path for it is given at {party}",
            fix="give a path for each party of the SPU",
        )
    return places[party]


def _check(spu: SpuDevice, part: Part, party: str) -> None:
    """That a part belongs here: on this device, at this party."""
    common, keepers = part.common, _keepers(spu)
    facts = {
        "field": (common.field, spu.settings.ring.name),
        "fxp_fraction_bits": (common.fraction, spu.numbers.fraction),
        "roles": (", ".join(common.roles), ", ".join(keepers)),
        "party": (common.roles[part.index], party),
    }
    differing = [f"{name} {theirs}, here {ours}" for name, (theirs, ours) in facts.items() if theirs != ours]
    if differing:
        raise DeviceError(
            f"this part was dumped by another SPU, or for another party: {'; '.join(differing)}",
            fix="load it with the settings with which it was dumped; then move it: x.to(other_spu)",
        )

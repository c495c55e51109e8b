"""`SecureAggregator`: sums of what several parties have, of which nobody sees more than the sum."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final

import numpy as np

from junto.config.plaintext import require_private
from junto.device.boundary import Scripted
from junto.device.current import current
from junto.device.disclosure import reveal
from junto.device.pyu import PYU, PYUObject
from junto.device.revealed_facts import any_text, fact, list_of, natural, one_of, read, real, record
from junto.errors import LearnError, RemoteError
from junto.federated import flat_trees, pairwise_masks
from junto.federated.fixed_words import WIDEST, FixedWords, Words
from junto.frame.frame_steps import FrameStep

LEAST_PARTIES: Final = 3
"""With two, each works out what the other one has added."""

Bound = Annotated[float, "(0, inf)"]
BOUND: Final = 2.0**16
"""Of numbers to be added: with three parties sums are then exact to 2**-42."""

NOBODY: Final[Mapping[str, RemoteError]] = MappingProxyType({})

FAULTS: Final[Mapping[str, str]] = {
    "": "",
    "gaps": "has numbers that are missing or infinite",
    "large": "has numbers beyond the bound",
    "kind": "has something that is no number",
    "whole": "has numbers that are not whole",
}


@dataclass(frozen=True, slots=True, repr=False)
class Prepared:
    """A party's part of a sum, at that party.

    Attributes:
        vector: its numbers.
        like: the tree that they are of.
        fault: a key of `FAULTS`.
        form: see `flat_trees.form_of`.
    """

    vector: flat_trees.Floats
    like: Any
    fault: str
    form: str


@dataclass(frozen=True, slots=True)
class TakingPart:
    """Who takes part in a sum, and what with.

    Attributes:
        parts: handles of `Prepared` of those that take part.
        size: how many numbers each has.
        dropped: the parties that do not, for theirs failed.
    """

    parts: Mapping[PYU, PYUObject]
    size: int
    dropped: tuple[str, ...]


class SecureAggregator(metaclass=Scripted):
    """Adds up what parties have, under masks that they share in pairs (Bonawitz et al., CCS 2017).

    Every party learns the sum, who took part, and how many numbers each added. The first party adds up what
    the others have masked; it sees uniform numbers, fresh for each sum, and the sum. Whoever knows the sum
    can take its own part off it: so at least three parties take part, unless `min_parties` says 2. What
    several sums show together nobody checks.

    A party whose part is not there, because the function that was to make it failed, is left out, and named
    in `dropped`; with fewer than `min_parties` there is no sum. A party that is gone ends the program, as it
    ends every other one.

    Args:
        parties: who adds.
        min_parties: no sum of fewer is made.

    Raises:
        LearnError: there are fewer parties, or one of them twice.
        ConfigError: a party is not on loopback, and there is no TLS.
    """

    def __init__(
        self, parties: Sequence[PYU], *, min_parties: Annotated[int, "[2, inf)"] = LEAST_PARTIES
    ) -> None:
        self._parties = tuple(parties)
        if len(set(self._parties)) < len(self._parties):
            raise LearnError("a party is named twice", fix="name each party once")
        self._least = min_parties
        self._require_enough(self._parties)
        require_private(current().settings, "a secure sum")
        self._secrets: Mapping[PYU, PYUObject] | None = None
        self._sums = 0
        self._dropped: tuple[str, ...] = ()

    @property
    def parties(self) -> tuple[PYU, ...]:
        """Who adds."""
        return self._parties

    @property
    def dropped(self) -> tuple[str, ...]:
        """Those that did not take part in the last sum."""
        return self._dropped

    def sum(
        self,
        values: Mapping[PYU, PYUObject],
        *,
        bound: Bound = BOUND,
        words: Annotated[int, f"[1, {WIDEST}]"] = 1,
    ) -> dict[PYU, PYUObject]:
        """The sum of trees of numbers, as a handle at each party.

        Args:
            values: by party a handle of a number, an array, or a tree of them (of jax, torch, numpy). Theirs
                have the same form.
            bound: no absolute value is above it. The sum is exact but for each party's rounding to a multiple
                of 2**(2 - 64 words) times the bound times the number of parties, or the power of two above.
            words: of 64 bits, that a number takes while it is added: from 1 to 4, more for sums of numbers
                of very different sizes.

        Returns:
            Trees of the same form; leaves of whole numbers stay whole.

        Raises:
            LearnError: values are beyond the bound, missing, or of different forms; fewer than `min_parties`
                are there. The same at every party, before anything is sent.
        """
        joined = self.join(values, bound)
        total = self.add(joined, FixedWords.fitting(bound, len(self._parties), words))
        return {party: party(_as_tree)(total[party], self._like(joined, party)) for party in self._parties}

    def average(
        self,
        values: Mapping[PYU, PYUObject],
        *,
        weights: Mapping[PYU, PYUObject] | None = None,
        bound: Bound = BOUND,
    ) -> dict[PYU, PYUObject]:
        """The weighted mean, likewise.

        Args:
            values: see `sum`.
            weights: whole numbers from 0 to 2**40, of rows for instance; None: all weigh the same. Every
                party learns their sum.
            bound: see `sum`.

        Raises:
            LearnError: see `sum`; all weights are 0.
        """
        joined = self.join(values, bound)
        given = weights or {party: party(_one)() for party in self._parties}
        whole = self.total_weight({party: given[party] for party in joined.parts})
        layout = FixedWords.fitting(bound, len(self._parties))
        total = self.add(self.weighted(joined, given, whole), layout)
        return {party: party(_as_tree)(total[party], self._like(joined, party)) for party in self._parties}

    # -------------------------------------------------------------------- its steps

    def join(self, values: Mapping[PYU, PYUObject], bound: Bound, *, whole: bool = False) -> TakingPart:
        """Find out who takes part; every party learns of each the size, the form and the first fault.

        Args:
            values: see `sum`.
            bound: see `sum`.
            whole: whether numbers must be whole.

        Raises:
            LearnError: see `sum`.
        """
        if not isinstance(values, Mapping) or set(values) != set(self._parties):
            raise LearnError("each party adds its own", fix=f"a handle under each of {_named(self._parties)}")
        step = FrameStep(_prepared, bound, whole)
        parts = {party: party(step)(values[party]) for party in self._parties}
        told: dict[PYU, tuple[int, str]] = {}
        gone: dict[str, RemoteError] = {}
        for party, part in parts.items():
            try:
                told[party] = _believed(party.party, reveal(party(_facts)(part)))
            except RemoteError as error:
                if error.party != party.party:
                    raise
                gone[party.party] = error
        self._require_enough(tuple(told), gone)
        sizes = {facts: party.party for party, facts in told.items()}
        if len(sizes) > 1:
            raise LearnError(
                f"{' and '.join(sorted(sizes.values()))} would add trees of different forms",
                fix="the same shapes in the same places at every party",
            )
        self._dropped = tuple(gone)
        return TakingPart({party: parts[party] for party in told}, next(iter(sizes))[0], self._dropped)

    def add(self, joined: TakingPart, layout: FixedWords, noise: float = 0.0) -> dict[PYU, PYUObject]:
        """The sum of vectors, at each party [numbers].

        Args:
            joined: see `join`.
            layout: how numbers are written while they are added.
            noise: the deviation of discrete Gaussian noise that each party adds to each number.
        """
        number, self._sums = self._sums, self._sums + 1
        secrets, adder = self._agreed(), next(iter(joined.parts))
        among = tuple(party.party for party in joined.parts)
        mask = FrameStep(_masked, layout, noise, number, among)
        masked = {
            party.party: party(mask)(part, secrets[party]).to(adder) for party, part in joined.parts.items()
        }
        total = adder(FrameStep(pairwise_masks.added, (layout.words, joined.size)))(masked)
        read = FrameStep(_read, layout, joined.size)
        return {party: party(read)(total.to(party)) for party in self._parties}

    def weighted(self, joined: TakingPart, weights: Mapping[PYU, PYUObject], whole: float) -> TakingPart:
        """Each part times its weight, over the sum of all."""
        step = FrameStep(_weighted, whole)
        parts = {party: party(step)(part, weights[party]) for party, part in joined.parts.items()}
        return TakingPart(parts, joined.size, joined.dropped)

    def total_weight(self, weights: Mapping[PYU, PYUObject]) -> int:
        """The sum of whole numbers of some of the parties, which all parties learn.

        Raises:
            LearnError: one is negative or not whole, or they are all 0.
        """
        parts, told = {}, {}
        for party, weight in weights.items():
            parts[party] = party(FrameStep(_prepared, MOST_WEIGHT, True))(party(_from_zero)(weight))
            told[party] = _believed(f"{party.party}'s weight", reveal(party(_facts)(parts[party])))
        layout = FixedWords.fitting(MOST_WEIGHT, len(self._parties), whole=True)
        total = next(iter(self.add(TakingPart(parts, 1, ()), layout).values()))
        whole = int(fact(total, list_of(real, 1))[0])
        if whole <= 0:
            raise LearnError("all weights are 0", fix="at least one party has rows")
        return whole

    # -------------------------------------------------------------------- inside

    def _agreed(self) -> Mapping[PYU, PYUObject]:
        if self._secrets is None:
            keys = {party: party(pairwise_masks.own_key)(party.party) for party in self._parties}
            publics = {party: party(pairwise_masks.public_of)(key) for party, key in keys.items()}
            self._secrets = {
                party: party(pairwise_masks.agreed)(
                    key, {other.party: publics[other].to(party) for other in publics if other != party}
                )
                for party, key in keys.items()
            }
        return self._secrets

    def _like(self, joined: TakingPart, party: PYU) -> PYUObject:
        """At a party a tree of the form of the sum: its own, or of one that failed, numbers alone."""
        found = joined.parts.get(party)
        return party(_no_tree)() if found is None else found

    def _require_enough(self, there: Sequence[PYU], gone: Mapping[str, RemoteError] = NOBODY) -> None:
        if len(there) >= self._least:
            return
        if gone:
            raise LearnError(
                f"{', '.join(gone)} failed, and min_parties is {self._least}: of {len(there)} is no sum",
                fix=f"the first of them: {next(iter(gone.values())).fix}",
            ) from next(iter(gone.values()))
        raise LearnError(
            f"a sum of {len(there)} parties would show too much of each: min_parties is {self._least}",
            fix="min_parties=2 says that each of two may work out the other's values",
        )

    def __repr__(self) -> str:
        return f"<SecureAggregator of {_named(self._parties)}>"


MOST_WEIGHT: Final = 2.0**40
"""Of a party's weight."""


def _named(parties: Sequence[PYU]) -> str:
    return ", ".join(party.party for party in parties)


def _believed(who: str, facts: Any) -> tuple[int, str]:
    """What a party told of its part, once it makes sense.

    Raises:
        LearnError: it has a fault.
        ProtocolViolation: what it told is none.
    """
    told = read(who, facts, record(fault=one_of(*FAULTS), size=natural, form=any_text))
    if told["fault"]:
        raise LearnError(f"what {who} would add {FAULTS[told['fault']]}", fix="see bound= and clip_norm=")
    return told["size"], told["form"][:32]


# -------------------------------------------------------------------- at the parties


def _one() -> int:
    return 1


def _from_zero(weight: Any) -> Any:
    """A weight that is refused if it is negative."""
    return weight if weight >= 0 else math.nan


def _prepared(tree: Any, bound: float, whole: bool) -> Prepared:
    try:
        vector, form = flat_trees.vector_of(tree), flat_trees.form_of(tree)
    except LearnError:
        return Prepared(np.zeros(0), None, "kind", "")
    fault = ""
    if not np.isfinite(vector).all():
        fault = "gaps"
    elif (np.abs(vector) > bound).any():
        fault = "large"
    elif whole and (np.rint(vector) != vector).any():
        fault = "whole"
    return Prepared(vector, tree, fault, form)


def _facts(prepared: Prepared) -> dict[str, Any]:
    return {"fault": prepared.fault, "size": len(prepared.vector), "form": prepared.form}


def _weighted(prepared: Prepared, weight: Any, whole: float) -> Prepared:
    return Prepared(prepared.vector * (float(weight) / whole), prepared.like, "", prepared.form)


def _masked(
    prepared: Prepared,
    secrets: pairwise_masks.PairSecrets,
    layout: FixedWords,
    noise: float,
    number: int,
    among: tuple[str, ...],
) -> Words:
    words = layout.encode(prepared.vector)
    if noise:
        from junto.federated.privacy import discrete_gaussian

        drawn = discrete_gaussian(noise / layout.resolution, words.shape[1])
        words = words + drawn.view(np.uint64)[None, :]  # one word: the sum wraps as it should
    return secrets.mask(words, number, among)


def _read(total: Any, layout: FixedWords, size: int) -> Any:
    pairwise_masks.require_words("the sum", total, (layout.words, size))
    return layout.decode(total)


def _no_tree() -> None:
    return None


def _as_tree(vector: Any, like: Prepared | None) -> Any:
    return vector if like is None else flat_trees.tree_of(np.asarray(vector, np.float64), like.like)

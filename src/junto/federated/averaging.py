"""Federated averaging: each party trains on its own rows, and what it has changed is averaged.

McMahan et al., "Communication-efficient learning of deep networks from decentralized data", AISTATS 2017,
algorithm 1, with all parties in each round: w <- w + sum of (rows of p / all rows) * (w_p - w).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np

from junto.device.boundary import Scripted
from junto.device.disclosure import reveal_as
from junto.device.handle import DeviceObject
from junto.device.pyu import PYU, PYUObject, put
from junto.device.revealed_facts import fact, facts, list_of, real, record, text
from junto.errors import LearnError
from junto.federated import flat_trees
from junto.federated.fixed_words import FixedWords
from junto.federated.privacy import BELOW, ROW, TAIL, DifferentialPrivacy, PrivacySpent, clipped, spent
from junto.federated.secure_sum import BOUND, LEAST_PARTIES, SecureAggregator, TakingPart
from junto.frame.frame_steps import FrameStep
from junto.frame.horizontal import HorizontalFrame
from junto.tree import leaves

MOST_METRIC: Final = 2.0**30
"""Of what `evaluate` says."""

BLOCK: Final = 256
"""Rows whose changes are in memory at once."""


@dataclass(frozen=True, slots=True)
class FederatedRound:
    """What all parties know of a round.

    Attributes:
        number: from 0.
        parties: those that took part.
        dropped: those whose own training failed.
        rows: of those that took part.
        metrics: what `evaluate` said, averaged over their rows; empty without it.
    """

    number: int
    parties: tuple[str, ...]
    dropped: tuple[str, ...]
    rows: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class FederatedModel:
    """What was trained.

    Attributes:
        parameters: at each party, the same tree.
        history: of each round.
        privacy: what was learned of a row or a party, at most; None: without noise nothing is said.
    """

    parameters: Mapping[PYU, PYUObject]
    history: tuple[FederatedRound, ...]
    privacy: PrivacySpent | None


@dataclass(frozen=True)
class FedAvg(metaclass=Scripted):
    """Federated averaging of any function of jax, torch or numpy.

    In each round every party calls `client_update` on the parameters and its own data. What it has changed is
    clipped, weighted by its rows, and added up by a `SecureAggregator`, which says who learns what: nobody
    sees one party's change, all see the average, the number of all rows, and who took part. A party whose
    `client_update` raises is left out of the round, and named in its history.

    Args:
        parties: who trains.
        client_update: ``client_update(parameters, data)``, the new parameters, in a tree of the same form.
            With ``privacy`` of a row it is called for each row, and its changes are clipped one by one; with
            parameters of jax by ``jax.vmap``.
        evaluate: ``evaluate(parameters, data)``, a dict of numbers, of which all learn the average over all
            rows; after each round.
        clip_norm: a longer change is scaled down to this norm; None: it is refused, if one of its numbers is
            above `bound`.
        bound: see `SecureAggregator.sum`.
        min_parties: see `SecureAggregator`.
        num_examples: ``num_examples(data)``, the weight of a party; None: its rows.
        privacy: noise, clipping and accounting; None: there is no noise.

    Raises:
        LearnError: one of them makes no sense.
    """

    parties: Sequence[PYU]
    client_update: Callable[[Any, Any], Any]
    evaluate: Callable[[Any, Any], Mapping[str, float]] | None = None
    clip_norm: Annotated[float, "(0, inf)"] | None = None
    bound: Annotated[float, "(0, inf)"] = BOUND
    min_parties: Annotated[int, "[2, inf)"] = LEAST_PARTIES
    num_examples: Callable[[Any], int] | None = None
    privacy: DifferentialPrivacy | None = None

    def __post_init__(self) -> None:
        if self.privacy is not None and (self.evaluate or self.clip_norm):
            raise LearnError(
                "with privacy there is no clip_norm of FedAvg's own, and no evaluate, which has no noise",
                fix="DifferentialPrivacy(clip_norm=...); evaluate the trained model on other rows",
            )

    def fit(
        self,
        parameters: Any,
        data: Mapping[PYU, PYUObject] | HorizontalFrame,
        *,
        rounds: Annotated[int, "[1, inf)"],
    ) -> FederatedModel:
        """Train.

        Args:
            parameters: a tree of numbers, in the clear in the script or by party as handles, where all rounds
                begin.
            data: by party a handle of its rows: a table, an array, or a tree of arrays.
            rounds: how many.

        Raises:
            LearnError: fewer than `min_parties` take part; a change is out of range; see `SecureAggregator`.
            RemoteError: a function failed where none may.
        """
        self._require_numbers(parameters)
        tables = data.partitions if isinstance(data, HorizontalFrame) else data
        run = Training(self, tables)
        found = _everywhere(self.parties, parameters)
        history = []
        for number in range(rounds):
            found, told = run.round(number, found)
            history.append(told)
        return FederatedModel(found, tuple(history), run.spent())

    def _require_numbers(self, parameters: Any) -> None:
        if isinstance(parameters, Mapping) and set(parameters) == set(self.parties):
            return  # handles, as may be in a tree
        if any(isinstance(leaf, DeviceObject) for leaf in leaves(parameters)):
            return
        if not len(flat_trees.vector_of(parameters)):
            raise LearnError(
                f"there are no numbers in the parameters, which are {type(parameters).__name__}",
                fix="a tree of arrays; of a module of torch its state_dict()",
            )


class Training:
    """One call of `FedAvg.fit`.

    Args:
        plan: what is asked for.
        tables: by party, its data.
    """

    def __init__(self, plan: FedAvg, tables: Mapping[PYU, PYUObject]) -> None:
        self._plan = plan
        self._tables = tables
        self._adder = SecureAggregator(plan.parties, min_parties=plan.min_parties)
        if set(tables) != set(self._adder.parties):
            raise LearnError(
                "data is a handle under each party", fix="{alice: hers, bob: his, carol: theirs}"
            )
        count = plan.num_examples or flat_trees.rows_of
        self._rows = {party: party(_counted)(count, table) for party, table in tables.items()}
        self._wholes: dict[tuple[PYU, ...], int] = {}
        self._rhos: list[float] = []

    def round(
        self, number: int, parameters: Mapping[PYU, PYUObject]
    ) -> tuple[Mapping[PYU, PYUObject], FederatedRound]:
        """One round: the new parameters at each party, and what all know of it."""
        plan, parties = self._plan, self._adder.parties
        change = FrameStep(_change_by_rows if self._by_row else _change, self._norm, about=(number,))
        changes = {
            party: party(change)(plan.client_update, parameters[party], self._tables[party])
            for party in parties
        }
        joined = self._adder.join(changes, self._bound)
        whole = self._whole(joined)
        average = self._average(joined, whole)
        later = {party: party(_moved)(parameters[party], average[party]) for party in parties}
        metrics = self._metrics(later) if plan.evaluate is not None else {}
        there = tuple(party.party for party in joined.parts)
        return later, FederatedRound(number, there, joined.dropped, whole, metrics)

    def spent(self) -> PrivacySpent | None:
        """What all rounds have cost; every ledger gets it."""
        privacy = self._plan.privacy
        if privacy is None:
            return None
        found = spent(privacy, self._rhos)
        first = self._adder.parties[0]
        reveal_as(f"differential privacy: {found}", first(_told)(found.epsilon, found.delta))
        return found

    @property
    def _by_row(self) -> bool:
        return self._plan.privacy is not None and self._plan.privacy.unit == ROW

    @property
    def _norm(self) -> float | None:
        return self._plan.clip_norm if self._plan.privacy is None else self._plan.privacy.clip_norm

    @property
    def _bound(self) -> float:
        norm = self._norm
        return self._plan.bound if norm is None or self._by_row else norm

    def _whole(self, joined: TakingPart) -> int:
        """Rows of those that take part."""
        there = tuple(joined.parts)
        if there not in self._wholes:
            self._wholes[there] = self._adder.total_weight({party: self._rows[party] for party in there})
        return self._wholes[there]

    def _average(self, joined: TakingPart, whole: int) -> Mapping[PYU, PYUObject]:
        privacy, count = self._plan.privacy, len(self._adder.parties)
        if privacy is None:
            layout = FixedWords.fitting(self._bound, count)
            return self._adder.add(self._adder.weighted(joined, self._rows, whole), layout)
        there = len(joined.parts)
        share = privacy.share(there)
        most = privacy.clip_norm * (whole if self._by_row else 1)
        layout = FixedWords.fitting(most + TAIL * share, count)
        self._rhos.append(privacy.rho(there, joined.size, layout.resolution))
        total = self._adder.add(joined, layout, share)
        over = whole if privacy.unit == ROW else there
        return {party: party(FrameStep(_over, over))(each) for party, each in total.items()}

    def _metrics(self, parameters: Mapping[PYU, PYUObject]) -> Mapping[str, float]:
        told = {
            party: party(_evaluated)(self._plan.evaluate, parameters[party], self._tables[party])
            for party in self._adder.parties
        }
        form = list_of(text, 0, 1 << 20)
        names = facts({party.party: party(_names)(each) for party, each in told.items()}, form)
        some = next(iter(names.values()))
        if any(each != some for each in names.values()):
            raise LearnError("evaluate has other names at another party", fix="the same dict of numbers")
        adder = self._adder
        averages = adder.average(told, weights=self._rows, bound=MOST_METRIC)
        return fact(next(iter(averages.values())), record(**dict.fromkeys(some, real)))


def _everywhere(parties: Sequence[PYU], parameters: Any) -> Mapping[PYU, PYUObject]:
    if isinstance(parameters, Mapping) and set(parameters) == set(parties):
        return parameters
    return {party: put(party, parameters) for party in parties}


# -------------------------------------------------------------------- at the parties


def _counted(count: Callable[[Any], int], data: Any) -> int:
    return int(count(data))


def _change(update: Callable[[Any, Any], Any], parameters: Any, data: Any, norm: float | None) -> Any:
    """What a party's training has changed."""
    before = flat_trees.vector_of(parameters)
    change = _after(update(parameters, data), parameters) - before
    return change if norm is None else clipped(change, norm)


def _change_by_rows(update: Callable[[Any, Any], Any], parameters: Any, data: Any, norm: float) -> Any:
    """The sum of what each row changes, each clipped."""
    before = flat_trees.vector_of(parameters)
    total = np.zeros_like(before)
    leaf = next(leaves(parameters), None)
    one = _row_by_row if not type(leaf).__module__.startswith("jax") else _side_by_side
    update_all = one(update)
    rows = flat_trees.rows_of(data)
    for begin in range(0, rows, BLOCK):
        changes = update_all(parameters, flat_trees.some_rows(data, begin, begin + BLOCK)) - before
        lengths = np.linalg.norm(changes, axis=1)
        if not np.isfinite(lengths).all():
            raise LearnError(
                "an update has numbers that are missing or infinite", fix="a lower learning rate"
            )
        total += (norm / np.maximum(lengths, norm) * BELOW) @ changes
    return total


def _row_by_row(update: Callable[[Any, Any], Any]) -> Callable[[Any, Any], flat_trees.Floats]:
    return lambda parameters, data: np.stack(
        [_after(update(parameters, row), parameters) for row in flat_trees.each_row(data)]
    )


def _side_by_side(update: Callable[[Any, Any], Any]) -> Callable[[Any, Any], flat_trees.Floats]:
    import jax

    mapped = jax.jit(jax.vmap(update, in_axes=(None, 0)))
    return lambda parameters, data: flat_trees.vectors_of(mapped(parameters, data))


def _after(tree: Any, parameters: Any) -> flat_trees.Floats:
    if flat_trees.form_of(tree) != flat_trees.form_of(parameters):
        raise LearnError("client_update returned another tree than the parameters", fix="of the same form")
    return flat_trees.vector_of(tree)


def _moved(parameters: Any, change: Any) -> Any:
    return flat_trees.tree_of(flat_trees.vector_of(parameters) + change, parameters)


def _over(vector: Any, count: float) -> Any:
    return vector / count


def _evaluated(evaluate: Callable[[Any, Any], Mapping[str, float]], parameters: Any, data: Any) -> Any:
    return {str(name): float(value) for name, value in evaluate(parameters, data).items()}


def _names(metrics: Mapping[str, float]) -> list[str]:
    return sorted(metrics)


def _told(epsilon: float, delta: float) -> dict[str, float]:
    return {"epsilon": epsilon, "delta": delta}

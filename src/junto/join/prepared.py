"""A large table is prepared once; whoever asks it then pays for its own keys, and for a file that it keeps.

Paper:     Kales, Rechberger, Schneider, Senker, Weinert, "Mobile private contact discovery at scale",
           USENIX Security 2019 (after Kiss, Liu, Schneider, Asokan, Pinkas, PETS 2017): an OPRF, and what it
           gives for the table in a filter that is sent once. See `hashed_dh`, `prepared_file`.
Computes:  which keys of one party another party's table has.
Parties:   who asks, the owner.
Secure:    semi-honest; see `hashed_dh`.
Learns:    see `_learned`. Who has the file sees from one version to the next how many keys went and came, and
           of keys that it has asked for before which of them: their values stay the same.
Cost:      the file once, 6 bytes a key of the table; then 64 bytes a key that is asked for.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import Any

from junto.config.plaintext import require_private
from junto.device.boundary import public
from junto.device.current import current
from junto.device.disclosure import reveal, wait
from junto.device.placement import to as put
from junto.device.proxies import proxy
from junto.device.pyu import PYU, PYUObject
from junto.errors import JoinError, ProtocolViolation
from junto.join.asking import Question
from junto.join.join_cost import explaining
from junto.join.joining import Joined, completed
from junto.join.keys import Key
from junto.join.on import Names, checked_on
from junto.join.opening import opened
from junto.join.prepared_file import header_of
from junto.join.prepared_table import PreparedTable
from junto.join.preparing import PreparedChanger, PreparedLimits, PreparedWriter, PreparingDesk
from junto.join.protocol import FoundKeys, Goal, batch_sizes, of_own_keys
from junto.join.request import Request, checked_table, is_sentence, keyed_by
from junto.join.row_words import MOST_COLUMNS
from junto.join.travel import in_step, shown

log: logging.Logger = logging.getLogger("junto.join")

_Desk = proxy(PYUObject, num_cpus=0)(PreparingDesk)
_Writer = proxy(PYUObject, num_cpus=0)(PreparedWriter)
_Changer = proxy(PYUObject, num_cpus=0)(PreparedChanger)


@public
def prepare(
    table: Mapping[PYU, Any],
    on: Names | Mapping[Any, Names],
    path: str | os.PathLike[str] | Mapping[Any, Any] | None,
    columns: str | Sequence[str] = (),
    key: Key | None = None,
    limits: PreparedLimits | None = None,
) -> PreparedTable:
    """Make a file of a large table that others can ask often, each time for the price of their own keys.

    Args:
        table: ``{bob: accounts}``: a table, or a path; see `join`. Of equal keys the first row counts.
        on: the key; see `join`.
        path: of the file that is made, at the owner (the others may say None), or by party where copies are
            kept; see `PreparedTable`. The owner's secret goes beside it (``.key``), for its user's eyes only.
        columns: of the table, that `lookup` can give.
        key: see `join`.
        limits: for how many days it is answered for, and for how many keys each party may ask.

    Returns:
        `PreparedTable`: what stands for the table in `join` and `lookup`. The owner computes about as long
        for each key as in a join without a helper; no key and no row is sent.

    All parties learn how many different keys the table has, names and kinds of the key columns, and names and
    types of `columns`. Whoever asks gets the file: 6 bytes for each key, and with columns their values,
    encrypted.

    Raises:
        JoinError, DeviceError: see `join`; the file cannot be written.
    """
    names = (columns,) if isinstance(columns, str) else tuple(columns)
    if (
        len(names) > MOST_COLUMNS
        or len(set(names)) < len(names)
        or not all(isinstance(n, str) for n in names)
    ):
        raise JoinError("columns names no columns", fix=f'columns=["balance"], up to {MOST_COLUMNS} of them')
    request = _owners_request(table, on, key)
    (owner,) = request.parties
    prepared, limits = PreparedTable(owner, path), limits or PreparedLimits()
    if (rehearsal := explaining()) is not None:
        from junto.join.prepared_cost import explained_preparation

        return explained_preparation(rehearsal, request, prepared, names)
    desk, count = _opened(request, names, [f"columns {', '.join(map(repr, names))}"])
    about, spill = desk.about(), current().settings.link.spill_dir
    writer = _Writer(put(owner, prepared.path_of(owner)), limits, spill, device=owner)
    wait(writer.begin(about, count))
    _carried(desk, count, writer.add)
    header = _finished(writer.finish(), owner)
    wait(desk.close())
    log.info("prepared: %d keys of %s, to be used until %s", header.keys, owner.party, header.until)
    return PreparedTable(owner, path, header.keys, header.record)


@public
def update(
    prepared: PreparedTable,
    on: Names | Mapping[Any, Names],
    add: Any = None,
    remove: Any = None,
    key: Key | None = None,
    days: int = 30,
) -> PreparedTable:
    """Change a prepared table by what came and what went; who has a copy fetches the difference.

    Args:
        prepared: the table.
        on: the key columns of the tables of changes; see `join`.
        add: a handle at the owner to a table, or a path there: new rows, with the columns that are looked up.
        remove: the same of rows that are gone; only their keys are looked at. A row that is different now is
            in both.
        key: as when it was prepared.
        days: for how many from now on it is answered for.

    Returns:
        `PreparedTable`: the new version, under the same key; what others have asked for still counts.

    Raises:
        JoinError: a key to be removed is not there, or one to be added is; other kinds of keys or columns.
    """
    limits, owner = PreparedLimits(days), prepared.owner
    if add is None and remove is None:
        raise JoinError("nothing comes and nothing goes", fix="update(prepared, 'id', add=new)")
    if (rehearsal := explaining()) is not None:
        rehearsal.notes["nothing is sent when a prepared table is changed"] = None
        return prepared
    changer = _Changer(put(owner, prepared.path_of(owner)), owner.party, device=owner)
    names = _columns(changer.open(), owner)
    for changes, wanted, goes in ((remove, (), changer.remove), (add, names, changer.add)):
        if changes is not None:
            request = _owners_request({owner: changes}, on, key)
            desk, count = _opened(request, wanted, [f"columns {', '.join(map(repr, wanted))}"])
            _raise(reveal(changer.begin(desk.about())), owner)
            _carried(desk, count, goes)
            wait(desk.close())
    header = _finished(changer.finish(limits.days), owner)
    return PreparedTable(owner, prepared.paths, header.keys, header.record)


def prepared_join(request: Request, prepared: PreparedTable) -> Joined:
    """See `join`, of which one table is prepared.

    Raises:
        JoinError: a join that gives something to the owner of the table.
    """
    goal, owner = request.goal, prepared.owner
    if owner in goal.receivers or goal.how not in ("inner", "difference"):
        raise JoinError(
            f"with a prepared table the one that asks gets rows of its own, {owner.party} gets nothing",
            fix='how="inner", "semi" or "difference"; `lookup` gives columns of the prepared table',
        )
    if (rehearsal := explaining()) is not None:
        from junto.join.prepared_cost import explained_join

        return explained_join(rehearsal, request, prepared, _run)
    return _run(request, prepared)


def _run(request: Request, prepared: PreparedTable) -> Joined:
    question = Question(request, prepared)
    asks, owner = question.asks, question.owner
    path, keeper, _ = question.kept(asks)
    question.ask()
    having = request.goal.how == "inner"
    found = FoundKeys(question.desks[asks].search(path, owner.party, having), [])
    learned = learned_by(question, of_own_keys(asks, [owner], request.goal)[0])
    joined = completed(request, question.tables, found, learned)
    wait(keeper.close())
    return joined


def learned_by(question: Question, what: str) -> dict[PYU, str]:
    """What each party learns, in words; `what` of the one that asks."""
    asks, owner = question.asks, question.owner
    return {
        asks: f"{asks.party} learns how many different keys {owner.party} has; {what}. In later versions of "
        f"the prepared table it can see the same of these keys without asking.",
        owner: f"{owner.party} learns how many different keys {asks.party} asks for.",
    }


def _owners_request(table: Any, on: Any, key: Any) -> Request:
    """Of one table."""
    if not isinstance(table, Mapping) or len(table) != 1:
        raise JoinError(
            "a table of one party is prepared", fix='prepare({bob: accounts}, "id", "bob.prepared")'
        )
    ((owner, given),) = table.items()
    checked_table(owner, given)
    require_private(current().settings, "a join")
    columns, kinds = checked_on(on, [owner])
    request = Request({owner: given}, columns, kinds, "inner", Goal("inner", owner, (owner,)), "first", {})
    return keyed_by(request, key)


def _opened(request: Request, names: tuple[str, ...], terms: Sequence[str]) -> tuple[Any, int]:
    (owner,) = request.parties
    desks, counts, *_ = opened(request, partial(_desk, names), terms)
    return desks[owner], counts[owner.party]


def _desk(names: tuple[str, ...], order: Any, device: PYU) -> Any:
    return _Desk(order, names, device=device)


def _carried(desk: Any, count: int, goes: Callable[[Any], PYUObject]) -> None:
    """All keys of a desk, batch by batch, to what takes them at the same party."""
    sizes = batch_sizes(count)

    def batches() -> Iterator[PYUObject]:
        for start, size in zip(accumulate(sizes, initial=0), sizes, strict=False):
            yield goes(desk.batch(start, size))

    with shown(len(sizes)) as seen:
        in_step([batches()], seen)


def _columns(said: PYUObject, owner: PYU) -> tuple[str, ...]:
    """What can be looked up in a prepared table that is to be changed; all learn it."""
    report = reveal(said)
    if not isinstance(report, dict) or not isinstance(report.get("columns", []), list):
        raise ProtocolViolation(f"what {owner.party} says of its prepared table is no report")
    _raise(report.get("problem"), owner)
    names = tuple(report.get("columns", ()))
    if not all(map(is_sentence, names)):
        raise ProtocolViolation(f"what {owner.party} says of its prepared table is no report")
    return names


def _finished(said: PYUObject, owner: PYU) -> Any:
    """The beginning of the file that was written; all learn it."""
    report = reveal(said)
    if not isinstance(report, dict) or set(report) != {"sealed", "problem"}:
        raise ProtocolViolation(f"what {owner.party} says of its prepared table is no report")
    _raise(report["problem"], owner)
    return header_of(report["sealed"], owner.party)


def _raise(problem: Any, owner: PYU) -> None:
    if not is_sentence(problem):
        raise ProtocolViolation(f"what {owner.party} says of its prepared table is no report")
    if problem:
        raise JoinError(f"{owner.party}: {problem}", fix=f"ask {owner.party}, who has the table")

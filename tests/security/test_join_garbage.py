"""A party that sends garbage in a join ends it by name, whatever the kind of join and of garbage."""

from __future__ import annotations

from collections import Counter
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest

import junto as sf
from junto.device.pyu import PYUObject
from junto.join import count_common, join, lookup, prepare, sum_common
from junto.join.table_actor import TableActor
from moves import watched_moves

PARTIES = ["alice", "bob", "carol"]
TABLES = [
    pd.DataFrame({"id": [1, 2, 3, 9], "x": [5, 6, 7, 8]}),
    pd.DataFrame({"id": [2, 3, 4], "y": [5, 6, 7]}),
    pd.DataFrame({"id": [3, 4, 9], "z": [5, 6, 7]}),
]


def tables(count=2):
    named = list(zip(map(sf.PYU, PARTIES), TABLES, strict=True))[:count]
    return {party: party(lambda part=part: part)() for party, part in named}


GARBAGE = {
    "nothing": lambda value: None,
    "a truth": lambda value: True,
    "less than nothing": lambda value: -1,
    "beyond 64 bits": lambda value: 2**70,
    "not a number": lambda value: float("nan"),
    "words": lambda value: "x" * 20,
    "a dict": lambda value: {"rows": value},
    "twice": lambda value: [value, value],
    "a frame": lambda value: pd.DataFrame({"id": [1, 2]}),
    "an array of words": lambda value: np.array(["a", "b", "c"]),
    "one less": lambda value: value[:-1],
    "of another width": lambda value: value.astype(np.float64),
    "of another shape": lambda value: value[..., None],
    "no axis": lambda value: value.reshape(-1)[0],
    "in the other byte order": lambda value: (
        value.astype(value.dtype.newbyteorder(">")) if value.dtype.itemsize > 1 else value.nothing
    ),
    "far away": lambda value: np.full_like(value, 2**62) if value.dtype == np.int64 else value.nothing,
}
"""Each makes something that no honest party sends, or raises where there is no such thing."""


def asked():
    ours, theirs = ({party: handle} for party, handle in tables().items())
    return lookup(ours, theirs, "y", on="id", helper="carol")


def prepared(run):
    """Of a table that its owner has prepared; the copy is fetched."""
    with TemporaryDirectory() as folder:
        ours, theirs = tables().items()
        made = prepare(dict([theirs]), "id", f"{folder}/table", "y")
        run(dict([ours]), {theirs[0]: made})


CALLS = {
    "left": lambda: join(tables(), on="id", how="left", helper=False),
    "all": lambda: join(tables(), on="id", duplicates="all", helper=False),
    "three": lambda: join(tables(3), on="id", how="left", helper=False),
    "vole": lambda: join(tables(), on="id", method="vole", helper=False),
    "helped": lambda: join(tables(), on="id", how="outer", helper="carol"),
    "count": lambda: count_common(tables(), on="id", helper=False),
    "counted": lambda: count_common(tables(), on="id", helper="carol"),
    "sum": lambda: sum_common(tables(), on="id", of={"bob": "y"}, helper="carol"),
    "lookup": asked,
    "prepared": lambda: prepared(lambda ours, theirs: join(ours | theirs, on="id")),
    "looked up": lambda: prepared(lambda ours, theirs: lookup(ours, theirs, "y", "id")),
    "points": lambda: prepared(lambda ours, theirs: lookup(ours, theirs, "y", "id", helper="carol")),
    "hidden": lambda: join(tables(), on="id", onto=sf.SPU(parties=PARTIES), pad=3),
    "hidden, alone": lambda: join(tables(), on="id", onto=sf.SPU(parties=PARTIES[:2])),
}


MOST = {"hidden, alone": 1}
"""Of the messages of one line; the first ones are those of "vole"."""


class Tampered:
    """Replaces the message of that number, of those that are moved between parties."""

    def __init__(self, number: int, garbage: str) -> None:
        self._left, self._garbage = number, GARBAGE[garbage]
        self.sender = ""
        self._move = PYUObject.moved_to

    def __call__(self, handle: PYUObject, device: sf.PYU) -> PYUObject:
        moved = self._move(handle, device)
        if moved is handle:
            return moved
        self._left -= 1
        if self._left != -1:
            return moved
        try:
            value = self._garbage(moved.ref.value())
        except (AttributeError, TypeError, IndexError):  # there is no such garbage of this value
            return moved
        self.sender = handle.device.party
        made: PYUObject = device(lambda: value)()
        made.sender = self.sender
        return made


def outcome(call, monkeypatch, tampered):
    """What is raised if that message is garbage."""
    monkeypatch.setattr(PYUObject, "moved_to", lambda handle, device: tampered(handle, device))
    try:
        with sf.Session(PARTIES, debug_mode=True):
            CALLS[call]()
    except Exception as error:  # whatever it is: the test looks at it
        return error
    finally:
        monkeypatch.undo()
    return None


LIES = {
    "one more": lambda keys: keys + 1,
    "one less": lambda keys: keys - 1,
    "far more": lambda keys: 1 << 20,
}


@pytest.mark.parametrize("lie", ["one more", "one less", pytest.param("far more", marks=pytest.mark.long)])
@pytest.mark.parametrize("liar", PARTIES[:2])
@pytest.mark.parametrize("call", [call for call in CALLS if call not in ("prepared", "looked up", "points")])
def test_a_party_that_lies_about_its_size_is_found_out_or_has_put_in_fewer_keys(call, liar, lie, monkeypatch):
    """It is known at once who: by name, or because what it does itself fails."""
    honest, lied = TableActor.read, []

    def read(desk, table, output, terms):
        report = honest(desk, table, output, terms)
        if list(table.columns)[-1] != {"alice": "x", "bob": "y"}[liar]:
            return report
        lied.append(report["keys"])
        return report | {"keys": LIES[lie](report["keys"])}

    monkeypatch.setattr(TableActor, "read", read)
    error = None
    try:
        with sf.Session(PARTIES, debug_mode=True):
            CALLS[call]()
    except sf.JuntoError as raised:
        error = raised
    if error is None:
        assert lie == "one less" or call == "hidden, alone"  # where all numbers are those of bins
    else:
        assert liar in (str(error).partition(": ProtocolViolation\n")[2] or str(error)), error
    assert lied


def of_each_kind(moves, most=8):
    """Their numbers: of those that one line sends again and again so many, to which all garbage is done."""
    found, numbers = Counter(), []
    for number, (sender, receiver, moved) in enumerate(moves):
        kind = sender, receiver, moved._text
        found[kind] += 1
        if found[kind] <= most:
            numbers.append(number)
    return numbers


@pytest.mark.parametrize("call", CALLS)
def test_garbage_ends_a_join_by_name(call, monkeypatch):
    with monkeypatch.context() as patch, sf.Session(PARTIES, debug_mode=True):
        moves = watched_moves(patch)
        CALLS[call]()
    tried, numbers = 0, of_each_kind(moves, MOST.get(call, 8))
    for number in numbers:
        for garbage in list(GARBAGE)[number % 8 :: 8]:  # some of it, of each message some other
            tampered = Tampered(number, garbage)
            error = outcome(call, monkeypatch, tampered)
            if tampered.sender:
                tried += 1
                assert isinstance(error, sf.JuntoError), (number, garbage, error)
                said = str(error).partition(": ProtocolViolation\n")[2]
                assert tampered.sender in said, (number, garbage, error)
    assert tried > len(numbers)

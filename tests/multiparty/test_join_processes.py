"""Joins of real processes over mutual TLS: larger ones, files, and what goes wrong at one party."""

from __future__ import annotations

import pytest

from parties import GUARDED, KILL, Job

pytestmark = pytest.mark.slow

PAIR = ["alice", "bob"]
THREE = ["alice", "bob", "carol"]

PRELUDE = """
import numpy as np
import pandas as pd

from junto.join import join

NAMES = {names!r}
PARTIES = [sf.PYU(name) for name in NAMES]


def load(number, count):
    ids = np.random.default_rng(number).permutation(count) + number * count // 4
    return pd.DataFrame({{"id": ids, "of": NAMES[number], "v": ids * (number + 1)}})


def tables(count):
    return {{party: party(load)(number, count) for number, party in enumerate(PARTIES)}}



def summed(part):
    return [len(part), int(part["v"].sum()), int((part["id"] * np.arange(len(part))).sum())]
"""


def run(folder, names, body, **settings):
    """Run a script at all parties; what each of them says, and its other output."""
    with Job(folder, names) as job:
        job.start_all(GUARDED + PRELUDE.format(names=names) + body, **settings)
        said = {name: job.running[name].next() for name in names}
        codes = job.all_end()
        return said, {name: job.running[name].text for name in names}, codes


@pytest.mark.parametrize("names", [pytest.param(PAIR, marks=pytest.mark.long), THREE])
def test_many_rows(tmp_path, names):
    body = """
sf.init()
joined = join(tables(8_000), on="id")
sums = [sf.reveal(party(summed)(part)) for party, part in joined.parts.items()]
say(joined.rows, sums, len(joined.learned))
sf.shutdown()
"""
    said, output, codes = run(tmp_path, names, body)
    assert codes == dict.fromkeys(names, 0), output
    shared = range((len(names) - 1) * 2_000, 8_000)
    for rows, sums, _ in said.values():
        assert rows == len(shared)
        assert [each[:2] for each in sums] == [
            [len(shared), sum(shared) * (number + 1)] for number in range(len(names))
        ]
        assert len({each[2] for each in sums}) == 1  # the same order everywhere


def test_two_parties_alone_by_a_function_that_one_of_them_cheats_with(tmp_path):
    body = """
from junto.join.oprf import OprfKey

sf.init()
joined = join(tables(8_000), on="id", method="vole")
sums = [sf.reveal(party(summed)(part)) for party, part in joined.parts.items()]
honest = OprfKey.outputs
OprfKey.outputs = lambda *given: honest(*given)[1:]
try:
    join(tables(100), on="id", method="vole")
except sf.RemoteError as error:
    say(joined.rows, sums, error.origin.error_type, str(error))
sf.shutdown()
"""
    said, output, codes = run(tmp_path, PAIR, body)
    assert codes == dict.fromkeys(PAIR, 0), output
    shared = range(2_000, 8_000)
    for rows, sums, error, message in said.values():
        assert rows == len(shared)
        assert [each[:2] for each in sums] == [[len(shared), sum(shared) * factor] for factor in (1, 2)]
        assert sums[0][2] == sums[1][2]
        assert error == "ProtocolViolation"
        assert "what bob sent is not 100 values" in message


def test_files_that_only_their_owner_can_name(tmp_path):
    body = """
sf.init()
alice, bob = PARTIES
mine = {PARTIES[NAMES.index(PARTY)]: f"{PARTY}.csv"}
load(NAMES.index(PARTY), 3000).to_csv(f"{PARTY}.csv", index=False)
output = {alice: "alice-out.parquet", bob: "bob-out.csv"}
joined = join({alice: None, bob: None} | mine, on="id", output=output)
if PARTY == "alice":
    say(joined.rows, pd.read_parquet("alice-out.parquet")["id"].tolist())
else:
    say(joined.rows, pd.read_csv("bob-out.csv")["id"].tolist())
sf.shutdown()
"""
    said, output, codes = run(tmp_path, PAIR, body)
    assert codes == dict.fromkeys(PAIR, 0), output
    assert said["alice"] == said["bob"]
    assert sorted(said["bob"][1]) == list(range(750, 3000))


def test_a_party_killed_when_it_has_written_leaves_no_output_at_the_other(tmp_path):
    body = """
import os
import signal

from junto.join import table_files

sf.init()
alice, bob = PARTIES
load(NAMES.index(PARTY), 300).to_csv(f"{PARTY}.csv", index=False)
written = table_files.write


def killed(*given):
    file = written(*given)
    os.kill(os.getpid(), signal.SIGKILL)
    return file


if PARTY == "bob":
    table_files.write = killed
output = {party: f"{party.party}-out.csv" for party in PARTIES}
guarded(lambda: join({party: f"{party.party}.csv" for party in PARTIES}, on="id", output=output))
"""
    with Job(tmp_path, PAIR) as job:
        job.start_all(GUARDED + PRELUDE.format(names=PAIR) + body, peer_timeout_s=3)
        kind, text, party = job.running["alice"].next()
        assert party == "bob", (kind, text)
        assert job.running["alice"].ends() == 3
    assert not list(tmp_path.glob("**/*-out.csv"))
    assert not list(tmp_path.glob("**/.alice-out.csv.*"))


def test_one_party_gets_the_result_and_only_it_knows_how_many(tmp_path):
    body = """
sf.init()
joined = join(tables(100), on="id", to="bob")
say(str(joined.rows), list(map(str, joined.parts)))
sf.shutdown()
"""
    said, output, codes = run(tmp_path, PAIR, body)
    assert codes == dict.fromkeys(PAIR, 0), output
    assert said == {
        "alice": ["<undisclosed: revealed to bob only>", ["PYU('bob')"]],
        "bob": ["75", ["PYU('bob')"]],
    }


def test_what_shows_less_than_a_join(tmp_path):
    body = """
import jax.numpy as jnp

from junto.join import count_common, lookup, sum_common


def total(v, w, flag):
    return jnp.sum(v * w * flag), jnp.sum(flag)


def narrow(table, name):
    return table[["id", "v"]].rename(columns={"v": name})


sf.init()
spu = sf.SPU(parties=NAMES)
alice, bob, _ = PARTIES
there = {party: party(load)(number, 60) for number, party in enumerate([alice, bob])}
there = {party: party(narrow)(table, name) for (party, table), name in zip(there.items(), "vw")}
hidden = join(there, on="id", onto=spu, pad=10)
numbers = sf.reveal(spu(total)(hidden["v"], hidden["w"], hidden.flag))
alone = join(there, on="id", onto=spu, helper=False)
numbers += sf.reveal(spu(total)(alone["v"], alone["w"], alone.flag))
ids = alice(lambda: [70, 3, 20])()
found = lookup({alice: ids}, {bob: there[bob]}, "w", on="id", pad=2)
outer = join(there, on="id", how="outer")
say(
    hidden.rows,
    *map(float, numbers),
    sf.reveal(found)["w"].fillna(-1).tolist(),
    *(str(count_common(there, on="id", helper=helper).value) for helper in (True, False)),
    str(sum_common(there, on="id", of={"bob": "w"}).value),
    str(outer.rows),
    str(count_common(there, on="id", to="bob").value),
)
sf.shutdown()
"""
    said, output, codes = run(tmp_path, THREE, body)
    assert codes == dict.fromkeys(THREE, 0), output
    total = 2 * sum(range(15, 60))
    all_see = [70, *[2.0 * sum(i * i for i in range(15, 60)), 45.0] * 2, [140.0, -1.0, 40.0]]
    owners_see = ["45", "45", str(total), "75"]
    assert {name: said[name][:6] for name in THREE} == {name: all_see for name in THREE}
    assert said["bob"][6:] == [*owners_see, "45"]
    assert said["alice"][6:] == [*owners_see, "<undisclosed: revealed to bob only>"]
    assert all(text.startswith("<undisclosed: revealed to ") for text in said["carol"][6:])


@pytest.mark.parametrize(
    ("body", "message", "secret"),
    [
        (
            'paths = {party: f"{PARTY}-here.csv" for party in PARTIES}\n'  # both are in one folder
            'load(0, 3).to_csv(f"{PARTY}-here.csv")\n'
            'paths[PARTIES[1]] = "secret-4711.csv" if PARTY == "bob" else None\n'
            'guarded(lambda: join(paths, on="id"))',
            "bob: a file cannot be opened (FileNotFoundError)",
            "4711",
        ),
        (
            "there = tables(9)\nalice, bob = PARTIES\n"
            'there[bob] = bob(lambda table: table.astype({"id": str}))(there[bob])\n'
            'guarded(lambda: join(there, on="id"))',
            'the key column is integer ("id") at alice and text ("id") at bob',
            "",
        ),
        (
            "there = tables(9)\nalice, bob = PARTIES\n"
            'there[bob] = bob(lambda table: table.rename(columns={"id": "idd4711"}))(there[bob])\n'
            'guarded(lambda: join(there, on="id"))',
            "bob: there is no column 'id'",
            "4711",
        ),
        (
            "there = tables(9)\nalice, bob = PARTIES\n"
            "there[bob] = bob(lambda table: pd.concat([table, table]))(there[bob])\n"
            'guarded(lambda: join(there, on="id"))',
            "bob: 9 rows repeat a key that an earlier row has",
            "",
        ),
        (
            'guarded(lambda: join(tables(9), on="id", how="left" if PARTY == "bob" else "inner"))',
            "the parties ask for different joins: alice how='inner', bob how='left'",
            "",
        ),
    ],
    ids=["missing file", "types", "missing column", "duplicates", "different joins"],
)
def test_one_clear_error_at_every_party(tmp_path, body, message, secret):
    said, output, codes = run(tmp_path, PAIR, f"sf.init()\n{body}\n")
    assert codes == dict.fromkeys(PAIR, 3), output
    for name, (kind, text, _) in said.items():
        assert (kind, message in text) == ("JoinError", True), (name, text)
    if secret:  # what helps is said to the owner only
        assert secret in said["bob"][1]
        assert secret not in said["alice"][1] + output["alice"]


PREPARED = """
import os

from junto.join import PreparedLimits, PreparedTable, asking, lookup, prepare, prepared, update

alice, bob, carol = PARTIES
PATHS = {party: f"{party.party}.prepared" for party in PARTIES}  # all are in one folder


def ids(*some):
    return alice(lambda: pd.DataFrame({"id": list(some)}))()


def rows(*some):
    return bob(lambda: pd.DataFrame({"id": list(some), "w": [10 * each for each in some]}))()


def told(number):
    steps, seen = asking.in_step, []

    def step(*ways):
        seen.append(0)
        if len(seen) == number:
            say("now")
            hear()
        return steps(*ways)

    asking.in_step = prepared.in_step = step
"""


def test_a_prepared_table_that_comes_and_goes_and_is_not_what_it_was(tmp_path):
    body = """
sf.init()
table = prepare({bob: rows(*range(500))}, "id", PATHS, "w", limits=PreparedLimits(keys=17))
others = dict(PATHS) | {bob: "other.prepared"}
other = prepare({bob: rows(7)}, "id", others, "w")
found = [sf.reveal(join({alice: ids(3, 900), bob: table}, on="id")[alice])["id"].tolist()]
old = open("alice.prepared", "rb").read() if PARTY == "alice" else b""
table = update(table, "id", add=rows(900), remove=rows(3))
found.append(sf.reveal(join({alice: ids(3, 900), bob: table}, on="id")[alice])["id"].tolist())


def looked_up(*some, at=table, **options):
    given = {alice: alice(lambda: list(some))()}
    return sf.reveal(lookup(given, {bob: at}, "w", "id", **options))["w"].fillna(-1).tolist()


found += [looked_up(3, 900, 5), looked_up(4, 3, helper=carol)]
if PARTY == "alice":
    open("alice.prepared", "wb").write(old)  # which is fetched anew, as a difference
found.append(looked_up(900))
if PARTY == "alice":
    open("alice.prepared", "wb").write(open("other.prepared", "rb").read())  # of another preparation
found.append(looked_up(5))


def refused(act):
    try:
        act()
    except sf.JuntoError as error:
        return str(error)


said = []
if PARTY == "alice":
    raw = bytearray(open("alice.prepared", "rb").read())
    raw[40_000] ^= 1
    open("alice.prepared", "wb").write(raw)
said.append(refused(lambda: looked_up(6)))
if PARTY == "alice":
    os.unlink("alice.prepared")
if PARTY == "bob":
    raw = bytearray(open("bob.prepared", "rb").read())
    raw[40_000] ^= 1
    open("bob.prepared", "wb").write(raw)
said.append(refused(lambda: looked_up(6)))
if PARTY == "bob":
    os.replace("other.prepared", "bob.prepared")
said.append(refused(lambda: looked_up(6)))
say(found, said)
sf.shutdown()
"""
    said, output, codes = run(tmp_path, THREE, PREPARED + body)
    assert codes == dict.fromkeys(THREE, 0), output
    for name, (found, refused) in said.items():
        assert found == [[3], [900], [-1, 9000, 50], [40, -1], [9000], [50]]
        assert "alice: where a copy of the prepared table is kept, something else is, or it" in refused[0]
        assert "the prepared table of bob is not what was signed" in output["alice"]
        assert "failed at alice: ProtocolViolation" in refused[1] or name == "alice"
        assert "bob: the key beside a prepared table is of another one" in refused[2]


@pytest.mark.parametrize(
    ("step", "victim"),
    [
        ("prepared", "bob"),
        ("read", "carol"),
        *(
            pytest.param(step, victim, marks=pytest.mark.long)
            for steps, victim in [("fetched asked", "bob"), ("asked read", "alice"), ("kept", "carol")]
            for step in steps.split()
        ),
    ],
)  # fmt: skip
def test_a_party_killed_while_a_table_is_prepared_or_asked_is_named(tmp_path, step, victim):
    number = {"prepared": 1, "fetched": 2, "kept": 2, "asked": 3, "read": 3}[step]
    options = {"helper": "carol"} if step in ("kept", "read") else {}
    body = f"""
sf.init()
told({number})


def go():
    table = prepare({{bob: rows(*range(500))}}, "id", PATHS, "w")
    lookup({{alice: alice(lambda: [1, 2])()}}, {{bob: table}}, "w", "id", **{options})


guarded(go)
"""
    killed_at_the_step(tmp_path, PREPARED + body, victim)


@pytest.mark.parametrize("victim", ["alice", pytest.param("bob", marks=pytest.mark.long), "carol"])
def test_a_party_killed_in_the_middle_is_named_by_the_others(tmp_path, victim):
    body = """
from junto.join import ecdh

sf.init()
steps = ecdh.in_step


def told(*ways):
    say("now")
    hear()
    steps(*ways)


ecdh.in_step = told
guarded(lambda: join(tables(3000), on="id"))
"""
    killed_at_the_step(tmp_path, body, victim)


def killed_at_the_step(folder, body, victim):
    """All say that they are there, one is killed, and the others name it."""
    with Job(folder, THREE) as job:
        job.start_all(GUARDED + PRELUDE.format(names=THREE) + body, peer_timeout_s=3)
        for name in THREE:
            assert job.running[name].next() == ["now"]
        job.running[victim].signal(KILL)
        others = [name for name in THREE if name != victim]
        for name in others:
            job.running[name].tell()
        for name in others:
            kind, text, party = job.running[name].next(30)
            assert party == victim, (name, kind, text)

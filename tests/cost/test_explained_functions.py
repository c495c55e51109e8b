"""What `sf.explain` says of models, frames and joins beforehand is what a real run counts.

Rounds and bytes of the SPU exactly, from shapes alone. What is sent beside them within a hundredth, but
for the words around each value.
"""

from __future__ import annotations

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import junto as sf
from junto.device.current import current
from junto.frame import HorizontalFrame, VerticalFrame, correlation
from junto.join import PreparedTable, count_common, join, lookup, prepare, sum_common, travel
from junto.learn import PCA, GammaRegressor, KMeans, LinearRegression, LogisticRegression
from junto.program.aside import KIND

PARTIES = ["alice", "bob", "carol"]
ALICE, BOB, CAROL = map(sf.PYU, PARTIES)
ROWS = 400


@pytest.fixture(scope="module")
def spu():
    sf.init(parties=PARTIES, address="local", logging_level="error")
    yield sf.SPU(parties=PARTIES)
    sf.shutdown()


def made(shape, kind=float):
    rng = np.random.default_rng(1)
    return rng.normal(size=shape) if kind is float else np.arange(shape[0]) % 2 + int(kind is not bool)


def table(columns):
    return lambda: pd.DataFrame(made((ROWS, len(columns))), columns=columns)


def counted(spu):
    """Rounds and bytes so far: between the compute parties, and from the helper to the second.

    A product is computed last, whose numbers come behind all that was dealt before; it is taken off.
    """
    CALLS.append(foretold(spu.explain(_squared)(jax.ShapeDtypeStruct((1,), np.float32))))
    sf.wait(spu(_squared)(ALICE(_zero)()))
    seats = spu.engine._seats
    online, dealt = seats["alice"].channels["bob"].counters, seats["bob"].channels["carol"].counters
    return np.array([online.rounds, online.payload_sent, dealt.payload_received]) - np.sum(CALLS, axis=0)


CALLS: list[list[int]] = []


def _zero():
    return np.zeros(1, np.float32)


def _squared(x):
    return x * x > 2


def sent():
    found = dict.fromkeys(PARTIES, 0)
    for item in current().program.traffic():
        if item.kind != KIND:  # the SPU's own messages are `counted`
            found[item.sender] += item.nbytes
    return np.array(list(found.values()))


def foretold(told):
    return [told.rounds, told.total.online_bytes, told.total.offline_bytes]


def beside(told):
    return np.array([told.beside.get(party, 0) for party in PARTIES])


MODELS = {
    "newton": (lambda spu: LinearRegression(spu, max_iter=2), float),
    "descent": (lambda spu: LogisticRegression(spu, solver="sgd", max_iter=1), bool),
    "a positive label": (lambda spu: GammaRegressor(spu, max_iter=1), int),
    "means": (lambda spu: KMeans(spu, n_clusters=2, init="random", max_iter=1), None),
    "components": (lambda spu: PCA(spu, n_components=1), None),
}


@pytest.mark.parametrize("name", MODELS)
def test_training_from_shapes_alone(spu, name):
    build, label = MODELS[name]
    model, shape = build(spu), (ROWS, 2)
    y = () if label is None else (BOB(lambda: made((ROWS,), label))(),)
    X = {ALICE: ALICE(lambda: made(shape))(), BOB: BOB(lambda: made(shape))()}
    told = sf.explain(model.fit)({ALICE: shape, BOB: shape}, *[{BOB: (ROWS,)}] * len(y))
    assert model._learned is None
    before, already = counted(spu), sent()
    model.fit(X, *y)
    assert foretold(told) == (counted(spu) - before).tolist()
    assert (sent() - already)[:2] == pytest.approx(beside(told)[:2], rel=0.01, abs=1200)
    if name == "descent":
        told = sf.explain(model.predict_proba)({ALICE: shape, BOB: shape}, to=BOB)
        before = counted(spu)
        model.predict_proba(X, to=BOB)
        assert foretold(told) == (counted(spu) - before).tolist()


def test_statistics_of_frames(spu):
    frame = VerticalFrame({ALICE: ALICE(table(["a", "b"]))(), BOB: BOB(table(["c"]))()})
    tall = HorizontalFrame({ALICE: ALICE(table(["a"]))(), BOB: BOB(table(["a"]))()})
    with pytest.raises(sf.FrameError, match="nothing is known"):
        sf.explain(correlation)(frame, spu)
    assert (frame.shape, tall.shape) == ((ROWS, 3), (2 * ROWS, 1))
    for function, args in ((correlation, (frame, spu)), (tall.mean, (spu,))):
        told = sf.explain(function)(*args)
        before = counted(spu)
        function(*args)
        assert foretold(told) == (counted(spu) - before).tolist()


@pytest.mark.parametrize(
    ("how", "rows", "helper"),
    [
        ("inner", (3000, 2000), False),
        ("inner", (3000, 2000), True),
        ("difference", (2400, 900), False),
        ("left", (2400, 1500, 900), True),
    ],
)
def test_joins(spu, how, rows, helper):
    sizes = dict(zip((ALICE, BOB, CAROL), rows, strict=False))
    tables = {
        party: party(lambda count: pd.DataFrame({"id": np.arange(count)}))(n) for party, n in sizes.items()
    }
    told = sf.explain(join)({party: (count, 1) for party, count in sizes.items()}, "id", how, helper=helper)
    already = sent()
    join(tables, on="id", how=how, helper=helper)
    sf.barrier()
    assert (sent() - already) == pytest.approx(beside(told), rel=0.01, abs=600)
    assert told.beside_rounds > 0
    assert told.total.rounds == 0
    assert any("s of one processor at each party" in note for note in told.notes)


def numbered(columns):
    return lambda count: pd.DataFrame(dict.fromkeys(columns, np.arange(count)))


def hides(spu, one, other):
    join(one | other, "id", onto=spu, pad=50)


def hides_alone(spu, one, other):
    join(one | other, "id", onto=spu, helper=False)


@pytest.mark.parametrize(
    ("run", "field"),
    [
        (lambda spu, one, other: count_common(one | other, "id"), None),
        (lambda spu, one, other: count_common(one | other, "id", helper=False), None),
        (lambda spu, one, other: sum_common(one | other, "id", {BOB: "y"}, at_least=1500), None),
        (lambda spu, one, other: lookup(one, other, ["y", "z"], "id", pad=50), None),
        *((run, field) for run in (hides, hides_alone) for field in ("FM64", "FM128")),
    ],
)
def test_what_is_less_than_a_join_or_hides_it(spu, run, field):
    if field is not None:
        spu = sf.SPU(parties=PARTIES, cluster_def={"runtime_config": {"field": field}})
    told = sf.explain(run)(spu, {ALICE: (2500, 2)}, {BOB: (1500, 3)})
    one = {ALICE: ALICE(numbered(["id", "x"]))(2500)}
    other = {BOB: BOB(numbered(["id", "y", "z"]))(1500)}
    already, online = sent(), counted(spu)[1]
    run(spu, one, other)
    sf.barrier()
    crossed = sent() - already
    crossed[:2] += counted(spu)[1] - online - told.total.online_bytes
    assert crossed == pytest.approx(beside(told), rel=0.01, abs=700)
    assert told.beside_rounds > 0
    assert any("s of one processor at each party" in note for note in told.notes)


def test_what_a_prepared_table_takes(spu, tmp_path):
    paths = {BOB: tmp_path / "table", ALICE: tmp_path / "copy"}
    told = sf.explain(prepare)({BOB: (300, 3)}, "id", paths, "bob1")
    assert told.beside == {}
    assert any("of one processor to prepare" in note for note in told.notes)
    prepared = prepare({BOB: BOB(numbered(["id", "y"]))(300)}, "id", paths, "y")
    one, once, size = {ALICE: ALICE(numbered(["id", "x"]))(1200)}, 0, paths[BOB].stat().st_size
    for run in (
        lambda one, other: join(one | other, "id"),
        lambda one, other: lookup(one, other, "y", "id"),
    ):
        told = sf.explain(run)({ALICE: (1200, 2)}, {BOB: prepared})
        already = sent()
        run(one, {BOB: prepared})
        sf.barrier()
        crossed = sent() - already
        crossed[1] += once
        once = size  # it was fetched
        assert crossed == pytest.approx(beside(told), rel=0.01, abs=1500)
        assert told.beside_rounds > 0
    with pytest.raises(sf.JoinError, match="is not known here"):
        sf.explain(join)({ALICE: (9, 1), BOB: PreparedTable(BOB, None)}, on="id")


def test_what_a_look_up_by_point_functions_takes(spu, tmp_path):
    paths = {BOB: tmp_path / "table", CAROL: tmp_path / "copy"}
    prepared = prepare({BOB: BOB(numbered(["id", "y", "z"]))(900)}, "id", paths, ["y", "z"])
    run = lambda one: lookup(one, {BOB: prepared}, "y", "id", helper=CAROL)  # noqa: E731
    told = sf.explain(run)({ALICE: (9, 1)})
    already = sent()
    run({ALICE: ALICE(numbered(["id"]))(9)})
    sf.barrier()
    assert (sent() - already) == pytest.approx(beside(told), rel=0.03, abs=1500)


@pytest.mark.parametrize(("method", "rows"), [("vole", 600), ("ecdh", 7_200)])
def test_steps_that_overlap_are_one_round(spu, monkeypatch, method, rows):
    """A round is a wait for the others; of batches and columns as many as may be on their way are one."""
    shapes = {ALICE: (rows, 1), BOB: (rows, 1)}
    told = sf.explain(join)(shapes, "id", method=method, helper=False).beside_rounds
    taken = []
    real = travel._heard_of
    monkeypatch.setattr(travel, "_heard_of", lambda *each: (taken.append(each), real(*each)))
    session = current()
    waits = lambda: sum(  # noqa: E731
        each.calls for each in session.program.timeline.spells() if each.text.startswith(("wait", "reveal"))
    )
    before = waits()
    tables = {party: party(numbered(["id"]))(rows) for party in shapes}
    join(tables, "id", method=method, helper=False)
    apart = waits() - before - sum(waited for waited, _ in taken)
    windows = sum(max(1, -(-steps // travel.AHEAD)) for _, steps in taken)
    assert apart >= 3
    assert abs(told - (apart + windows)) <= 1
    assert max(steps for _, steps in taken) > travel.AHEAD


def test_what_cannot_be_is_refused_before_anything_runs(spu):
    model, newest = LinearRegression(spu), current().program.newest
    operation = current().program.newest.operation
    shapes = {ALICE: (ROWS, 2)}
    with pytest.raises(sf.LearnError, match="y of bob has 399 rows"):
        sf.explain(model.fit)(shapes, {BOB: (ROWS - 1,)})
    with pytest.raises(sf.JoinError, match="no join 'cross'"):
        sf.explain(join)({ALICE: (9, 1), BOB: (9, 1)}, on="id", how="cross")
    assert newest == current().program.newest
    hers = ALICE(lambda: made((ROWS, 2)))()
    with pytest.raises(sf.DeviceError, match="its shape is not known here"):
        sf.explain(model.fit)({ALICE: hers}, {BOB: (ROWS,)})
    with pytest.raises(sf.DeviceError, match="nothing is read while a function is explained"):
        sf.explain(lambda: sf.reveal(hers))()
    kept = []
    sf.explain(lambda tables: kept.append(ALICE(len)(tables[ALICE])))(shapes)
    with pytest.raises(sf.DeviceError, match="there is no such value"):
        sf.reveal(kept)
    assert current().program.newest.operation == operation + 1  # that of `hers`
    assert len(sf.reveal(hers)) == ROWS


def test_a_function_of_several_steps_has_a_row_for_each(spu):
    def work(tables, y):
        model = LinearRegression(spu, max_iter=2).fit(tables, y)
        return sf.reveal(model.predict(tables), to=["bob"])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told = sf.explain(work)({ALICE: (ROWS, 2), BOB: (ROWS, 2)}, {BOB: (ROWS,)})
    assert {"train", "means", "share", "reveal"} <= {line.primitive for line in told.lines}
    assert max(map(len, str(told).splitlines())) <= 80
    assert "<table>" in told._repr_html_()
    assert told.wan_seconds > told.lan_seconds > 0


def test_what_a_call_reveals_on_its_way_is_named(spu):
    def halve(x):
        def turn(s):
            return (s[0] / 2, sf.reveal_inside(jnp.max(s[0] / 2), name="error"))

        return jax.lax.while_loop(
            lambda s: s[1] > 0.2, turn, (jnp.ravel(jax.tree_util.tree_leaves(x)[0]) * 1.0, jnp.inf)
        )

    told = sf.explain(lambda x: sf.reveal(spu(halve, reveals=["error"])(x)))({ALICE: (3,)})
    assert [each.name for each in told.reveals] == ["error"]
    assert any("whose condition is not known yet counts once" in note for note in told.notes)
    with pytest.raises(sf.NotComputable, match="does not agree"):
        sf.explain(spu(halve))({ALICE: (3,)})

"""Arguments of a call: what is empty does what jax does, what is wrong is named, and the SPU goes on."""

from __future__ import annotations

from collections import OrderedDict

import jax.numpy as jnp
import numpy as np
import pytest

import junto as sf

PARTIES = ["alice", "bob", "carol", "dave"]


@pytest.fixture(scope="module", params=["debug", "simulation"])
def spu(request):
    sf.init(parties=PARTIES, address="local", debug_mode=request.param == "debug", logging_level="error")
    yield sf.SPU(parties=PARTIES)
    sf.shutdown()


def at(owner, value):
    return sf.PYU(owner)(lambda: value)()


@pytest.mark.parametrize("owner", PARTIES)
@pytest.mark.parametrize("value", [(), {"a": []}, ((), {})], ids=repr)
def test_trees_without_arrays(spu, owner, value):
    shared = at(owner, value).to(spu)
    assert sf.reveal(shared) == value
    assert sf.reveal(spu(lambda tree, x: x + 1)(shared, at(owner, 2))) == 3
    assert sf.reveal(spu(lambda tree: tree, num_returns_policy="single")(shared)) == value


def test_empty_and_single_numbers(spu):
    empty, one = at("alice", np.zeros((0, 3), np.float32)).to(spu), at("bob", 2.5).to(spu)

    def several(x, y):
        return x * y, x.sum(), jnp.concatenate([x, jnp.ones((1, 3)) * y]), y > 2, x @ jnp.ones(3)

    product, total, joined, larger, rows = sf.reveal(spu(several)(empty, one))
    assert (product.shape, total, rows.shape) == ((0, 3), 0, (0,))
    assert joined.tolist() == [[2.5] * 3]
    assert larger


def test_an_argument_is_named_by_where_it_stands(spu):
    good = at("alice", np.ones(2))
    bad = at("bob", {"age": np.array([1.0, np.nan])})
    for call in (
        lambda: spu(lambda a, t: a)(good, {"people": [bad]}),
        lambda: spu(lambda n, a, t: a, static_argnames="n")(3, good, {"people": [bad]}),
    ):
        with pytest.raises(sf.RemoteError) as caught:
            call()
        assert caught.value.party == "bob"
        assert "test_spu_arguments.py" in str(caught.value)
    assert "args[2]['people'][0]['age'] has NaN" in str(caught.value.__cause__)
    with pytest.raises(sf.RemoteError) as caught:
        spu(lambda a, *, more: a)(good, more=bad)
    assert "kwargs['more']['age'] has NaN" in str(caught.value.__cause__)
    assert sf.reveal(spu(lambda a: a + 1)(good)).tolist() == [2, 2]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("text",), r"args\[1\] is of type str"),
        (({"a": np.array(["x"])},), r"args\[1\]\['a'\] is of dtype str"),
        ((np.array([None, 1]),), r"args\[1\] is of dtype object"),
        ((2, 2**40), r"args\[2\] has integers of more than 32 bits"),
        ((2, {"k": [object()]}), r"args\[2\]\['k'\]\[0\] is of type object"),
    ],
    ids=["text", "texts", "objects", "wide", "class"],
)
def test_a_public_argument_is_named_before_anything_runs(spu, args, says):
    x = at("alice", np.ones(2)).to(spu)
    with pytest.raises(sf.NotComputable, match=says):
        spu(lambda v, *rest: v)(x, *args)


def test_static_arguments_do_not_shift_the_names(spu):
    x = at("alice", np.ones(2)).to(spu)
    with pytest.raises(sf.NotComputable, match=r"args\[2\] is of type str"):
        spu(lambda n, v, w: v, static_argnames=("n",))(7, x, "text")


def test_what_lives_on_another_device_is_named(spu):
    other = sf.SPU(parties=["bob", "carol", "dave"])
    with pytest.raises(sf.DeviceError, match=r"args\[0\]\['x'\], <SPUObject on "):
        other(lambda t: t)({"x": at("alice", 1).to(spu)})


@pytest.mark.parametrize("order", [("b", "a", "c"), ("c", "b", "a")])
@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_each_value_keeps_its_name_however_a_dict_was_filled(spu, order, kind):
    values = {"a": 1.0, "b": 20.0, "c": np.array([300.0, 400.0])}
    at_one = at("alice", {name: values[name] for name in order}).to(spu)  # a dict that lives at alice
    apart = kind((name, at("bob", values[name]).to(spu)) for name in order)  # one of the script, of handles
    for tree in (at_one, apart):
        same = sf.reveal(spu(lambda tree: {name: tree[name] + 0 for name in "cab"})(tree))
        assert {name: item.tolist() for name, item in same.items()} == {"a": 1, "b": 20, "c": [300, 400]}
    whole = sf.reveal(spu(lambda tree: tree, num_returns_policy="single")(dict(apart)))
    for tree in (sf.reveal(at_one), sf.reveal(apart), whole):
        assert {name: np.asarray(item).tolist() for name, item in tree.items()} == {
            "a": 1,
            "b": 20,
            "c": [300, 400],
        }


def test_a_static_argument_is_not_taken_for_another_that_equals_it(spu):
    x = at("alice", np.arange(3, dtype=np.int32)).to(spu)
    times = spu(lambda x, n: x * n[0], static_argnames="n")
    kinds = {type(n): sf.reveal(times(x, n=(n,))).dtype.name for n in (1, 1.0, np.float32(1))}
    assert kinds == {int: "int32", float: "float32", np.float32: "float32"}
    signed = spu(lambda x, n: jnp.full(3, str(n) == "-0.0") & (x == x), static_argnames="n")
    assert [bool(sf.reveal(signed(x, n=zero)).all()) for zero in (0.0, -0.0)] == [False, True]


def test_handles_in_a_set_are_refused_before_they_are_shared(spu):
    with pytest.raises(sf.DeviceError, match="a set holds values of devices"):
        spu(lambda tree: tree)({at("alice", 1)})

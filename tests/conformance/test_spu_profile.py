"""What `spu.profile` measures, beside what `spu.explain` foretells."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import junto as sf
from spu_values import secret


def model(x, w):
    p = jax.nn.sigmoid(x @ w)
    return jnp.sort(p)


def is_debug(spu):
    return spu.session.program.settings.mode.name == "DEBUG"


def test_it_measures_what_was_foretold(spu):
    x, w = secret(spu, np.ones((20, 3))), secret(spu, np.ones(3), "bob")
    foretold = spu.explain(model)(x, w)
    with spu.profile() as profile:
        out = spu(model)(x, w)
    spu(model)(x, w)  # after the end
    sf.wait(out)
    calls = profile.at("alice")
    assert [(each.text, each.site.partition(":")[0]) for each in calls] == [
        (f"{spu.name}(model)", "test_spu_profile.py")
    ]
    assert all(each.seconds > 0 for each in calls)
    lines = {(each.primitive, each.line): each for each in profile.lines()}
    assert {each.primitive for each in profile.lines()} >= {"sort", "logistic", "dot_general"}
    assert sum(each.seconds for each in profile.lines()) <= calls[0].seconds
    assert "sort" in str(profile)
    if is_debug(spu):
        assert profile.total().rounds == 0
        return
    if foretold.dealer is None:
        check_pair(profile, foretold)
        return
    assert profile.nodes == ("alice", "bob", "carol")
    assert calls[0].cost == foretold.total
    assert profile.total("carol").offline_bytes == foretold.total.offline_bytes
    assert profile.total("carol").online_bytes == 0
    for each in foretold.lines:
        measured = lines[each.primitive, each.line]
        assert (measured.runs, measured.cost) == (each.runs, each.cost)
    assert 0 < calls[0].waiting_s < calls[0].seconds


@pytest.mark.parametrize("spu", ["simulation of two"], indirect=True)
def test_without_a_helper_offline_bytes_are_those_that_were_sent(spu):
    x = secret(spu, np.ones(70))
    sources = [seat.source for seat in spu.engine._seats.values()]
    before = [source.sent for source in sources]
    with spu.profile() as profile:
        sf.wait(spu(lambda v: jax.nn.relu(v * v - 0.5))(x))
    sent = [source.sent - start for source, start in zip(sources, before, strict=True)]
    assert [profile.total(party).offline_bytes for party in ("alice", "bob")] == sent
    assert min(sent) > 1000


def check_pair(profile, foretold):
    """Online to the byte at either party; what oblivious transfer sends is foretold about right."""
    assert profile.nodes == ("alice", "bob")
    costs = [profile.at(party)[0].cost for party in profile.nodes]
    for cost, told in zip(costs, foretold.each, strict=True):
        assert (cost.rounds, cost.online_bytes) == (told.rounds, told.online_bytes)
        assert told.offline_bytes <= cost.offline_bytes <= 1.5 * told.offline_bytes + 30_000
    assert costs[0].online_bytes != costs[1].online_bytes  # P0 sends tables, P1 bits
    assert foretold.total.online_bytes == max(each.online_bytes for each in costs)
    measured = [{(at.primitive, at.line): at.cost for at in profile.lines(party)} for party in profile.nodes]
    for line in foretold.lines:
        found = [each[line.primitive, line.line] for each in measured]
        assert line.cost.online_bytes == max(each.online_bytes for each in found)
        assert line.cost.offline_bytes == max(each.offline_bytes for each in found)
    assert "carol" not in str(foretold)
    assert "an estimate" in str(foretold)


def test_public_numbers_that_processors_may_round_differently_cost_their_comparison(spu):
    x = secret(spu, np.ones(5))

    def scaled(v, c):
        return v * jnp.sin(c)

    foretold = spu.explain(scaled)(x, np.float32(2))
    profile = spu.profile()
    spu(scaled)(x, np.float32(2))
    profile.stop()
    if not is_debug(spu):
        measured, told = profile.total(), foretold.each[0]
        assert (measured.rounds, measured.online_bytes) == (told.rounds, told.online_bytes)
        assert measured == told or foretold.dealer is None
        assert foretold.rounds == 2  # a product, and the comparison


def test_a_call_in_a_loop_is_measured_each_time(spu):
    x = secret(spu, np.ones(4))
    with spu.profile() as outer:
        for _ in range(3):
            with spu.profile() as inner:
                x = spu(lambda v: v * 0.3)(x)
    assert len(outer.at("alice")) == 3
    assert len(inner.at("alice")) == 1
    assert outer.lines()[0].runs == 3


def test_a_call_that_failed_is_left_out(spu):
    bad = sf.PYU("bob")(lambda: np.array([np.nan]))()
    with spu.profile() as profile:
        out = spu(lambda v: v + 1)(secret(spu, np.ones(2)))
        with pytest.raises(sf.RemoteError):
            sf.reveal(spu(lambda v: v + 1)(bad))
    assert len(profile.at("alice")) == 1
    sf.wait(out)


def test_where_nothing_was_computed_it_says_so(spu):
    with spu.profile() as profile:
        pass
    assert profile.calls == ()
    assert profile.lines() == ()
    assert "nothing was computed" in str(profile)

"""What a person could see of calls while they run, beside what they cost; in every mode."""

from __future__ import annotations

from contextlib import contextmanager

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import junto as sf
from junto.accounting.progress import Board
from junto.learn import LogisticRegression
from spu_values import secret


def product(x, w):
    return jax.lax.fori_loop(0, 5, lambda _, v: jnp.maximum(x @ v, 0.1), w)


@pytest.fixture
def seen(monkeypatch):
    """Each work with the count that it ended with."""
    found = []
    working = Board.working

    @contextmanager
    def noted(self, work):
        with working(self, work):
            yield
            found.append((work, work.count()))

    monkeypatch.setattr(Board, "working", noted)
    return found


def is_debug(spu):
    return spu.session.program.settings.mode.name == "DEBUG"


def test_rounds_and_bytes_are_those_of_the_call_and_no_step_is_left(spu, seen):
    x, w = secret(spu, np.full((3, 3), 0.3)), secret(spu, np.ones(3), "bob")
    foretold = spu.explain(product)(x, w)
    with spu.profile() as profile:
        spu(product)(x, w)
    calls = {call.node: call for call in profile.calls}  # waits for all nodes
    if is_debug(spu):
        assert seen == []  # it runs in the script's own thread, and at once
        return
    assert len(seen) == len(calls) == len(spu.engine._seats)
    for work, count in seen:
        assert work.text == f"{spu.name}(product)"
        assert count.done == count.total > 10
        assert count.rounds == foretold.rounds
        assert count.nbytes >= min(call.cost.online_bytes for call in calls.values())
        if foretold.dealer is not None:  # without one, what is prepared is estimated while a call runs
            assert count.nbytes in {
                call.cost.online_bytes + call.cost.offline_bytes for call in calls.values()
            }


@pytest.mark.parametrize("spu", ["simulation", "simulation of two"], indirect=True)
def test_epochs_are_told_apart_whenever_they_run(spu, seen):
    alice, bob = sf.PYU("alice"), sf.PYU("bob")
    x = {alice: alice(np.linspace)(-1, 1, 40), bob: bob(np.cos)(np.arange(40.0))}
    x = {owner: owner(np.reshape)(part, (40, 1)) for owner, part in x.items()}
    model = LogisticRegression(spu, solver="sgd", max_iter=3, losses=True)
    with spu.profile() as profile:
        model.fit(x, bob(lambda: (np.arange(40) > 20).astype(float))())
    assert len(profile.calls) > 6  # waits for all nodes
    names = list(dict.fromkeys(str(work.heading) for work, _ in seen if work.heading))
    fit = "LogisticRegression.fit"
    assert [name for name in names if "epoch" in name] == [f"{fit}, epoch {n} of 3" for n in (1, 2, 3)]
    assert fit in names
    assert spu.session.program.board.look() is None


def test_bars_can_be_asked_for_and_sent_away_in_a_script(spu):
    sf.show_progress()
    sf.show_progress(False)
    sf.wait(spu(jnp.negative)(secret(spu, np.ones(2))))

"""Gradients and hessians of what boosted trees minimise are its derivatives."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from junto.learn.trees import objectives

SCORE = jnp.linspace(-2.0, 2.0, 9)
Y = jnp.array([0, 1, 1, 0, 1, 0, 0, 1, 1], jnp.float32)


def gradients(family, score, y):
    """By automatic differentiation of the loss of each row."""
    first = jax.grad(family.loss)
    return np.stack(
        [[float(f(s, t)) for s, t in zip(score, y, strict=True)] for f in (first, jax.grad(first))]
    )


@pytest.mark.parametrize("positive", [0.25, 3.0, 500.0])
def test_rows_of_the_second_class_count_as_often_as_asked(positive):
    family = objectives.Weighed((0, 1), positive)
    residual, weight = family.slopes(SCORE, Y)
    times = np.where(Y == 1, positive, 1) / family.divisor
    wanted = gradients(family, SCORE, Y) * times
    assert np.asarray([-residual, weight]) == pytest.approx(wanted, rel=1e-5)
    assert max(times) <= objectives.MOST_POSITIVE
    start = family.scale(np.asarray(Y, np.float64), True).start
    assert float(jnp.sum(family.slopes(jnp.full(9, start), Y)[0])) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("objective", objectives.SECTIONS)
def test_an_objective_comes_back_by_its_name_and_number(objective):
    number = 3.0 if objective == objectives.SOFTMAX else 0.4 if objective == objectives.QUANTILE else 1.3
    family = objectives.family_of(objective, number, 3)
    named = (objectives.GAMMA, objectives.SQUARES)
    assert objectives.objective_of(family) == (objective, 1.0 if objective in named else number)


@pytest.mark.parametrize(
    ("objective", "mean", "score"),
    [
        (objectives.BINARY, 0.75, np.log(3)),
        (objectives.POISSON, 2.0, np.log(2)),
        (objectives.SQUARES, -7.0, -7.0),
        (objectives.SOFTMAX, 0.5, 0.5),
    ],
)
def test_a_score_without_a_tree_is_the_link_of_what_is_predicted(objective, mean, score):
    assert objectives.score_of(objective, mean) == pytest.approx(score)
    for none in {"binary:logistic": [0.0, 1.0], "count:poisson": [0.0, -1.0]}.get(objective, [np.nan]):
        if objective != objectives.SOFTMAX:
            with pytest.raises(ValueError, match="infinite"):
                objectives.score_of(objective, none)

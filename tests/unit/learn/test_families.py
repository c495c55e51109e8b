"""Residual and weight are derivatives of the loss; the limits are those of the deviance."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from sklearn.metrics import d2_tweedie_score, mean_tweedie_deviance

from junto.learn.families import CLIP, Bernoulli, Normal, Tweedie

FAMILIES = [Normal(), Bernoulli(), Tweedie(1.0), Tweedie(1.5), Tweedie(2.0), Tweedie(3.0)]
ETA = np.linspace(-3, 3, 13)
LABELS = {0.0, 1.0, 2.5}


def labels_of(family):
    if family.domain == "classes":
        return {0.0, 1.0}
    return LABELS - {0.0} if family.domain == "positive" else LABELS


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_the_residual_is_the_slope_of_the_loss(family):
    for y in labels_of(family):
        slope = jax.vmap(jax.grad(lambda eta, y=y: family.loss(eta, y)))(ETA)
        assert np.asarray(family.residual(ETA, y)) == pytest.approx(-np.asarray(slope), abs=1e-4)


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_the_weight_is_the_curvature_where_the_label_is_its_mean(family):
    for eta in (-1.0, 0.0, 1.5):
        mean = float(family.mean(np.float32(eta)))
        curvature = jax.grad(jax.grad(lambda e, y=mean: family.loss(e, y)))(eta)
        assert float(family.weight(np.float32(eta))) == pytest.approx(float(curvature), rel=1e-3)


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_no_weight_exceeds_its_bound(family):
    weights = np.asarray(family.weight(ETA))
    if family.constant is not None:
        assert weights == pytest.approx(family.constant)
    if family.bound is not None:
        assert weights.max() <= family.bound + 1e-6


@pytest.mark.parametrize("family", [Tweedie(1.0), Tweedie(1.5), Tweedie(2.0)], ids=str)
def test_limits_are_those_of_the_deviance(family):
    rng = np.random.default_rng(0)
    y = rng.gamma(2, 3, size=100)
    guess = y * rng.uniform(0.7, 1.4, size=100)
    best, worst = family.limits(y)
    loss = float(np.mean(family.loss(np.log(guess).astype(np.float64), y)))
    assert 2 * (loss - best) == pytest.approx(mean_tweedie_deviance(y, guess, power=family.power), rel=1e-4)
    explained = (worst - loss) / (worst - best)
    assert explained == pytest.approx(d2_tweedie_score(y, guess, power=family.power), rel=1e-4)


def test_limits_of_classes_are_those_of_the_log_loss():
    y = np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    family = Bernoulli()
    best, worst = family.limits(y)
    assert best == pytest.approx(float(np.mean(family.loss(60 * (y - 0.5), y))), abs=1e-6)
    assert worst == pytest.approx(float(np.mean(family.loss(np.full(5, np.log(0.6 / 0.4)), y))), rel=1e-6)


def test_rows_far_from_the_mean_count_as_if_they_were_nearer():
    family = Tweedie(1.0)
    far, at = (np.asarray(family.residual(np.float32(eta), 2.0)) for eta in (CLIP + 9, CLIP))
    assert far == at
    assert np.isfinite(np.asarray(family.mean(np.float32(1000))))


@pytest.mark.parametrize("family", [Normal(), Tweedie(1.0), Tweedie(1.5), Tweedie(2.0)], ids=str)
def test_scales_change_no_optimum(family):
    # gradient of loss + penalty at some coefficients, in the label's units and on its scale
    rng = np.random.default_rng(1)
    y, x, w = rng.gamma(2, 30, size=50), rng.normal(size=50), 0.3
    scale = family.scale(y, True)
    eta = scale.shift + scale.spread * (x * w + 0.1)
    theirs = np.asarray(family.residual(eta, y)) @ x - 5.0 * w * scale.spread
    ours = np.asarray(family.residual(x * w + 0.1, family.scaled(y, scale))) @ x - 5.0 * scale.penalty * w
    kept = theirs if isinstance(family, Normal) else theirs * scale.penalty
    assert ours * (scale.spread if isinstance(family, Normal) else 1) == pytest.approx(kept, rel=1e-4)

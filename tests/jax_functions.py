"""The functions of jax that users write, each with operands that it is defined for, for tests and pages.

A function is listed under the name that users write, `jnp.sin`; one that takes more than arrays, as a call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Make = Callable[[np.random.Generator, float], np.ndarray]
Function = tuple[Callable[..., Any], Sequence[Make]]
"""What is called, and what makes each operand of a size; NaN: it is not defined there."""


def signed(rng: np.random.Generator, size: float) -> np.ndarray:
    return np.concatenate([rng.uniform(-1, 1, 6), [1, -1]]) * size


def positive(rng: np.random.Generator, size: float) -> np.ndarray:
    return np.concatenate([rng.uniform(0.25, 1, 7), [1]]) * size


def within(rng: np.random.Generator, size: float) -> np.ndarray:
    """Between -1 and 1."""
    return rng.uniform(-0.95, 0.95, 8) * (size if size <= 1 else np.nan)


def share(rng: np.random.Generator, size: float) -> np.ndarray:
    """Between 0 and 1."""
    return rng.uniform(0.05, 0.95, 8) * (size if size <= 1 else np.nan)


def beyond(rng: np.random.Generator, size: float) -> np.ndarray:
    """More than 1."""
    return 1 + positive(rng, size)


def ascending(rng: np.random.Generator, size: float) -> np.ndarray:
    return np.arange(1, 9) / 8 * size


def counts(rng: np.random.Generator, size: float) -> np.ndarray:
    """Whole numbers from 0 to 4, or that many thousand."""
    return rng.integers(0, 5, 8) * (size if size >= 1 else np.nan)


def places(rng: np.random.Generator, size: float) -> np.ndarray:
    """Whole numbers from 0 to 7."""
    return rng.integers(0, 8, 8) * (1.0 if size == 1 else np.nan)


def square(rng: np.random.Generator, size: float) -> np.ndarray:
    return (rng.uniform(-0.5, 0.5, (4, 4)) + np.diag([2, -1, 3, 2])) * size


def definite(rng: np.random.Generator, size: float) -> np.ndarray:
    root = rng.uniform(-0.5, 0.5, (4, 4))
    return (root @ root.T + np.diag([1, 2, 3, 4])) * size


def tall(rng: np.random.Generator, size: float) -> np.ndarray:
    return rng.uniform(-1, 1, (4, 3)) * size


def signed_four(rng: np.random.Generator, size: float) -> np.ndarray:
    return signed(rng, size)[:4]


def image(rng: np.random.Generator, size: float) -> np.ndarray:
    return rng.uniform(-1, 1, (1, 2, 5, 5)) * size


NAMED: Sequence[tuple[Sequence[Make], str]] = [
    (
        [signed],
        """jnp.abs jnp.negative jnp.positive jnp.sign jnp.square jnp.fabs jnp.ceil jnp.floor jnp.trunc
        jnp.rint jnp.round jnp.exp jnp.exp2 jnp.expm1 jnp.sin jnp.cos jnp.tan jnp.sinh jnp.cosh jnp.tanh
        jnp.arctan jnp.arcsinh jnp.sinc jnp.cbrt jnp.deg2rad jnp.rad2deg jnp.nan_to_num
        jnp.isfinite jnp.isnan jnp.isinf
        jnp.signbit jnp.i0 jnp.logical_not jnp.invert jnp.bitwise_count jnp.modf jnp.frexp jnp.reciprocal
        jnp.sum jnp.prod jnp.mean jnp.std jnp.var jnp.max jnp.min jnp.ptp jnp.median jnp.argmax jnp.argmin
        jnp.cumsum jnp.cumprod jnp.sort jnp.argsort jnp.any jnp.all jnp.count_nonzero jnp.flip jnp.diff
        jnp.gradient jnp.unwrap jnp.nansum jnp.nanmean jnp.nanmax jnp.nanstd jnp.trapezoid jnp.vander jnp.diag
        jnp.nonzero jnp.unique jnp.angle jnp.fft.fft jnp.linalg.norm jnp.poly
        jax.nn.relu jax.nn.relu6 jax.nn.sigmoid jax.nn.softplus jax.nn.soft_sign jax.nn.silu
        jax.nn.log_sigmoid jax.nn.leaky_relu jax.nn.hard_sigmoid jax.nn.hard_silu jax.nn.hard_tanh jax.nn.elu
        jax.nn.celu jax.nn.selu jax.nn.gelu jax.nn.glu jax.nn.squareplus jax.nn.mish jax.nn.softmax
        jax.nn.log_softmax
        jax.nn.logsumexp jax.nn.standardize jax.nn.sparse_plus jax.nn.sparse_sigmoid
        jax.scipy.special.erf jax.scipy.special.erfc jax.scipy.special.ndtr jax.scipy.special.log_ndtr
        jax.scipy.special.i0e jax.scipy.special.i1 jax.scipy.special.i1e
        jax.scipy.stats.norm.pdf jax.scipy.stats.norm.logpdf jax.scipy.stats.norm.cdf
        jax.scipy.stats.norm.logcdf jax.scipy.stats.norm.sf jax.scipy.stats.logistic.logpdf
        jax.scipy.stats.logistic.cdf jax.scipy.stats.laplace.cdf jax.scipy.stats.gumbel_r.logpdf
        jax.scipy.stats.laplace.logpdf jax.scipy.stats.cauchy.logpdf jax.scipy.stats.cauchy.cdf
        jax.scipy.stats.rankdata lax.cummax lax.cummin lax.cumlogsumexp lax.population_count lax.clz""",
    ),
    (
        [positive],
        """jnp.sqrt jnp.log jnp.log2 jnp.log10 jnp.log1p lax.rsqrt jax.scipy.special.gamma
        jax.scipy.special.gammaln jax.scipy.special.digamma jax.scipy.special.entr
        jax.scipy.special.factorial jax.scipy.stats.expon.logpdf jax.scipy.stats.expon.cdf
        jax.scipy.stats.pareto.logpdf""",
    ),
    ([within], "jnp.arcsin jnp.arccos jnp.arctanh jax.scipy.special.erfinv"),
    ([share], "jax.scipy.special.logit jax.scipy.special.ndtri jax.scipy.stats.norm.ppf"),
    ([share], "jax.scipy.stats.logistic.ppf jax.scipy.stats.uniform.logpdf jax.scipy.stats.bernoulli.cdf"),
    ([beyond], "jnp.arccosh"),
    (
        [signed, signed],
        """jnp.add jnp.subtract jnp.multiply jnp.maximum jnp.minimum jnp.fmax jnp.fmin jnp.arctan2 jnp.hypot
        jnp.copysign jnp.logaddexp jnp.logaddexp2 jnp.heaviside jnp.nextafter jnp.equal jnp.not_equal jnp.less
        jnp.less_equal jnp.greater jnp.greater_equal jnp.isclose jnp.allclose jnp.array_equal jnp.logical_and
        jnp.logical_or jnp.logical_xor jnp.bitwise_and jnp.bitwise_or jnp.bitwise_xor jnp.gcd jnp.lcm jnp.dot
        jnp.vdot jnp.inner jnp.outer jnp.kron jnp.convolve jnp.correlate jnp.cov jnp.corrcoef jnp.isin
        jnp.polyval jnp.polymul jnp.append""",
    ),
    ([signed, positive], "jnp.divide jnp.floor_divide jnp.mod jnp.fmod jnp.divmod jnp.average"),
    (
        [positive, positive],
        """jnp.float_power jax.scipy.special.xlogy jax.scipy.special.xlog1py jax.scipy.special.betaln
        jax.scipy.special.beta jax.scipy.special.kl_div jax.scipy.special.rel_entr
        jax.scipy.special.gammainc jax.scipy.special.gammaincc jax.scipy.special.zeta
        jax.scipy.stats.gamma.logpdf jax.scipy.stats.gamma.cdf
        jax.scipy.stats.t.logpdf jax.scipy.stats.chi2.logpdf""",
    ),
    (
        [counts, positive],
        """jax.scipy.stats.poisson.logpmf jax.scipy.stats.poisson.pmf jax.scipy.stats.poisson.cdf
        jax.scipy.special.polygamma""",
    ),
    ([share, positive, positive], "jax.scipy.stats.beta.logpdf jax.scipy.stats.beta.cdf"),
    ([signed, places], "jnp.left_shift jnp.right_shift jnp.ldexp jnp.take jnp.power"),
    ([square], "jnp.trace jnp.triu jnp.transpose jnp.linalg.det jnp.linalg.slogdet jnp.linalg.inv"),
    ([square], "jnp.linalg.pinv jnp.linalg.eig jnp.linalg.cond"),
    ([square], "jax.scipy.linalg.expm jax.scipy.linalg.lu jax.scipy.linalg.sqrtm"),
    ([definite], "jnp.linalg.cholesky jnp.linalg.eigvalsh"),
    ([square, tall], "jnp.matmul jnp.linalg.solve"),
]

SPELLED: Mapping[str, Function] = {
    "x ** 2": (lambda x: x**2, [signed]),
    "x ** 3": (lambda x: x**3, [signed]),
    "x ** -1": (lambda x: x**-1, [signed]),
    "x ** 0.5": (lambda x: x**0.5, [positive]),
    "x ** -1.5": (lambda x: x**-1.5, [positive]),
    "2.0 ** x": (lambda x: 2.0**x, [signed]),
    "x / 7": (lambda x: x / 7, [signed]),
    "7 / x": (lambda x: 7 / x, [positive]),
    "x // 7": (lambda x: x // 7, [signed]),
    "x % 7": (lambda x: x % 7, [signed]),
    "x.astype(jnp.int32)": (lambda x: x.astype(jnp.int32), [signed]),
    "x.astype(jnp.float32)": (lambda x: x.astype(jnp.float32), [signed]),
    "x.at[2].add(y[0])": (lambda x, y: x.at[2].add(y[0]), [signed, signed]),
    "x.at[i].multiply(x)": (lambda x, i: x.at[i.astype(int)].multiply(x), [signed, places]),
    "x[i]": (lambda x, i: x[i.astype(int)], [signed, places]),
    "jnp.where(x > y, x, y)": (lambda x, y: jnp.where(x > y, x, y), [signed, signed]),
    "jnp.clip(x, -0.5, 0.5)": (lambda x: jnp.clip(x, -0.5, 0.5), [signed]),
    "jnp.clip(x, y, 2)": (lambda x, y: jnp.clip(x, y, 2), [signed, signed]),
    "jnp.round(x, 1)": (lambda x: jnp.round(x, 1), [signed]),
    "jnp.quantile(x, 0.3)": (lambda x: jnp.quantile(x, 0.3), [signed]),
    "jnp.percentile(x, 90)": (lambda x: jnp.percentile(x, 90), [signed]),
    "jnp.std(x, ddof=1)": (lambda x: jnp.std(x, ddof=1), [signed]),
    "jnp.histogram(x, 4)": (lambda x: jnp.histogram(x, 4), [signed]),
    "jnp.digitize(x, y)": (jnp.digitize, [signed, ascending]),
    "jnp.searchsorted(x, y)": (jnp.searchsorted, [ascending, signed]),
    "jnp.interp(x, xp, yp)": (jnp.interp, [signed, ascending, signed]),
    "jnp.lexsort((x, y))": (lambda x, y: jnp.lexsort((x, y)), [signed, signed]),
    "jnp.select": (lambda x, y: jnp.select([x > 0, y > 0], [x, y], 1), [signed, signed]),
    "jnp.piecewise": (lambda x: jnp.piecewise(x, [x < 0], [lambda v: -v, lambda v: 2 * v]), [signed]),
    "jnp.bincount(i, length=8)": (lambda i: jnp.bincount(i.astype(int), length=8), [places]),
    "jnp.bincount(i, x, length=8)": (
        lambda i, x: jnp.bincount(i.astype(int), x, length=8),
        [places, signed],
    ),
    "jnp.einsum('ij,jk->k', a, b)": (lambda a, b: jnp.einsum("ij,jk->k", a, b), [square, tall]),
    "jnp.linalg.norm(x, 1)": (lambda x: jnp.linalg.norm(x, 1), [signed]),
    "jnp.linalg.norm(x, jnp.inf)": (lambda x: jnp.linalg.norm(x, jnp.inf), [signed]),
    "jnp.linalg.matrix_power(a, 3)": (lambda a: jnp.linalg.matrix_power(a, 3), [square]),
    "jnp.linalg.eigh(a), the matrix again": (
        lambda a: (lambda w, v: (v * w) @ v.T)(*jnp.linalg.eigh(a)),
        [definite],
    ),
    "jnp.linalg.qr(a), the matrix again": (lambda a: jnp.matmul(*jnp.linalg.qr(a)), [square]),
    "jnp.linalg.svd(a)[1]": (lambda a: jnp.linalg.svd(a)[1], [square]),
    "jnp.linalg.lstsq(a, b)[0]": (lambda a, b: jnp.linalg.lstsq(a, b)[0], [tall, signed_four]),
    "jax.scipy.linalg.solve(a, b, assume_a='pos')": (
        lambda a, b: jax.scipy.linalg.solve(a, b, assume_a="pos"),
        [definite, tall],
    ),
    "jax.scipy.linalg.solve_triangular(a, b)": (jax.scipy.linalg.solve_triangular, [square, tall]),
    "jax.nn.gelu(x, approximate=False)": (lambda x: jax.nn.gelu(x, approximate=False), [signed]),
    "jax.nn.one_hot(i, 8)": (lambda i: jax.nn.one_hot(i.astype(int), 8), [places]),
    "jax.nn.logmeanexp(x)": (lambda x: jax.nn.logsumexp(x) - jnp.log(x.size), [signed]),
    "jax.scipy.stats.chi2.sf(x, 3)": (lambda x: jax.scipy.stats.chi2.sf(x, 3), [positive]),
    "jax.scipy.stats.poisson.cdf(i, 4)": (lambda i: jax.scipy.stats.poisson.cdf(i, 4), [counts]),
    "jax.scipy.special.polygamma(2, x)": (lambda x: jax.scipy.special.polygamma(2, x), [positive]),
    "jax.scipy.special.betainc(x, x, 0.5)": (lambda x: jax.scipy.special.betainc(x, x, 0.5), [positive]),
    "p-value of Student's t, 20 degrees": (
        lambda t: jax.scipy.special.betainc(10.0, 0.5, 20 / (20 + t * t)),
        [signed],
    ),
    "p-value of F, 3 and 20 degrees": (
        lambda f: jax.scipy.special.betainc(10.0, 1.5, 20 / (20 + 3 * f)),
        [positive],
    ),
    "jax.scipy.stats.binom.logpmf(i, 9, x)": (
        lambda i, x: jax.scipy.stats.binom.logpmf(i, 9, x),
        [places, share],
    ),
    "jax.scipy.stats.binom.pmf(i, 9, x)": (
        lambda i, x: jax.scipy.stats.binom.pmf(i, 9, x),
        [places, share],
    ),
    "jax.scipy.stats.geom.logpmf(i + 1, x)": (
        lambda i, x: jax.scipy.stats.geom.logpmf(i + 1, x),
        [counts, share],
    ),
    "jax.scipy.stats.t.pdf(x, 4)": (lambda x: jax.scipy.stats.t.pdf(x, 4), [signed]),
    "jax.scipy.stats.gamma.pdf(x, 2)": (lambda x: jax.scipy.stats.gamma.pdf(x, 2), [positive]),
    "jax.grad(jax.nn.softplus)": (jax.vmap(jax.grad(jax.nn.softplus)), [signed]),
    "jax.grad(jax.nn.gelu)": (jax.vmap(jax.grad(jax.nn.gelu)), [signed]),
    "jax.grad(jax.nn.logsumexp)": (jax.grad(jax.nn.logsumexp), [signed]),
    "jax.grad(jnp.linalg.norm)": (jax.grad(jnp.linalg.norm), [signed]),
    "jax.grad(jnp.std)": (jax.grad(jnp.std), [signed]),
    "jax.grad of jnp.log": (jax.vmap(jax.grad(jnp.log)), [positive]),
    "jax.grad of jnp.sqrt": (jax.vmap(jax.grad(jnp.sqrt)), [positive]),
    "jax.grad of jnp.max": (jax.grad(jnp.max), [signed]),
    "jax.grad of jnp.linalg.slogdet": (jax.grad(lambda a: jnp.linalg.slogdet(a)[1]), [definite]),
    "lax.top_k(x, 3)": (lambda x: lax.top_k(x, 3), [signed]),
    "lax.conv(image, filters)": (
        lambda x: lax.conv(x, x[:, :, :2, :2], (1, 1), "SAME"),
        [image],
    ),
    "lax.reduce_window, max 2 x 2": (
        lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID"),
        [image],
    ),
    "lax.associative_scan(jnp.maximum, x)": (lambda x: lax.associative_scan(jnp.maximum, x), [signed]),
    "lax.scan of a running mean": (
        lambda x: lax.scan(lambda m, v: (0.9 * m + 0.1 * v, m), 0.0 * x[0], x)[1],
        [signed],
    ),
    "lax.cond(x[0] > 0, ...)": (
        lambda x: lax.cond(x[0] > 0, lambda v: v + 1, lambda v: v * 2, x),
        [signed],
    ),
    "lax.while_loop on a secret": (
        lambda x: lax.while_loop(lambda v: v[0] < 3, lambda v: v + 1, x),
        [signed],
    ),
    "lax.dynamic_slice(x, (i,), (3,))": (
        lambda x, i: lax.dynamic_slice(x, (i[0].astype(int),), (3,)),
        [signed, places],
    ),
    "lax.integer_pow(x, 5)": (lambda x: lax.integer_pow(x, 5), [signed]),
    "jax.random.permutation(key, x)": (lambda x: jax.random.permutation(jax.random.key(7), x), [signed]),
}


def _functions() -> dict[str, Function]:
    modules = {"jnp": jnp, "jax": jax, "lax": lax}
    found: dict[str, Function] = {}
    for operands, names in NAMED:
        for name in names.split():
            module, _, rest = name.partition(".")
            found[name] = attrgetter(rest)(modules[module]), operands
    return found | dict(SPELLED)


FUNCTIONS: Mapping[str, Function] = _functions()

"""The integrals of sine and cosine, and Fresnel's, as polynomials that fixed-point numbers hold.

jax has quotients of polynomials for them (Moshier, Cephes, `sici.c` and `fresnl.c`) whose coefficients end at
1e-14, and both sides of a quotient would be 0. These are of least squares at Chebyshev's points of the same
functions: of the rest near 0, and of the auxiliary functions f and g beyond (Abramowitz and Stegun, Handbook
of Mathematical Functions, 5.2.8 and 7.3.9), each in an argument from -1 to 1, lowest coefficient first.

Error: 1e-5 absolute, and that of sine and cosine.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

SINE_NEAR = (0.6488925, -0.26998632, 0.06995292, -0.01018084, 0.00092989, -5.745e-05)
"""Si(x) / x for x up to `SICI`, in (x / SICI)**2; C is (Ci(x) - log(x) - Euler's constant) by the same."""
COSINE_NEAR = (-2.88002509, 0.92866188, -0.17081835, 0.01901954, -0.00140233, 7.272e-05)
SICI = 4.0
F_FAR = (0.95134908, -0.03964403, 0.00632167, -0.00156608, 0.00048803, -0.00040223, 0.00022548)
"""x f(x), and x**2 g(x), in (SICI / x)**2."""
G_FAR = (0.87208328, -0.09377899, 0.02167753, -0.00634586, 0.00215112, -0.00243121, 0.00150636)

FRESNEL = 1.6
S_NEAR = (0.28893943, -0.17613566, 0.05013179, -0.00762922, 0.00071732, -4.529e-05)
"""S(x) / x**3, and C(x) / x, for x up to `FRESNEL`, in (x / FRESNEL)**4."""
C_NEAR = (0.44345867, -0.34983517, 0.16643305, -0.03562603, 0.0043145, -0.00033201)
FRESNEL_F = (0.98081201, -0.01641904, 0.00201635, -0.00045129, 0.00020587, -9.32e-05)
"""pi x f(x), and pi**2 x**3 g(x), in (FRESNEL / x)**4."""
FRESNEL_G = (0.91514369, -0.06579886, 0.01275601, -0.0034558, 0.00112934, -0.0010743, 0.00063193)


def sici(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`jax.scipy.special.sici`; of 0 the second is that of the least number."""
    size = jnp.abs(x)
    near = size <= SICI
    inner = jnp.where(near, size, SICI)
    square = (inner / SICI) ** 2
    part = SICI / jnp.where(near, SICI, size)
    f = part * _polynomial(F_FAR, part * part) / SICI
    g = part * part * _polynomial(G_FAR, part * part) / SICI**2
    sine, cosine = jnp.sin(size), jnp.cos(size)
    si = jnp.where(near, inner * _polynomial(SINE_NEAR, square), np.pi / 2 - f * cosine - g * sine)
    ci = np.euler_gamma + jnp.log(inner) + square * _polynomial(COSINE_NEAR, square)
    return jnp.where(x < 0, -si, si), jnp.where(near, ci, f * sine - g * cosine)


def fresnel(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`jax.scipy.special.fresnel`."""
    size = jnp.abs(x)
    near = size <= FRESNEL
    inner = jnp.where(near, size, FRESNEL)
    fourth = ((inner / FRESNEL) ** 2) ** 2
    part = FRESNEL / jnp.where(near, FRESNEL, size)
    square = part * part
    f = part * _polynomial(FRESNEL_F, square * square) / (np.pi * FRESNEL)
    g = part * square * _polynomial(FRESNEL_G, square * square) / (np.pi**2 * FRESNEL**3)
    # the angle's turns do not count, and the square of a large number would lose its last digits
    whole = jnp.round(size / 2)
    rest = size - 2 * whole
    angle = np.pi / 2 * (rest * rest + 4 * _fraction(whole * rest))
    sine, cosine = jnp.sin(angle), jnp.cos(angle)
    s = jnp.where(near, inner * inner * inner * _polynomial(S_NEAR, fourth), 0.5 - f * cosine - g * sine)
    c = jnp.where(near, inner * _polynomial(C_NEAR, fourth), 0.5 + f * sine - g * cosine)
    return jnp.where(x < 0, -s, s), jnp.where(x < 0, -c, c)


def _fraction(x: jax.Array) -> jax.Array:
    return x - jnp.round(x)


def _polynomial(coefficients: Sequence[float], x: jax.Array) -> jax.Array:
    """In 2 x - 1."""
    x = 2 * x - 1
    *rest, total = (jnp.asarray(each, x.dtype) for each in coefficients)
    for each in reversed(rest):
        total = total * x + each
    return total

"""Differential privacy of a sum: each party adds its share of the noise before its vector is masked.

Paper:     Kairouz, Liu, Steinke, "The distributed discrete Gaussian mechanism for federated learning with
           secure aggregation", ICML 2021, theorem 1 (privacy), section 4; Canonne, Kamath, Steinke, "The
           discrete Gaussian for differential privacy", NeurIPS 2020 (the exact sampler, from ``opendp``).
Computes:  sum of x_p + z_p, z_p discrete Gaussian on multiples of the resolution.
Parties:   n that add. Each draws with deviation noise_multiplier * clip_norm / sqrt(n - 1): a party knows its
           own share, so what the others have drawn is enough without it.
Secure:    what each party learns of the others' rows, and anybody outside of all rows, is (epsilon, delta)
           differentially private, as long as parties follow the protocol and do not pool their shares.
Learns:    the sum, with the noise in it.
Cost:      no message.

Two data sets are neighbours if what one unit (a row, or a party) adds is replaced by zeros. With resolution g
and d numbers a unit changes the rounded sum by D <= clip_norm + g sqrt(d), since rounding to the nearest is
off by g / 2 at both. A sum of n discrete Gaussians is nearly one: with s = deviation of a share over g,

    t = 10 sum over k from 1 to n - 2 of exp(-2 pi**2 s**2 k / (k + 1))

bounds how far it is from it, and the sum is rho-zCDP with rho = (D / deviation + t sqrt(d))**2 / 2. As g is
2**-40 of the bound or less, t is 0 in floating point. Rounds add up their rho (Bun and Steinke, 2016).
"""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray

from junto.device.boundary import Scripted
from junto.errors import LearnError
from junto.extras import need

ROW, PARTY = "row", "party"
BELOW: Final = 1 - 2.0**-30
"""A norm that was scaled down is not above what it was scaled to, whatever floats have rounded."""

TAIL: Final = 40.0
"""Deviations that a draw stays within, but for one in 10**347."""


@dataclass(frozen=True, slots=True)
class DifferentialPrivacy(metaclass=Scripted):
    """What noise a sum gets.

    Args:
        clip_norm: the Euclidean norm that what a unit adds is scaled down to, if it is larger.
        noise_multiplier: deviation of the noise over `clip_norm`; more is more private.
        delta: with which probability the bound may fail; well below one over the number of units.
        unit: what is protected: ``row`` or ``party``.

    Raises:
        LearnError: one of them makes no sense.
        MissingLibrary: ``opendp`` is not installed.
    """

    clip_norm: Annotated[float, "(0, inf)"]
    noise_multiplier: Annotated[float, "(0, 1000000)"]
    delta: Annotated[float, "(0, 1)"] = 1e-6
    unit: Annotated[str, (ROW, PARTY)] = ROW

    def __post_init__(self) -> None:
        need("opendp", "differential privacy")

    def share(self, parties: int) -> float:
        """The deviation of the noise that each of so many parties adds."""
        return self.noise_multiplier * self.clip_norm / math.sqrt(parties - 1)

    def rho(self, parties: int, numbers: int, resolution: float) -> float:
        """What one sum costs, as zero-concentrated differential privacy.

        Args:
            parties: that add.
            numbers: that each adds.
            resolution: of which they are multiples.
        """
        units = self.share(parties) / resolution
        apart = 10 * sum(math.exp(-2 * (math.pi * units) ** 2 * k / (k + 1)) for k in range(1, parties - 1))
        moved = self.clip_norm + resolution * math.sqrt(numbers)
        honest = self.share(parties) * math.sqrt(parties - 1)
        return (moved / honest + apart * math.sqrt(numbers)) ** 2 / 2


@dataclass(frozen=True, slots=True)
class PrivacySpent:
    """What was learned of a unit, at most.

    Attributes:
        epsilon, delta: approximate differential privacy.
        rho: zero-concentrated differential privacy.
        sums: that were shown.
        unit: see `DifferentialPrivacy`.
    """

    epsilon: float
    delta: float
    rho: float
    sums: int
    unit: str

    def __str__(self) -> str:
        return f"epsilon {self.epsilon:.4g} at delta {self.delta:.4g} for a {self.unit}, {self.sums} sums"


def spent(privacy: DifferentialPrivacy, rhos: list[float]) -> PrivacySpent:
    """What sums of these costs come to together.

    Args:
        privacy: what noise they had.
        rhos: of each.
    """
    rho = math.fsum(rhos)
    return PrivacySpent(epsilon_of(rho, privacy.delta), privacy.delta, rho, len(rhos), privacy.unit)


def epsilon_of(rho: float, delta: float) -> float:
    """The epsilon of rho-zCDP at a delta (Canonne, Kamath, Steinke 2020, proposition 12)."""
    dp = _opendp()
    gaussian = dp.m.make_gaussian(_numbers(dp), dp.l2_distance(T="f64"), scale=1.0)
    profile = dp.c.make_zCDP_to_approxDP(gaussian).map(math.sqrt(2 * rho) * (1 + 1e-9))
    return float(profile.epsilon(delta))


def discrete_gaussian(deviation: float, count: int) -> NDArray[np.int64]:
    """Whole numbers from the discrete Gaussian distribution, exactly, from the system's own randomness.

    Args:
        deviation: below 2**57, so that 64 bits hold a draw.
        count: how many.
    """
    dp = _opendp()
    drawn = dp.m.make_gaussian(_numbers(dp), dp.l2_distance(T="f64"), scale=deviation)([0] * count)
    return np.asarray(drawn, np.int64)


def clipped(vector: NDArray[np.float64], norm: float) -> NDArray[np.float64]:
    """The vector, scaled down to a norm if it is longer.

    Raises:
        LearnError: it has numbers that are missing or infinite.
    """
    length = float(np.linalg.norm(vector))
    if not math.isfinite(length):
        raise LearnError("an update has numbers that are missing or infinite", fix="a lower learning rate")
    return vector * (norm / max(length, norm) * BELOW)


def _numbers(dp: Any) -> Any:
    return dp.vector_domain(dp.atom_domain(T="i64"))


def _opendp() -> Any:
    need("opendp", "differential privacy")
    dp = importlib.import_module("opendp.prelude")
    dp.enable_features("contrib")  # all measurements are behind it
    return dp

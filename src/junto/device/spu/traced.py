"""What makes one function become the same plan at every party: jax itself, and its settings.

Every party traces a call on its own. A difference here would be found at the call, as programs that differ;
so it is compared when the SPU is made, and said as what it is.
"""

from __future__ import annotations

from typing import Final

import jax
from jaxlib.version import __version__ as jaxlib_version

SETTINGS: Final = (
    "jax_enable_x64",
    "jax_explicit_x64_dtypes",
    "jax_default_dtype_bits",
    "jax_default_matmul_precision",
    "jax_numpy_dtype_promotion",
    "jax_numpy_rank_promotion",
    "jax_default_prng_impl",
    "jax_enable_custom_prng",
    "jax_threefry_partitionable",
    "jax_random_seed_offset",
    "jax_high_dynamic_range_gumbel",
    "jax_softmax_custom_jvp",
    "jax_use_direct_linearize",
    "jax_use_simplified_jaxpr_constants",
    "jax_custom_vjp3",
    "jax_remat3",
    "jax_scan3",
    "jax_disable_jit",
    "jax_check_static_indices",
    "eager_constant_folding",
)
"""Those of jax's settings that change what tracing yields; where a version lacks one, there is no line."""


def tracing_text() -> str:
    """All that has to be equal, a line `name: value` each."""
    values = jax.config.values
    lines = {"jax": jax.__version__, "jaxlib": jaxlib_version}
    lines |= {name: str(values[name]) for name in SETTINGS if name in values}
    return "\n".join(f"{name}: {value}" for name, value in lines.items())

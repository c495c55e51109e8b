"""What makes one function become the same plan at every party: the settings of jax.

Every party traces a call on its own. A difference here would be found at the call, as programs that differ;
so it is compared when the SPU is made, and said as what it is. Versions of jax may differ: most functions
become the same plan with each (`mpc.canonical`), and of one that does not the call is refused at all parties.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import jax

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
"""Those of jax's settings that change what tracing yields."""

WITHOUT: Mapping[str, str] = {
    "jax_default_dtype_bits": "64",
    "jax_custom_vjp3": "False",
    "jax_remat3": "False",
    "jax_scan3": "False",
    "jax_check_static_indices": "False",
}
"""Of settings that not all supported versions have: what the others do."""


def tracing_text() -> str:
    """All that has to be equal, a line `name: value` each."""
    values = jax.config.values
    lines = {name: str(values[name]) for name in SETTINGS if name in values}
    return "\n".join(f"{name}: {value}" for name, value in lines.items() if value != WITHOUT.get(name))

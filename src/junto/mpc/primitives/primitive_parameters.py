"""Every parameter of every primitive in the table: honoured by its rule, or without meaning for a secret.

A parameter that is in neither list, perhaps one of a later jax, is refused unless it says nothing: a number
that is right for one value of it may be wrong for another.
"""

from __future__ import annotations

from collections.abc import Mapping

from junto.errors import NotComputable
from junto.mpc import fingerprint
from junto.mpc.plan_steps import CONTROL, PlanStep

_WINDOWS = frozenset({"base_dilation", "padding", "window_dilation", "window_dimensions", "window_strides"})
_ALONG = frozenset({"axis", "reverse"})
_SCATTER = frozenset({"dimension_numbers", "mode"})

HONOURED: Mapping[str, frozenset[str]] = {
    "approx_top_k": frozenset({"is_max_k", "reduction_dimension"}),
    "argmax": frozenset({"axes", "index_dtype"}),
    "argmin": frozenset({"axes", "index_dtype"}),
    "broadcast_in_dim": frozenset({"broadcast_dimensions", "shape"}),
    "concatenate": frozenset({"dimension"}),
    "conv_general_dilated": frozenset(
        {
            "batch_group_count",
            "dimension_numbers",
            "feature_group_count",
            "lhs_dilation",
            "padding",
            "rhs_dilation",
            "window_strides",
        }
    ),
    "cumlogsumexp": _ALONG,
    "cummax": _ALONG,
    "cummin": _ALONG,
    "cumprod": _ALONG,
    "cumsum": _ALONG,
    "dot_general": frozenset({"dimension_numbers"}),
    "dynamic_slice": frozenset({"slice_sizes"}),
    "eigh": frozenset({"lower", "sort_eigenvalues", "subset_by_index"}),
    "gather": frozenset({"dimension_numbers", "fill_value", "mode", "slice_sizes"}),
    "integer_pow": frozenset({"y"}),
    "lu_pivots_to_permutation": frozenset({"permutation_size"}),
    "pad": frozenset({"padding_config"}),
    "pmax": frozenset({"axes", "axis_index_groups"}),
    "pmin": frozenset({"axes", "axis_index_groups"}),
    "psum": frozenset({"axes", "axis_index_groups"}),
    "qr": frozenset({"full_matrices", "pivoting"}),
    "reduce_and": frozenset({"axes"}),
    "reduce_max": frozenset({"axes"}),
    "reduce_min": frozenset({"axes"}),
    "reduce_or": frozenset({"axes"}),
    "reduce_precision": frozenset({"exponent_bits", "mantissa_bits"}),
    "reduce_prod": frozenset({"axes"}),
    "reduce_sum": frozenset({"axes"}),
    "reduce_window_max": _WINDOWS,
    "reduce_window_min": _WINDOWS,
    "reduce_window_sum": _WINDOWS,
    "reduce_xor": frozenset({"axes"}),
    "reshape": frozenset({"dimensions"}),
    "rev": frozenset({"dimensions"}),
    "round": frozenset({"rounding_method"}),
    "scan": frozenset({"length", "num_carry", "num_consts", "reverse"}),
    "scatter": _SCATTER | {"unique_indices", "update_jaxpr"},
    "scatter-add": _SCATTER,
    "scatter-max": _SCATTER,
    "scatter-min": _SCATTER,
    "scatter-mul": _SCATTER,
    "scatter-sub": _SCATTER,
    "select_and_scatter_add": _WINDOWS - {"base_dilation", "window_dilation"} | {"select_prim"},
    "slice": frozenset({"limit_indices", "start_indices", "strides"}),
    "sort": frozenset({"dimension", "is_stable", "num_keys"}),
    "split": frozenset({"axis", "sizes"}),
    "svd": frozenset({"compute_uv", "full_matrices", "subset_by_index"}),
    "top_k": frozenset({"axis", "k"}),
    "transpose": frozenset({"permutation"}),
    "triangular_solve": frozenset({"left_side", "lower", "transpose_a", "unit_diagonal"}),
    "while": frozenset({"body_nconsts", "cond_nconsts"}),
    "wide_product": frozenset({"dimension_numbers", "divided"}),
    "wide_quotient": frozenset({"wide"}),
}
"""What the rules read. Primitives without a line here read none."""

_FORM = "the shape or dtype of the result, which a step has anyway (`PlanStep.forms`)"
_PLACE = "where jax would put the result; it does not change a number"
_PROMISE = "a promise by which jax may be quicker; the rule needs none"
_NAMED = "the primitive's name says how an update is combined with what is there"
_EXACT = "how near an approximate search must come: ours is exact"

IRRELEVANT: Mapping[str, Mapping[str, str]] = {
    "": {
        "accuracy": "which of jax's algorithms to use; ours have errors of their own, in the documentation",
        "indices_are_sorted": _PROMISE,
        "new_dtype": _FORM,
        "out_dtype": _FORM,
        "out_sharding": _PLACE,
        "precision": "of jax's products of floats; fixed-point products have one precision",
        "preferred_element_type": _FORM,
        "sharding": _PLACE,
        "weak_type": "how the result is promoted, which was settled when the function was traced",
    },
    "approx_top_k": {
        "aggregate_to_topk": _EXACT,
        "k": _FORM,
        "recall_target": _EXACT,
        "reduction_input_size_override": _EXACT,
    },
    "cond": {"branches_platforms": "which of several programs a platform takes was settled when traced"},
    "device_put": {"copy_semantics": _PLACE, "devices": _PLACE, "srcs": _PLACE},
    "eigh": {
        "algorithm": "which of jax's methods to use: ours is Jacobi's",
    },
    "gather": {"unique_indices": _PROMISE},
    "qr": {"use_magma": "which of jax's libraries to use"},
    "reshape": {"new_sizes": _FORM},
    "reveal_inside": {"label": "the name to which the caller has agreed, which was settled when traced"},
    "scan": {
        "linear": "of older versions of jax: what its own transposition needs",
        "unroll": "how many turns jax compiles at once",
    },
    "scatter": {"update_consts": "part of the sub-program that is made of `update_jaxpr`"},
    **{
        f"scatter-{way}": {"unique_indices": _PROMISE, "update_consts": _NAMED, "update_jaxpr": _NAMED}
        for way in ("add", "max", "min", "mul", "sub")
    },
    "squeeze": {"dimensions": _FORM},
    "svd": {"algorithm": "which of jax's methods to use: ours is Jacobi's"},
    "top_k": {"is_stable": "of newer versions of jax: equal numbers keep their order here anyway"},
    "triangular_solve": {"conjugate_a": "a secret is no complex number"},
}
"""Parameters that change nothing here, and why; under "" those that mean the same wherever they occur."""


def check_parameters(step: PlanStep, place: str) -> None:
    """Look whether all that a primitive of the table was told is understood.

    Raises:
        NotComputable: it has a parameter that nobody knows, and that says something.
    """
    known = HONOURED.get(step.name, frozenset())
    for name, value in step.params.items():
        if name in known or name in CONTROL.get(step.name, ()) or is_irrelevant(step.name, name):
            continue
        if not fingerprint.says_nothing(value):
            raise NotComputable(
                f"`{step.name}` with {name}={value} cannot be computed on secrets{place}",
                fix=f"leave out {name}, or use the version of jax that junto is tested with",
            )


def is_irrelevant(primitive: str, name: str) -> bool:
    """Whether the parameter changes nothing here."""
    return name in IRRELEVANT[""] or name in IRRELEVANT.get(primitive, {})

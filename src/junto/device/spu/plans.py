"""The plans of an SPU's calls: traced once for each function, shape and visibility of its arguments.

Whatever can be refused is refused here, for a call and for its explanation alike: before an operation begins,
at every party, in every mode.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from junto.device.spu.call_forms import Described, SecretInput, SpuCall, digest_of
from junto.device.spu.layout import ArrayLayout, wide_numbers
from junto.device.spu.plan_runner import rehearse
from junto.errors import DeviceError, NotComputable
from junto.mpc.plan import Plan, argument_names, jax_array, split_static, trace
from junto.mpc.settings import MpcSettings, NumberForm
from junto.mpc.underflow import check_sizes
from junto.mpc.visibility import PlannedReveal, disclosures, place, visible

Input = SecretInput | Described | NDArray[Any]

MOST = 1024
"""A script that makes a new function for each call would otherwise fill the memory with plans."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Planned:
    """A plan, what it reveals; `passed`: for which public arguments it was rehearsed."""

    plan: Plan
    disclosures: tuple[PlannedReveal, ...]
    passed: set[tuple[MpcSettings, bytes]] = field(default_factory=set)

    @property
    def fingerprint(self) -> str:
        """See `Plan.fingerprint`."""
        return self.plan.fingerprint

    def leaves(self, settings: MpcSettings, own: NumberForm | None) -> list[ArrayLayout]:
        """The looks of its results in a call with those settings.

        Args:
            settings: of the call.
            own: how its results are held, unless they are made of squares; None: as the SPU holds numbers.
        """
        made = zip(self.plan.outputs, self.plan.results(settings), strict=True)
        return [
            ArrayLayout(np.dtype(form.dtype).name, form.shape).held_as(
                own if settings.held(less) == settings.result else settings.held(less)
            )
            for form, less in made
        ]

    def as_tree(self, results: Sequence[Any]) -> Any:
        """The results as the function returns them."""
        return jax.tree_util.tree_unflatten(self.plan.out_tree, results)


class Plans:
    """A cache of plans; one for each SPU, whose `numbers` these are.

    Args:
        numbers: how the SPU holds numbers.
        go_on: raises if the run cannot go on, which a script is to hear while a long function is planned.
    """

    def __init__(self, numbers: MpcSettings, go_on: Callable[[], None]) -> None:
        self._numbers = numbers
        self._go_on = go_on
        self._known: dict[Any, Planned] = {}

    def get(
        self, call: SpuCall, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Planned, list[Any], MpcSettings]:
        """The plan of a call, its arguments in the plan's order, and its numbers.

        Raises:
            NotComputable: the function cannot be computed on secrets, or reveals what nobody has agreed to.
            Whatever the function raises when it is traced.
        """
        static, positional, named = split_static(call.function, args, kwargs, call.static)
        leaves, tree = jax.tree_util.tree_flatten((tuple(positional), named))
        x64 = wide_numbers()
        try:
            inputs = [leaf if _is_abstract(leaf) else jax_array(leaf, x64) for leaf in leaves]
        except NotComputable:  # say it again, with the argument's name
            for leaf, name in zip(leaves, argument_names(static, positional, named), strict=True):
                if not _is_abstract(leaf):
                    jax_array(leaf, x64, name)
            raise
        key = (call.function, _typed(_hashable(static)), tree, x64, tuple(_key(item) for item in inputs))
        planned = self._known.get(key)
        if planned is None:
            abstract = [_abstract(item) for item in inputs]
            shapes, names = _restored(args, kwargs, inputs, abstract)
            plan = trace(call.function, shapes, names, call.static, self._go_on)
            secret = [_is_secret(item) for item in inputs]
            visible(plan, secret)
            planned = Planned(plan, disclosures(plan, secret))
            if len(self._known) >= MOST:
                self._known.pop(next(iter(self._known)))
            self._known[key] = planned
        _expect_agreement(call, planned.disclosures)
        given = [_held(item, self._numbers) for item in inputs]
        settings = self._numbers.call(call.form(self._numbers), given)
        self._rehearse(planned, inputs, settings)
        return planned, inputs, settings

    def _rehearse(self, planned: Planned, inputs: Sequence[Input], settings: MpcSettings) -> None:
        """Once for each plan and its public arguments, if more is known of those than shapes."""
        if any(isinstance(item, Described) and not item.secret for item in inputs):
            check_sizes(planned.plan.block, list(map(_is_secret, inputs)), settings.fraction, place)
            return
        public = [None if _is_secret(item) else item for item in inputs]
        about = b"".join(digest_of(item) for item in public if item is not None)
        if (settings, about) not in planned.passed:
            rehearse(planned.plan, public, settings, self._go_on)
            if len(planned.passed) >= MOST:
                planned.passed.clear()
            planned.passed.add((settings, about))


def _expect_agreement(call: SpuCall, found: Sequence[PlannedReveal]) -> None:
    """Nothing is revealed because a function says so: whoever calls it has to."""
    missing = [each for each in found if call.reveals is not None and each.name not in call.reveals]
    if missing:
        names = sorted({each.name for each in found})
        raise NotComputable(
            f"{call.name} would reveal to all parties of the SPU what this call does not agree to: "
            + "; ".join(map(str, missing)),
            fix=f"if all of them may know it: spu({call.name}, reveals={names})(...), at every party",
        )


def _restored(
    args: tuple[Any, ...], kwargs: dict[str, Any], inputs: Sequence[Any], abstract: Sequence[Any]
) -> tuple[Any, Any]:
    """The arguments with shapes in place of secrets (static ones untouched)."""
    of_item = {id(item): form for item, form in zip(inputs, abstract, strict=True)}
    swap = lambda leaf: of_item[id(leaf)] if _is_abstract(leaf) else leaf  # noqa: E731
    shapes, names = jax.tree_util.tree_map(swap, (args, kwargs), is_leaf=_is_abstract)
    return shapes, names


def _is_abstract(leaf: Any) -> bool:
    return isinstance(leaf, SecretInput | Described)


def _is_secret(item: Input) -> bool:
    return isinstance(item, SecretInput) or (isinstance(item, Described) and item.secret)


def _held(item: Input, numbers: MpcSettings) -> NumberForm | None:
    """How an argument is held, if it is a secret number."""
    if not isinstance(item, SecretInput | Described) or not _is_secret(item) or item.leaf.dtype == "bool":
        return None
    return item.leaf.form(numbers)


def _abstract(item: Input) -> Any:
    if isinstance(item, SecretInput | Described):
        return jax.ShapeDtypeStruct(item.leaf.shape, item.leaf.dtype)  # type: ignore[no-untyped-call]
    return item


def _key(item: Input) -> tuple[Any, ...]:
    about = item.leaf if isinstance(item, SecretInput | Described) else item
    return (_is_secret(item), str(about.dtype), about.shape)


def _typed(value: Any) -> Any:
    """`value`, told apart from what equals it: 1, 1.0 and True trace to different plans."""
    if isinstance(value, tuple):
        return type(value), tuple(map(_typed, value))
    if isinstance(value, frozenset):
        return type(value), frozenset(map(_typed, value))
    return type(value), repr(value) if isinstance(value, float | complex) else value


def _hashable(static: Any) -> Any:
    places, named = static
    values = (tuple(sorted(places.items())), tuple(sorted(named.items())))
    try:
        hash(values)
    except TypeError as error:
        raise DeviceError(
            "a static argument cannot be hashed, so that no plan can be kept for it",
            fix="pass a tuple in place of a list, or leave it out of static_argnames",
        ) from error
    return values

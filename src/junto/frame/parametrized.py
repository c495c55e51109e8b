"""What models and preprocessing have in common with scikit-learn's estimators: parameters, and copies.

What `fit` has learned never changes, and lives at its owners or on an SPU: copies hold the same handles, and
no pickle can hold them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import MISSING, Field, dataclass, fields, replace
from typing import Any, ClassVar, Self

from junto.device.boundary import Scripted
from junto.device.handle import Device
from junto.errors import JuntoError

NESTED = "__"
"""Between a parameter and one of its own: ``estimator__alpha``."""


@dataclass(frozen=True, eq=False, repr=False)
class Parametrized(metaclass=Scripted):
    """A frozen dataclass whose fields are parameters, but for those that its constructor does not take.

    `get_params`, `set_params`, `repr`, `sklearn.base.clone` and copies are as scikit-learn has them. A model
    holds a device of the job, and what was learned holds handles: such are not pickled.
    """

    mistake: ClassVar[type[JuntoError]]
    """Of what error misuse is."""

    def __post_init__(self) -> None:
        """Raise an error unless the parameters, which are each what it may be, make sense together."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name.

        Args:
            deep: whether those of parameters come, too: ``estimator__alpha``.
        """
        own = {each.name: getattr(self, each.name) for each in _parameters(self)}
        inner = {
            f"{name}{NESTED}{key}": each
            for name, value in own.items()
            if deep and isinstance(value, Parametrized)
            for key, each in value.get_params().items()
        }
        return {**own, **inner}

    def with_params(self, **changes: Any) -> Self:
        """The same, not fitted, with other parameters.

        Args:
            changes: parameters by name, as `get_params` has them.

        Raises:
            JuntoError: there is no such parameter, or it makes no sense.
        """
        own: dict[str, Any] = {}
        inner: dict[str, dict[str, Any]] = {}
        for name, value in changes.items():
            first, nested, rest = name.partition(NESTED)
            if nested:
                inner.setdefault(first, {})[rest] = value
            else:
                own[name] = value
        known = self.get_params(deep=False)
        unknown = set(own) - set(known)
        for first, values in inner.items():
            holder = own.get(first, known.get(first))
            if isinstance(holder, Parametrized):
                has = holder.get_params()
                changed = any(name not in has or has[name] is not value for name, value in values.items())
                own[first] = holder.with_params(**values) if changed else holder
            else:
                unknown |= {f"{first}{NESTED}{rest}" for rest in values}
        if unknown:
            raise self.mistake(
                f"{type(self).__name__} has no parameter {', '.join(sorted(unknown))}",
                fix=f"it has {', '.join(sorted(known))}",
            )
        return replace(self, **own)

    def set_params(self, **changes: Any) -> Self:
        """Change parameters of what is not fitted; returns it.

        Args:
            changes: as in `with_params`.

        Raises:
            JuntoError: as `with_params`; it is fitted: what it has learned is of the parameters that it had.
        """
        other = self.with_params(**changes)
        if changes and self._has_learned():
            raise self.mistake(
                f"{self!r} is fitted, and what it has learned is of these parameters",
                fix="with_params(...) or sklearn.base.clone(...) make another one, which is not fitted",
            )
        for name in self.get_params(deep=False):
            object.__setattr__(self, name, getattr(other, name))
        return self

    def __repr__(self) -> str:
        changed = [
            f"{each.name}={self._shown(each.name)}" for each in _parameters(self) if _changed(self, each)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_clone__(self) -> Self:
        """Not fitted, nor is what it holds."""
        held = {name: each for name, each in self.get_params(False).items() if isinstance(each, Parametrized)}
        return self.with_params(**{name: each.__sklearn_clone__() for name, each in held.items()})

    def __copy__(self) -> Self:
        return self._copied(lambda value: value)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._copied(lambda value: deepcopy(value, memo))

    def __reduce_ex__(self, protocol: Any) -> Any:
        if self._has_learned():
            raise self.mistake(
                f"{self!r} cannot be pickled: what it has learned lives at its owners, or in shares",
                fix=self._keeps(),
            )
        if held := [name for name, each in self.get_params().items() if isinstance(each, Device)]:
            raise self.mistake(
                f"{self!r} cannot be pickled: its {', '.join(held)} is a device of this job",
                fix="keep get_params() without it, and make another one of them in the other script",
            )
        return super().__reduce_ex__(protocol)

    def _keeps(self) -> str:
        """What to do to keep what was learned."""
        return "let each party keep what the attributes show it of its own"

    def _has_learned(self) -> bool:
        return any(getattr(self, each.name) is not None for each in fields(self) if not each.init)

    def _copied(self, of: Callable[[Any], Any]) -> Self:
        """Another one with copies of its parameters, and what it has learned."""
        made = object.__new__(type(self))
        for each in fields(self):
            value = getattr(self, each.name)
            object.__setattr__(made, each.name, of(value) if each.init else value)
        return made

    def _shown(self, name: str) -> str:
        value = getattr(self, name)
        return str(getattr(value, "name", value)) if isinstance(value, Device) else repr(value)

    def _all_shown(self) -> Mapping[str, str]:
        """Of a card."""
        return {each.name: self._shown(each.name) for each in _parameters(self)}


def _parameters(owner: Parametrized) -> list[Field[Any]]:
    return [each for each in fields(owner) if each.init]


def _changed(owner: Parametrized, each: Field[Any]) -> bool:
    value, default = getattr(owner, each.name), each.default
    if default is MISSING or type(value) is not type(default) or value != default:
        return True
    return repr(value) != repr(default)  # (False, True) is (0, 1) to Python

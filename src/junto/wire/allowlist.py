"""Which names restricted pickle may resolve: the policy's list, minus what no list can open.

A list names classes and functions by module and name. "*" stands for the classes *defined* in that
module, neither what it imports nor its functions. Whatever is listed, refused are: dotted names,
names with ``__``, metaclasses, modules, anything of the standard library but a few data types, and
anything of the libraries whose values the codec itself carries (entries for numpy are accepted and
not needed). A listed class is code that the peer may construct with data of its choice: list only
classes for which that is harmless.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

from junto.errors import ConfigError, MalformedBytes

# Of the standard library: data types that reach nothing. All else is refused, even if listed.
_STANDARD: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "builtins": frozenset({"object"}),
        "collections": frozenset({"OrderedDict", "defaultdict", "deque", "Counter"}),
        "ipaddress": frozenset({"IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network"}),
        "pathlib": frozenset({"PurePath", "PurePosixPath", "PureWindowsPath"}),
    }
)
_CARRIED: Final = frozenset({"numpy", "pandas", "polars", "pyarrow", "jax", "jaxlib", "ml_dtypes", "junto"})


_OPEN: Final = (
    "of the standard library "
    + ", ".join(f"{module}.{name}" for module, names in _STANDARD.items() for name in sorted(names))
    + " may be listed"
)


def check_list(allowed: Mapping[str, tuple[str, ...]]) -> None:
    """Raise ConfigError for an entry that could never resolve to anything, or would to everything."""
    for module, names in allowed.items():
        if "*" in module or not module:
            raise ConfigError(
                "cross_silo_serializing_allowed_list: a module cannot be a wildcard",
                fix='name each module: {"my.module": ["MyClass"]}',
            )
        for name in names:
            if "." in name or "__" in name or ("*" in name and name != "*"):
                raise ConfigError(
                    f"cross_silo_serializing_allowed_list: {module}: {name!r} is no plain name",
                    fix="write the name alone, without dots and double underscores",
                )
            if _is_closed(module, name):
                raise ConfigError(
                    f"cross_silo_serializing_allowed_list: {module}: {name!r} is never taken from a pickle: "
                    "it belongs to the standard library and is no plain data type",
                    fix="leave it out; " + _OPEN,
                )


def resolve(module: str, name: str, allowed: Mapping[str, tuple[str, ...]]) -> Any:
    """The class or function of that name, if the policy lists it. Raises MalformedBytes."""
    if type(module) is not str or type(name) is not str or "." in name or "__" in name:
        raise MalformedBytes("a name in it has dots or double underscores")
    root = module.partition(".")[0]
    if root in _CARRIED:
        raise MalformedBytes(f"values of {root} travel by the codec itself, never in a pickle")
    names = allowed.get(module, ())
    if name not in names and "*" not in names:
        raise MalformedBytes("it is not in cross_silo_serializing_allowed_list")
    if _is_closed(module, name):
        raise MalformedBytes("it belongs to the standard library and is no data type")
    found = vars(import_module(module)).get(name)
    _check_kind(found, module, name, exact=name in names)
    return found


def _is_closed(module: str, name: str) -> bool:
    """Whether it is of the standard library and nothing that a list can open ("*" can open what is)."""
    root = module.partition(".")[0]
    if root not in sys.stdlib_module_names or root == "__main__":
        return False
    opened = _STANDARD.get(module, frozenset())
    return not opened if name == "*" else name not in opened


def _check_kind(found: Any, module: str, name: str, *, exact: bool) -> None:
    home = getattr(found, "__module__", None)
    if not isinstance(found, type | types.FunctionType) or not isinstance(home, str):
        raise MalformedBytes("it is neither a class nor a plain function")
    if isinstance(found, type) and issubclass(found, type):
        raise MalformedBytes("it is a metaclass")
    bases = found.__mro__ if isinstance(found, type) else ()
    if any(base.__module__.partition(".")[0] in _CARRIED for base in bases):
        raise MalformedBytes("it is a subclass of what the codec itself carries")
    root = home.partition(".")[0]
    standard = root in sys.stdlib_module_names and root != "__main__"
    if (standard and found.__name__ not in _STANDARD.get(home, ())) or root in _CARRIED:
        raise MalformedBytes("behind the name is something that may not be in a pickle")
    if not exact and (not isinstance(found, type) or home != module or found.__qualname__ != name):
        raise MalformedBytes("'*' stands for classes defined in the module, not for functions and imports")

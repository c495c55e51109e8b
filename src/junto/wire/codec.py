"""The one door between values and a peer's bytes.

The receiver supplies the types, the peer supplies data: no name that could be imported goes over
the wire, except through the pickle opt-in, which resolves a fixed list and nothing else.
"""

from __future__ import annotations

from typing import Any

from junto.errors import CannotTravel, MalformedBytes
from junto.extras import missing
from junto.wire import records, value_tags
from junto.wire.decode import Reader
from junto.wire.encode import Encoder
from junto.wire.payload import Payload, Summary
from junto.wire.policy import WirePolicy

_WITH_SHAPE = frozenset(("numpy", "jax", "jaxlib", "scipy", "pandas", "polars", "pyarrow"))


def encode(value: Any, policy: WirePolicy) -> Payload:
    """Encode `value` without copying contiguous arrays (do not change them until it is sent).

    Raises CannotTravel if it, or something in it, is not of the closed set or too large; the
    message names the type, never the data.
    """
    encoder = Encoder(policy)
    try:
        encoder.write(value)
    except RecursionError:
        raise CannotTravel(
            "the value is nested too deeply, or contains itself",
            fix="send its parts by themselves, or in an array",
        ) from None
    return encoder.payload(summarise(value))


def decode(data: memoryview, policy: WirePolicy) -> Any:
    """Decode the bytes of one value.

    Arrays are writable views of `data`, which therefore must not be reused; if `data` is read-only
    they are copies. Nothing is allocated beyond a constant multiple of the bytes received.

    Raises MalformedBytes, and nothing else, whatever the bytes are.
    """
    try:
        reader = Reader(data.cast("B"), policy)
        value = reader.value()
        reader.finish()
    except MalformedBytes:
        raise
    except ModuleNotFoundError as error:
        raise MalformedBytes(
            f"the value needs the package {error.name}, which is not installed here",
            fix=known.fix if (known := missing(error)) else f"pip install {error.name}",
        ) from None
    except Exception as error:  # a library's own complaint about a peer's data; its text may quote the data
        raise MalformedBytes(f"the value cannot be rebuilt ({type(error).__name__})") from None
    return value


def check_policy(policy: WirePolicy) -> None:
    """Raise ConfigError if a registered type cannot be one, or an entry for pickles means nothing."""
    records.check_types(policy.types)
    if policy.pickle is not None:
        from junto.wire.allowlist import check_list

        check_list(policy.pickle)


def policy_fingerprint(policy: WirePolicy) -> dict[str, str]:
    """What two parties must have in common, one readable line each, for the handshake to compare.

    Raises ConfigError; see `check_policy`.
    """
    check_policy(policy)
    limits = policy.limits
    lines = {
        "wire version": str(value_tags.VERSION),
        "wire limit max_depth": str(limits.max_depth),
        "wire limit max_nodes": str(limits.max_nodes),
        "wire limit max_header_bytes": str(limits.max_header_bytes),
        "wire limit max_value_bytes": str(limits.max_value_bytes),
        "wire pickle": "off" if policy.pickle is None else "restricted",
    }
    for name, kind in sorted(policy.types.items()):
        lines[f"wire type {name}"] = records.schema(kind)
    for module, names in sorted((policy.pickle or {}).items()):
        lines[f"wire pickle {module}"] = ", ".join(sorted(names))
    return lines


def summarise(value: Any) -> Summary:
    """What the ledger may say of `value`: its type and shape, never its content."""
    kind = type(value)
    shape: Any = None
    name = kind.__name__
    if kind.__module__.partition(".")[0] in _WITH_SHAPE:
        shape = getattr(value, "shape", None)
        if name == "ndarray":
            name = f"ndarray[{value.dtype}]"
    if isinstance(shape, tuple):
        return Summary(name, tuple(int(size) for size in shape))
    return Summary(name)

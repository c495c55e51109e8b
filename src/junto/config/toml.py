"""`config=`: a TOML file with the keys of `sf.init`; relative paths in it are relative to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from junto.config.section import expanded
from junto.errors import ConfigError

_PATHS = (
    ("ledger",),
    ("spill_dir",),
    ("tls_config", "ca_cert"),
    ("tls_config", "cert"),
    ("tls_config", "key"),
    ("tls_config", "key_password"),
)
_PEM = "-----BEGIN "
_MERGED = ("cluster_config", "tls_config", "cross_silo_comm_options")


def read_toml(path: str) -> dict[str, Any]:
    """The file's settings. Raises ConfigError if it cannot be read or is no TOML."""
    import tomllib

    file = expanded(path)
    try:
        settings = tomllib.loads(file.read_bytes().decode("utf-8-sig"))  # some editors write a mark first
    except OSError as error:
        raise ConfigError(
            f"config: {path!r} cannot be read: {error.strerror}",
            fix="check the path, and that this account may read it",
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"config: {path!r} is no text in UTF-8", fix="save it in this encoding") from None
    except (ValueError, RecursionError) as error:
        if "\0" in path:
            raise ConfigError(f"config: {path!r} is no path", fix="give a text, or a pathlib.Path") from None
        twice = "twice" in str(error) or "overwrite" in str(error)
        hint = "a table or key may stand in it once only; " if twice else ""
        raise ConfigError(
            f"config: {path!r} is not valid TOML: {error}",
            fix=f"{hint}`junto certs template` prints a complete example",
        ) from None
    if "config" in settings:
        raise ConfigError(f"config: {path!r} names another configuration file", fix="remove `config` from it")
    for keys in _PATHS:
        _make_absolute(settings, keys, file.absolute().parent)
    return settings


def _make_absolute(settings: dict[str, Any], keys: tuple[str, ...], folder: Path) -> None:
    table: Any = settings
    for key in keys[:-1]:
        table = cast("dict[str, Any]", table).get(key) if isinstance(table, dict) else None
    if not isinstance(table, dict):
        return
    values = cast("dict[str, Any]", table)
    value = values.get(keys[-1])
    scheme = "file:" if keys[-1] == "key_password" else ""
    if isinstance(value, str) and len(value) > len(scheme) and value.startswith(scheme) and _PEM not in value:
        values[keys[-1]] = f"{scheme}{folder / expanded(value.removeprefix(scheme))}"


def merge(file: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The file's settings with the explicit arguments over them.

    `cluster_config`, `tls_config` and `cross_silo_comm_options` are merged key by key (and the parties
    one by one); every other argument replaces the file's value. An argument that is None changes nothing.
    """
    merged = dict(file)
    for key, value in arguments.items():
        if value is None and key in merged:
            continue
        merged[key] = _over(merged.get(key), value) if key in _MERGED else value
    return merged


def _over(base: object, top: object) -> object:
    if not isinstance(base, Mapping) or not isinstance(top, Mapping):
        return top
    result = dict(cast("Mapping[str, Any]", base))
    for key, value in cast("Mapping[str, Any]", top).items():
        result[key] = _over(result.get(key), value)
    return result

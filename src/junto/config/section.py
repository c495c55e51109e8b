"""Reading one table of settings: every error names the place, what was expected and the nearest key."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from junto.config.setting_names import PLACES
from junto.errors import ConfigError

LONGEST_S: Final = 1_000_000
"""Eleven days: gRPC counts milliseconds in 31 bits, and an operating system's waits have an end, too."""


def kind_of(value: object) -> str:
    """The type of a value for an error message; never the value itself, which may be a secret."""
    return "nothing (None)" if value is None else f"a value of type {type(value).__name__}"


def wrong_type(place: str, wanted: str, value: object) -> ConfigError:
    """The error for a value of the wrong type."""
    return ConfigError(f"{place} has to be {wanted}, but it is {kind_of(value)}", fix=f"give {wanted}")


def expanded(path: str) -> Path:
    """With the home folder in place of ``~``; of a user who has none it stays, and there is no such file."""
    return Path(os.path.expanduser(path))


def as_table(place: str, value: object) -> Mapping[str, Any]:
    """`value` as a table with text keys, or ConfigError."""
    if not isinstance(value, Mapping):
        raise wrong_type(place, "a table (dict)", value)
    table = cast("Mapping[object, Any]", value)
    for key in table:
        if not isinstance(key, str):
            raise ConfigError(
                f"{place} has a key of type {type(key).__name__}; keys have to be text",
                fix="put quotes around it",
            )
    return cast("Mapping[str, Any]", table)


class Section:
    """One table of settings with a fixed vocabulary.

    A key that is None counts as not given. Raises ConfigError for a key that is unknown, or known
    but refused (`refused`: key -> reason).
    """

    def __init__(
        self, place: str, values: object, known: tuple[str, ...], refused: Mapping[str, str] | None = None
    ) -> None:
        self.place = place
        self._values = as_table(place or "the settings", values)
        for key, value in self._values.items():
            if key in known:
                continue
            if refused and key in refused:
                if value is not None:
                    raise ConfigError(
                        f"{self.at(key)} means nothing here: {refused[key]}", fix=f"remove {self.at(key)}"
                    )
                continue
            raise self._unknown(key, known)

    def at(self, key: str) -> str:
        """The full place of a key, such as `cluster_config.parties.alice.address`."""
        return f"{self.place}.{key}" if self.place else key

    def _unknown(self, key: str, known: tuple[str, ...]) -> ConfigError:
        where = self.place or "sf.init"
        near = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.6)
        homes = [place for place, keys in PLACES.items() if key in keys]
        if homes:
            fix = f"{key} belongs in {homes[0]}"
        elif near:
            fix = f"did you mean {near[0]}?"
        else:
            fix = f"known here: {', '.join(known)}"
        return ConfigError(f"unknown setting {key!r} in {where}", fix=fix)

    def has(self, key: str) -> bool:
        """Whether the key is there and not None."""
        return self._values.get(key) is not None

    def raw(self, key: str) -> Any:
        """The value as it was given (None: not given)."""
        return self._values.get(key)

    def required(self, key: str, fix: str) -> Any:
        """The value of a key that has to be there."""
        if not self.has(key):
            raise ConfigError(f"{self.at(key)} is missing", fix=fix)
        return self._values[key]

    def text(self, key: str) -> str | None:
        """A text that is not empty."""
        value = self.raw(key)
        if value is None or (isinstance(value, str) and value.strip()):
            return value
        if isinstance(value, str):
            raise ConfigError(f"{self.at(key)} is empty", fix=f"give {self.at(key)} a value or leave it out")
        raise wrong_type(self.at(key), "text", value)

    def path(self, key: str) -> str | None:
        """A path, as text."""
        value = self.raw(key)
        if isinstance(value, os.PathLike):
            value = os.fspath(cast("os.PathLike[str]", value))
        if value is None or (isinstance(value, str) and value.strip()):
            return value
        raise wrong_type(self.at(key), "a path", value)

    def flag(self, key: str, default: bool) -> bool:
        """True or False."""
        value = self.raw(key)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        raise wrong_type(self.at(key), "true or false", value)

    def integer(self, key: str, minimum: int) -> int | None:
        """A whole number of at least `minimum`."""
        value = self.raw(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(self.at(key), "a whole number", value)
        if value < minimum:
            raise ConfigError(
                f"{self.at(key)} is {value}; the least possible is {minimum}",
                fix="give a greater number, or leave it out",
            )
        return value

    def number(self, key: str, *, above: float | None = None, least: float | None = None) -> float | None:
        """A finite number greater than `above`, or not less than `least`."""
        value = self.raw(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type(self.at(key), "a number", value)
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{self.at(key)} is not finite", fix="leave it out for no limit")
        if above is not None and value <= above:
            raise ConfigError(
                f"{self.at(key)} is {value}; it has to be greater than {above:g}",
                fix="give a greater number, or leave it out",
            )
        if least is not None and value < least:
            raise ConfigError(
                f"{self.at(key)} is {value}; it must not be less than {least:g}",
                fix="give a greater number, or leave it out",
            )
        try:
            return float(value)
        except OverflowError:
            raise ConfigError(f"{self.at(key)} is too large for a number", fix="give a smaller one") from None

    def seconds(self, key: str) -> float | None:
        """A positive number of seconds, up to `LONGEST_S`."""
        return self._bearable(key, self.number(key, above=0))

    def milliseconds(self, key: str) -> float | None:
        """A whole number of milliseconds, in seconds; up to `LONGEST_S`."""
        value = self.integer(key, 1)
        return self._bearable(key, None if value is None else min(value, 10**15) / 1000)

    def _bearable(self, key: str, seconds: float | None) -> float | None:
        if seconds is not None and seconds > LONGEST_S:
            raise ConfigError(
                f"{self.at(key)} is longer than {LONGEST_S:,} seconds",
                fix="leave it out, where that stands for no limit, or lower it",
            )
        return seconds

    def table(self, key: str) -> Mapping[str, Any] | None:
        """A nested table."""
        value = self.raw(key)
        return None if value is None else as_table(self.at(key), value)

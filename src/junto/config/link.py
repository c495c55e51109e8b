"""Everything between silos: `cross_silo_comm_options` and our own names for the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from junto.config.grpc_options import parse_channel_options
from junto.config.model import LinkSettings
from junto.config.section import LONGEST_S, Section, expanded, wrong_type
from junto.config.setting_names import COMM, REFUSED_COMM, RETRY
from junto.errors import ConfigError

_DEFAULT = LinkSettings()
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s")


def parse_comm(top: Section) -> Section:
    """`cross_silo_comm_options` as a section (empty if not given)."""
    return Section("cross_silo_comm_options", top.raw("cross_silo_comm_options") or {}, COMM, REFUSED_COMM)


def parse_link(top: Section, comm: Section) -> LinkSettings:
    """The settings between silos from the top level and `cross_silo_comm_options`. Raises ConfigError."""
    initial, longest, multiplier, covered = _retry(comm)
    peer_timeout = _peer_timeout(top, comm, covered)
    if longest >= peer_timeout:
        raise ConfigError(
            f"a pause of {longest:g} s between two attempts to connect is not shorter than the "
            f"{peer_timeout:g} s of silence after which a party counts as unreachable, so no broken "
            "link could ever come back",
            fix="lower maxBackoff in grpc_retry_policy, or raise timeout_in_ms (or peer_timeout_s)",
        )
    heartbeat = top.seconds("heartbeat_s") or min(_DEFAULT.heartbeat_s, peer_timeout / 4)
    if heartbeat > peer_timeout / 2:
        raise ConfigError(
            f"heartbeat_s is {heartbeat:g}, more than half of the {peer_timeout:g} s of silence after "
            "which a party counts as unreachable: one lost heartbeat would end the run",
            fix="lower heartbeat_s, or raise peer_timeout_s",
        )
    return LinkSettings(
        peer_timeout_s=peer_timeout,
        heartbeat_s=heartbeat,
        meet_timeout_s=top.seconds("meet_timeout_s"),
        wait_timeout_s=top.seconds("wait_timeout_s"),
        max_value_bytes=comm.integer("messages_max_size_in_bytes", 1),
        quota_bytes=top.integer("quota_bytes", 1 << 20) or _DEFAULT.quota_bytes,
        spill_dir=_folder(top, "spill_dir"),
        exit_on_sending_failure=comm.flag("exit_on_sending_failure", False),
        sending_failure_handler=_handler(comm),
        channel_options=parse_channel_options(
            comm.at("grpc_channel_options"), comm.raw("grpc_channel_options")
        ),
        retry_initial_s=initial,
        retry_max_s=longest,
        retry_multiplier=multiplier,
    )


def _peer_timeout(top: Section, comm: Section, covered: float) -> float:
    own = top.seconds("peer_timeout_s")
    other = comm.milliseconds("timeout_in_ms")
    if own is not None and other is not None and own != other:
        raise ConfigError(
            f"peer_timeout_s is {own:g} s and timeout_in_ms {other:g} s: they are one setting",
            fix="keep one of them",
        )
    if own is not None:
        return own
    return other or max(_DEFAULT.peer_timeout_s, min(covered, LONGEST_S))


def _retry(comm: Section) -> tuple[float, float, float, float]:
    """(first pause, longest pause, multiplier, time that all attempts cover) in seconds."""
    if not comm.has("grpc_retry_policy"):
        return _DEFAULT.retry_initial_s, _DEFAULT.retry_max_s, _DEFAULT.retry_multiplier, 0.0
    retry = Section(comm.at("grpc_retry_policy"), comm.raw("grpc_retry_policy"), RETRY)
    initial = _duration(retry, "initialBackoff")
    longest = _duration(retry, "maxBackoff")
    initial = (
        initial if initial is not None else min(_DEFAULT.retry_initial_s, longest or _DEFAULT.retry_max_s)
    )
    longest = longest if longest is not None else max(_DEFAULT.retry_max_s, initial)
    if longest < initial:
        raise ConfigError(
            f"{retry.at('maxBackoff')} ({longest:g} s) is shorter than initialBackoff ({initial:g} s)",
            fix="raise maxBackoff",
        )
    multiplier = retry.number("backoffMultiplier", least=1) or _DEFAULT.retry_multiplier
    _check_status_codes(retry)
    attempts = min(retry.integer("maxAttempts", 2) or 5, 1000)
    pauses = 0.0
    pause = initial
    for _ in range(attempts - 1):
        pauses += pause
        pause = min(pause * multiplier, longest)
    return initial, longest, multiplier, pauses


def _duration(section: Section, key: str) -> float | None:
    """A duration as gRPC's service config writes it: "0.1s"."""
    value = section.raw(key)
    if value is None:
        return None
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        shown = f"{value!r}" if isinstance(value, str | int | float) else f"of type {type(value).__name__}"
        raise ConfigError(
            f'{section.at(key)} is {shown}, not a duration such as "0.1s"', fix='write seconds, "5s"'
        )
    if float(match[1]) <= 0:
        raise ConfigError(
            f"{section.at(key)} is {value!r}; it has to be greater than 0",
            fix="give a number above 0, or leave it out",
        )
    return float(match[1])


def _check_status_codes(retry: Section) -> None:
    codes = retry.raw("retryableStatusCodes")
    if codes is None:
        return
    place = retry.at("retryableStatusCodes")
    if not isinstance(codes, list | tuple):
        raise wrong_type(place, 'a list such as ["UNAVAILABLE"]', codes)
    names = [str(code).upper() for code in cast("list[object]", codes)]
    other = [name for name in names if name != "UNAVAILABLE"]
    if other or not names:
        raise ConfigError(
            f'{place} has to be ["UNAVAILABLE"]: what is repeated is a broken connection; '
            "every other status is a peer's answer and would be the same again",
            fix=f"remove {', '.join(other)}" if other else 'write ["UNAVAILABLE"] or leave it out',
        )


def _handler(comm: Section) -> Callable[[Exception], Any] | None:
    value = comm.raw("sending_failure_handler")
    if value is None or callable(value):
        return cast("Callable[[Exception], Any] | None", value)
    raise wrong_type(comm.at("sending_failure_handler"), "a function that takes the error", value)


def _folder(section: Section, key: str) -> str | None:
    path = section.path(key)
    if path is not None and not expanded(path).is_dir():
        raise ConfigError(
            f"{section.at(key)} is {path!r}, which is no folder", fix="create it, or leave it out"
        )
    return None if path is None else str(expanded(path))


def parse_allowed_list(top: Section, comm: Section) -> Mapping[str, tuple[str, ...]] | None:
    """The restricted pickle's list, under either of its two names. Raises ConfigError."""
    here, there = top.raw("cross_silo_serializing_allowed_list"), comm.raw("serializing_allowed_list")
    if here is not None and there is not None and here != there:
        raise ConfigError(
            "cross_silo_serializing_allowed_list and serializing_allowed_list (in cross_silo_comm_options) "
            "differ, but they are one setting",
            fix="keep one of them",
        )
    section, key = (
        (top, "cross_silo_serializing_allowed_list")
        if here is not None
        else (comm, "serializing_allowed_list")
    )
    table = section.table(key)
    if table is None:
        return None
    return {module: _names(f"{section.at(key)}[{module!r}]", names) for module, names in table.items()}


def _names(place: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise wrong_type(place, 'a list of names, or ["*"]', value)
    names = tuple(cast("list[object]", value))
    for name in names:
        if not isinstance(name, str) or not (name == "*" or name.isidentifier()):
            raise ConfigError(
                f"{place} holds {name!r}, which is no plain name",
                fix='list the names of classes and functions of that module without dots, or ["*"]',
            )
    return cast("tuple[str, ...]", names)

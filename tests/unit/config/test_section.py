"""One table of settings: what it takes, and how it says where something else stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from junto.config import build_settings
from junto.config.section import LONGEST_S, Section, expanded
from junto.config.spu_settings import parse_spu
from junto.errors import ConfigError

KNOWN = ("name", "pause_s", "pause_ms", "count")
PLACES = {"alice": {"address": "127.0.0.1:9001"}, "bob": {"address": "127.0.0.1:9002"}}


def section(**values: Any) -> Section:
    return Section("table", values, KNOWN, {"old": "it is gone"})


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"nmae": 1}, "unknown setting 'nmae' in table"),
        ({"old": 1}, "table.old means nothing here: it is gone"),
    ],
)
def test_a_key_that_is_none_is_named_with_the_nearest(values: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        section(**values)
    assert caught.value.fix in ("did you mean name?", "remove table.old")


def test_a_key_that_is_refused_may_be_there_without_a_value() -> None:
    assert section(old=None, name=" x ").text("name") == " x "


@pytest.mark.parametrize("value", [True, "1", 1.5, None, [], 0])
def test_whole_numbers_are_no_truth_values_texts_or_fractions(value: Any) -> None:
    if value is None:
        assert section(count=value).integer("count", 1) is None
        return
    with pytest.raises(ConfigError, match=r"table\.count"):
        section(count=value).integer("count", 1)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 10**400, -1, 0, True, "9", 1e300, LONGEST_S + 1]
)
def test_seconds_are_finite_positive_and_no_more_than_a_machine_waits(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"table\.pause_s"):
        section(pause_s=value).seconds("pause_s")


def test_seconds_up_to_the_longest_are_taken_in_either_unit() -> None:
    assert section(pause_s=LONGEST_S).seconds("pause_s") == LONGEST_S
    assert section(pause_ms=1000 * LONGEST_S).milliseconds("pause_ms") == LONGEST_S
    assert section(pause_ms=1).milliseconds("pause_ms") == 0.001
    assert section().milliseconds("pause_ms") is None


@pytest.mark.parametrize(
    "key", ["peer_timeout_s", "heartbeat_s", "meet_timeout_s", "wait_timeout_s", "timeout_in_ms"]
)
@pytest.mark.parametrize("value", [10**10, 10**400])
def test_each_setting_of_time_has_that_bound(key: str, value: int) -> None:
    """One that was longer ended the run with an OverflowError, or at its end."""
    where = {"cross_silo_comm_options": {key: value}} if key == "timeout_in_ms" else {key: value}
    with pytest.raises(ConfigError, match=f"{key} is (longer than|too large)"):
        build_settings({"cluster_config": {"self_party": "alice", "parties": PLACES}, **where})


@pytest.mark.parametrize(
    "link",
    [{"recv_timeout_ms": 10**10}, {"connect_retry_interval_ms": 10**10}, {"connect_retry_times": 10**8}],
)
def test_so_has_the_link_of_an_spu(link: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="longer than 1,000,000 seconds"):
        parse_spu(None, link, ["alice", "bob"], ("alice", "bob"), False)


def test_a_home_that_is_none_stays_as_it_is_written() -> None:
    assert expanded("~") == Path.home()
    assert str(expanded("~nobody-of-this-name/x")) == "~nobody-of-this-name/x"

"""What holds between the settings of silence, heartbeats and pauses, whichever names they were given by."""

import pytest

from junto.config.link import parse_allowed_list, parse_comm, parse_link
from junto.config.section import Section
from junto.config.setting_names import COMM, TOP
from junto.errors import ConfigError


def parsed(comm=None, **top):
    section = Section("", {**top, "cross_silo_comm_options": comm}, TOP)
    return parse_link(section, parse_comm(section))


@pytest.mark.parametrize("timeout_s", [0.5, 2.0, 10.0, 60.0, 600.0])
def test_silence_has_one_length_under_both_names_and_a_heartbeat_fits_into_it_twice(timeout_s):
    link = parsed(peer_timeout_s=timeout_s, comm={"grpc_retry_policy": {"maxBackoff": "0.2s"}})
    milliseconds = {"timeout_in_ms": int(timeout_s * 1000), "grpc_retry_policy": {"maxBackoff": "0.2s"}}
    assert parsed(milliseconds) == link
    assert link.peer_timeout_s == timeout_s
    assert 2 * link.heartbeat_s <= link.peer_timeout_s
    assert link.retry_initial_s <= link.retry_max_s < link.peer_timeout_s
    for beat, fits in ((timeout_s / 2, True), (timeout_s / 2 + 0.01, False)):
        if fits:
            assert parsed(milliseconds, heartbeat_s=beat).heartbeat_s == beat
        else:
            with pytest.raises(ConfigError, match="heartbeat_s"):
                parsed(milliseconds, heartbeat_s=beat)


@pytest.mark.parametrize(
    ("comm", "top", "said"),
    [
        ({"timeout_in_ms": 1000}, {"peer_timeout_s": 2}, "one setting"),
        ({"timeout_in_ms": 1000, "grpc_retry_policy": {"maxBackoff": "1s"}}, {}, "not shorter"),
        (
            {"grpc_retry_policy": {"initialBackoff": "2s", "maxBackoff": "1s"}},
            {},
            "shorter than initialBackoff",
        ),
        ({"grpc_retry_policy": {"maxBackoff": "1"}}, {}, "not a duration"),
        ({"grpc_retry_policy": {"maxBackoff": "0s"}}, {}, "greater than 0"),
        ({"grpc_retry_policy": {"retryableStatusCodes": ["INTERNAL"]}}, {}, "UNAVAILABLE"),
        ({"sending_failure_handler": 3}, {}, "a function"),
        ({}, {"spill_dir": "/no/such/folder"}, "no folder"),
    ],
)
def test_what_contradicts_is_refused(comm, top, said):
    with pytest.raises(ConfigError, match=said):
        parsed(comm, **top)


def test_attempts_that_take_longer_than_silence_make_it_longer():
    policy = {"initialBackoff": "5s", "maxBackoff": "10s", "backoffMultiplier": 2, "maxAttempts": 8}
    assert parsed({"grpc_retry_policy": policy}).peer_timeout_s == 5 + 6 * 10


def test_the_list_of_pickles_is_one_under_two_names():
    def listed(top, comm):
        section = Section("", {"cross_silo_serializing_allowed_list": top}, TOP)
        return parse_allowed_list(section, Section("comm", {"serializing_allowed_list": comm}, TOP + COMM))

    assert listed(None, None) is None
    assert listed({"a.b": ["C", "*"]}, None) == listed(None, {"a.b": ["C", "*"]}) == {"a.b": ("C", "*")}
    for top, comm in (({"a": ["B"]}, {"a": ["C"]}), ({"a": "B"}, None), ({"a": ["B.C"]}, None)):
        with pytest.raises(ConfigError):
            listed(top, comm)

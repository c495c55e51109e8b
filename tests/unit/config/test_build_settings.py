"""`build_settings`: what is accepted, and the sentence for everything that is not."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

import pytest

from junto.config import Address, Mode, build_settings
from junto.config.model import LinkSettings
from junto.errors import CertificateError, ConfigError


def cluster(**changes: Any) -> dict[str, Any]:
    parties = {
        "alice": {"address": "127.0.0.1:9001", "listen_addr": "127.0.0.1:9001"},
        "bob": {"address": "127.0.0.1:9002"},
    }
    return {"parties": parties, "self_party": "alice", **changes}


def refused(arguments: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        build_settings(arguments)
    return str(caught.value)


# --- modes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "mode"),
    [
        ({"parties": ["alice", "bob"]}, Mode.SIMULATION),
        ({"parties": ["alice", "bob"], "address": "local"}, Mode.SIMULATION),
        ({"parties": ["alice", "bob"], "address": "10.0.0.1:6379"}, Mode.SIMULATION_RAY),
        ({"parties": ["alice", "bob"], "debug_mode": True}, Mode.DEBUG),
        ({"parties": "alice", "address": "local", "debug_mode": True}, Mode.DEBUG),
        ({"cluster_config": cluster()}, Mode.PRODUCTION),
        ({"cluster_config": cluster(), "address": "10.0.0.1:6379"}, Mode.PRODUCTION),
        ({"cluster_config": cluster(), "address": "local"}, Mode.PRODUCTION),
    ],
)
def test_the_mode_follows_from_what_is_given(arguments: dict[str, Any], mode: Mode) -> None:
    assert build_settings(arguments).mode is mode


def test_ray_is_used_exactly_if_an_address_is_given() -> None:
    assert build_settings({"cluster_config": cluster()}).ray is None
    assert build_settings({"cluster_config": cluster(), "address": "local"}).ray is None
    ray = build_settings({"cluster_config": cluster(), "address": "10.0.0.1:6379", "num_gpus": 1}).ray
    assert ray is not None
    assert (ray.address, ray.num_gpus, ray.num_cpus) == ("10.0.0.1:6379", 1.0, None)


def test_the_guides_cluster_config() -> None:
    settings = build_settings(
        {
            "address": "10.0.0.1:6379",
            "cluster_config": {
                "parties": {
                    "alice": {"address": "alice.bank:9001", "listen_addr": "0.0.0.0:9001"},
                    "bob": {"address": "[2001:db8::1]:9001", "listen_addr": "[::]:9001"},
                },
                "self_party": "bob",
            },
            "cross_silo_serializing_allowed_list": {"numpy.core.numeric": ["*"], "numpy": ["dtype"]},
        }
    )
    assert settings.parties == ("alice", "bob")
    assert settings.self_party == "bob"
    assert settings.cluster["alice"].listen == Address("0.0.0.0", 9001)
    assert str(settings.cluster["bob"].address) == "[2001:db8::1]:9001"
    assert settings.allow_pickle == {"numpy.core.numeric": ("*",), "numpy": ("dtype",)}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "neither parties nor cluster_config"),
        ({"parties": ["a"], "cluster_config": cluster()}, "both parties and cluster_config"),
        ({"cluster_config": cluster(), "debug_mode": True}, "debug_mode"),
        ({"parties": ["a"], "debug_mode": True, "address": "10.0.0.1:1"}, "debug_mode runs without Ray"),
        ({"parties": ["a"], "address": "auto"}, "ray start --head"),
        ({"parties": ["a"], "address": "ray://h:10001"}, "ray start --head"),
        ({"parties": ["a"], "tls_config": {}}, "tls_config is given, but with parties"),
        ({"parties": ["a"], "require_tls": True}, "require_tls is given, but with parties"),
        ({"cluster_config": cluster(), "require_tls": True}, "there is no tls_config"),
        ({"parties": ["a"], "num_gpus": 1}, "only Ray hands out GPUs"),
        ({"parties": ["a"], "runtime_env": {}}, "only Ray makes one"),
        ({"parties": ["a"], "address": "h:1", "workers": 2}, "Ray schedules"),
        ({"parties": ["a"], "num_cpus": 3, "workers": 2}, "one setting"),
    ],
)
def test_contradictions_say_what_to_leave_out(arguments: dict[str, Any], words: str) -> None:
    assert words in refused(arguments)


def test_num_cpus_without_ray_sizes_the_embedded_executor() -> None:
    assert build_settings({"parties": ["a"], "num_cpus": 3}).workers == 3
    assert build_settings({"parties": ["a"], "num_gpus": 0}).workers is None


# --- unknown, meaningless and mistyped keys ---------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "name", "fix"),
    [
        ({"partys": ["a"]}, "unknown setting 'partys' in sf.init", "did you mean parties?"),
        (
            {"parties": ["a"], "timeout_in_ms": 1},
            "'timeout_in_ms' in sf.init",
            "belongs in cross_silo_comm_options",
        ),
        (
            {"cluster_config": cluster(selfparty="a")},
            "'selfparty' in cluster_config",
            "did you mean self_party?",
        ),
        (
            {"cluster_config": {"parties": {"alice": {"adress": "h:1"}}, "self_party": "alice"}},
            "'adress' in cluster_config.parties.alice",
            "did you mean address?",
        ),
        (
            {"cluster_config": cluster(), "tls_config": {"ca": "x"}},
            "'ca' in tls_config",
            "known here: ca_cert, cert, key",
        ),
        (
            {"parties": ["a"], "cross_silo_comm_options": {"message_max_size_in_bytes": 1}},
            "'message_max_size_in_bytes' in cross_silo_comm_options",
            "did you mean messages_max_size_in_bytes?",
        ),
        (
            {"parties": ["a"], "cross_silo_comm_options": {"grpc_retry_policy": {"maxatempts": 1}}},
            "'maxatempts' in cross_silo_comm_options.grpc_retry_policy",
            "did you mean maxAttempts?",
        ),
        (
            {
                "parties": ["a"],
                "cross_silo_comm_options": {"grpc_channel_options": {"grpc.keepalive_time": 1}},
            },
            "'grpc.keepalive_time'",
            "did you mean grpc.keepalive_time_ms?",
        ),
    ],
)
def test_an_unknown_key_names_itself_its_place_and_the_nearest(
    arguments: dict[str, Any], name: str, fix: str
) -> None:
    text = refused(arguments)
    assert name in text
    assert fix in text


@pytest.mark.parametrize("key", ["ray_mode", "auth_manager_config", "party_key_pair", "tee_simulation"])
def test_a_meaningless_key_says_why(key: str) -> None:
    text = refused({"parties": ["a"], key: True})
    assert f"{key} means nothing here: " in text
    assert build_settings({"parties": ["a"], key: None}).parties == ("a",)


@pytest.mark.parametrize(
    "key", ["http_header", "max_concurrency", "proxy_max_restarts", "brpc_retry_count", "use_global_proxy"]
)
def test_a_meaningless_communication_option_says_why(key: str) -> None:
    text = refused({"parties": ["a"], "cross_silo_comm_options": {key: 1}})
    assert f"cross_silo_comm_options.{key} means nothing here: " in text


def test_another_transport_is_refused() -> None:
    assert build_settings({"parties": ["a"], "cross_silo_comm_backend": "grpc"})
    assert "gRPC only" in refused({"parties": ["a"], "cross_silo_comm_backend": "brpc_link"})


def sockets(**places: str) -> dict[str, Any]:
    parties = {
        "alice": {"address": "127.0.0.1:1", **places},
        "bob": {"address": "127.0.0.1:2", "socket_address": "127.0.0.1:4"},
    }
    return {"cluster_config": {"parties": parties, "self_party": "alice"}}


def test_a_bare_socket_has_an_address_of_its_own() -> None:
    both = build_settings(sockets(socket_address="127.0.0.1:3", socket_listen_addr="127.0.0.1:5")).sockets
    assert {name: [str(place) for place in pair] for name, pair in both.items()} == {
        "alice": ["127.0.0.1:3", "127.0.0.1:5"],
        "bob": ["127.0.0.1:4"] * 2,
    }
    assert list(build_settings(sockets()).sockets) == ["bob"]
    for wrong, words in (
        ({"socket_address": "127.0.0.1:1"}, "alice has twice the same address"),
        ({"socket_address": "127.0.0.1:2"}, "alice and bob have the same address"),
        ({"socket_address": "0.0.0.0:3"}, "belongs in socket_listen_addr"),
        ({"socket_listen_addr": "0.0.0.0:3"}, "without socket_address"),
        ({"socket_address": "alice.bank:3"}, "needs TLS as soon as it leaves the machine: alice.bank:3"),
        ({"socket_address": "127.0.0.1:3", "socket_listen_addr": "0.0.0.0:3"}, "needs TLS"),
    ):
        assert words in refused(sockets(**wrong))


def test_listen_address_is_not_silently_dropped() -> None:
    parties = {"alice": {"address": "127.0.0.1:1", "listen_address": "127.0.0.1:2"}}
    assert "it is called listen_addr" in refused(
        {"cluster_config": {"parties": parties, "self_party": "alice"}}
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"parties": 3}, "parties has to be a list of names, but it is a value of type int"),
        ({"parties": ["a", 3]}, "each entry of parties has to be a name"),
        ({"cluster_config": "alice"}, "cluster_config has to be a table"),
        ({"cluster_config": {"parties": ["alice"], "self_party": "alice"}}, "from party name to its address"),
        ({"cluster_config": {"parties": {"alice": "h:1"}, "self_party": "alice"}}, "{\"address\": 'h:1'}"),
        ({"cluster_config": {1: 2}}, "keys have to be text"),
        ({"parties": ["a"], "debug_mode": 1}, "debug_mode has to be true or false"),
        ({"parties": ["a"], "num_cpus": True}, "num_cpus has to be a number"),
        ({"parties": ["a"], "peer_timeout_s": "8"}, "peer_timeout_s has to be a number"),
        ({"parties": ["a"], "peer_timeout_s": 0}, "greater than 0"),
        ({"parties": ["a"], "wait_timeout_s": float("inf")}, "not finite"),
        ({"parties": ["a"], "quota_bytes": 1}, "least possible is 1048576"),
        ({"parties": ["a"], "omp_num_threads": 1.5}, "a whole number"),
        ({"parties": ["a"], "logging_level": "warn"}, "did you mean warning?"),
        ({"parties": ["a"], "job_name": "a\nb"}, "printable"),
        ({"parties": ["a"], "ledger": 3}, "ledger has to be a path"),
        ({"parties": ["a"], "spill_dir": "/nowhere/at/all"}, "no folder"),
    ],
)
def test_a_wrong_type_says_what_was_expected(arguments: dict[str, Any], words: str) -> None:
    assert words in refused(arguments)


# --- parties and addresses ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ip:port of alice", "still the placeholder 'ip:port of alice'"),
        ("ip:port", "still the placeholder"),
        ("0.0.0.0:port", "still the placeholder"),
        ("<host>:9001", "still the placeholder"),
        ("alice.bank", "without a port"),
        ("alice.bank:", "without a port"),
        ("alice.bank:http", "'http' is no port"),
        ("alice.bank:0", "from 1 to 65535"),
        ("alice.bank:65536", "from 1 to 65535"),
        ("http://alice.bank:9001", "write 'alice.bank:9001'"),
        ("grpc://alice.bank:9001/", "write 'alice.bank:9001'"),
        ("::1:9001", "stands in brackets"),
        ("[::1:9001", "not [IPv6]:port"),
        ("[::1]", "without a port"),
        ("[alice]:1", "no IPv6 address"),
        ("256.1.1.1:1", "no IPv4 address"),
        ("a/b:1", "no host name"),
        ("user@host:1", "no host name"),
        (":9001", "no host name"),
        ("0.0.0.0:9001", "belongs in listen_addr"),
        ("[::]:9001", "belongs in listen_addr"),
        ("", "is empty"),
        (9001, "has to be text"),
    ],
)
def test_a_bad_address_names_the_place_and_the_fix(address: object, words: str) -> None:
    config = {"parties": {"alice": {"address": address}}, "self_party": "alice"}
    text = refused({"cluster_config": config})
    assert words in text
    assert "cluster_config.parties.alice.address" in text


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("localhost:1", "localhost", 1),
        ("10.0.0.1:65535", "10.0.0.1", 65535),
        ("[::1]:9001", "::1", 9001),
        ("alice-1.bank_x.example:9001", "alice-1.bank_x.example", 9001),
        (" alice.bank.:9001".strip(), "alice.bank", 9001),
    ],
)
def test_good_addresses(text: str, host: str, port: int) -> None:
    config = {"parties": {"alice": {"address": text}}, "self_party": "alice"}
    party = build_settings({"cluster_config": config}).cluster["alice"]
    assert party.address == Address(host, port)
    assert party.listen == party.address


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"self_party": "alice"}, "cluster_config.parties is missing"),
        ({"parties": {}, "self_party": "alice"}, "is empty"),
        ({"parties": {"alice": {"address": "h:1"}}}, "self_party is missing"),
        (cluster(self_party="carol"), "choose one of: alice, bob"),
        (cluster(self_party=3), "a party's name"),
        ({"parties": {"alice": {}}, "self_party": "alice"}, "alice.address is missing"),
        (
            {"parties": {"alice": {"address": "h:1"}, "bob": {"address": "h:1"}}, "self_party": "alice"},
            "alice and bob have the same address h:1",
        ),
        (
            {"parties": {"alice": {"address": "h:1"}, "Alice": {"address": "h:2"}}, "self_party": "alice"},
            "differ by case only",
        ),
        ({"parties": {"al ice": {"address": "h:1"}}, "self_party": "al ice"}, "cannot be a party's name"),
        (
            {
                "parties": {"alice": {"address": "bob:1"}, "bob": {"address": "h:1"}},
                "self_party": "alice",
            },
            "a certificate could stand for both",
        ),
        (
            {
                "parties": {
                    "alice": {"address": "h:1", "identity": "x"},
                    "bob": {"address": "h:2", "identity": "X"},
                },
                "self_party": "alice",
            },
            "a certificate could stand for both",
        ),
    ],
)
def test_a_wrong_cluster_is_refused(config: dict[str, Any], words: str) -> None:
    assert words in refused({"cluster_config": config})


def test_a_party_listed_twice() -> None:
    assert "lists 'alice' twice" in refused({"parties": ["alice", "bob", "alice"]})


# --- between silos -----------------------------------------------------------------------------------


def link(**options: Any) -> Any:
    return build_settings({"parties": ["a"], "cross_silo_comm_options": options}).link


def test_timeout_in_ms_is_the_silence_after_which_a_delivery_is_given_up() -> None:
    assert link(timeout_in_ms=20_000).peer_timeout_s == 20.0
    both = {"parties": ["a"], "peer_timeout_s": 8, "cross_silo_comm_options": {"timeout_in_ms": 9000}}
    assert "one setting" in refused(both)


def test_a_short_timeout_shortens_the_heartbeat() -> None:
    short = link(timeout_in_ms=2000)
    assert short.heartbeat_s == 0.5
    assert "one lost heartbeat" in refused({"parties": ["a"], "peer_timeout_s": 8, "heartbeat_s": 5})


def test_the_retry_policy_in_grpcs_own_words() -> None:
    policy = {
        "maxAttempts": 5,
        "initialBackoff": "5s",
        "maxBackoff": "30s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    got = link(grpc_retry_policy=policy)
    assert (got.retry_initial_s, got.retry_max_s, got.retry_multiplier) == (5.0, 30.0, 2.0)
    assert got.peer_timeout_s == 5 + 10 + 20 + 30, "five attempts have four pauses between them"


@pytest.mark.parametrize("attempts", [2, 3, 11, 100, 1000])
def test_attempts_cover_the_pauses_between_them(attempts: int) -> None:
    policy = {"maxAttempts": attempts, "initialBackoff": "1s", "maxBackoff": "4s", "backoffMultiplier": 2}
    pauses = [min(2.0**number, 4.0) for number in range(attempts - 1)]
    assert link(grpc_retry_policy=policy).peer_timeout_s == max(sum(pauses), LinkSettings().peer_timeout_s)


def test_more_attempts_than_a_thousand_are_a_thousand() -> None:
    """Whoever writes a number for "always" waits that long, and not while settings are read."""
    many, most = [
        link(grpc_retry_policy={"maxAttempts": attempts, "initialBackoff": "1s"}).peer_timeout_s
        for attempts in (10**9, 1000)
    ]
    assert many == most > 900


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"initialBackoff": "0.1"}, 'not a duration such as "0.1s"'),
        ({"initialBackoff": 0.1}, "not a duration"),
        ({"initialBackoff": "0s"}, "greater than 0"),
        ({"initialBackoff": "2s", "maxBackoff": "1s"}, "shorter than initialBackoff"),
        ({"backoffMultiplier": 0.5}, "must not be less than 1"),
        ({"maxAttempts": 1}, "least possible is 2"),
        ({"retryableStatusCodes": ["UNAVAILABLE", "INTERNAL"]}, "remove INTERNAL"),
    ],
)
def test_a_wrong_retry_policy(policy: dict[str, Any], words: str) -> None:
    assert words in refused({"parties": ["a"], "cross_silo_comm_options": {"grpc_retry_policy": policy}})


def test_a_pause_longer_than_the_timeout_is_a_contradiction() -> None:
    options = {"timeout_in_ms": 5000, "grpc_retry_policy": {"maxBackoff": "30s"}}
    assert "no broken link could ever come back" in refused(
        {"parties": ["a"], "cross_silo_comm_options": options}
    )


@pytest.mark.parametrize(
    "name",
    [
        "grpc.ssl_target_name_override",
        "grpc.default_authority",
        "grpc.so_reuseport",
        "grpc.max_send_message_length",
        "grpc.service_config",
    ],
)
def test_channel_options_that_weaken_or_mislead_are_refused(name: str) -> None:
    assert f"{name} may not be set" in refused(
        {"parties": ["a"], "cross_silo_comm_options": {"grpc_channel_options": [(name, 1)]}}
    )


def test_other_channel_options_pass_through_as_pairs_or_table() -> None:
    wanted = (("grpc.keepalive_time_ms", 10_000), ("grpc.http2.bdp_probe", 0))
    assert link(grpc_channel_options=[["grpc.keepalive_time_ms", 10_000], ("grpc.http2.bdp_probe", False)]
    ).channel_options == wanted  # fmt: skip
    assert link(grpc_channel_options=dict(wanted)).channel_options == wanted


def test_both_spellings_of_the_allowed_list() -> None:
    allowed = {"collections": ["OrderedDict"]}
    under = build_settings(
        {"parties": ["a"], "cross_silo_comm_options": {"serializing_allowed_list": allowed}}
    )
    assert under.allow_pickle == {"collections": ("OrderedDict",)}
    assert build_settings({"parties": ["a"]}).allow_pickle is None
    assert build_settings({"parties": ["a"], "cross_silo_serializing_allowed_list": {}}).allow_pickle == {}
    differ = {
        "parties": ["a"],
        "cross_silo_serializing_allowed_list": {},
        "cross_silo_comm_options": {"serializing_allowed_list": allowed},
    }
    assert "one setting" in refused(differ)


@pytest.mark.parametrize("names", ["*", ["a.b"], [3], ["a b"], None])
def test_an_allowed_list_holds_plain_names(names: object) -> None:
    refused({"parties": ["a"], "cross_silo_serializing_allowed_list": {"m": names}})


def test_a_sending_failure_handler_has_to_be_callable() -> None:
    assert link(sending_failure_handler=print).sending_failure_handler is print
    assert "a function" in refused(
        {"parties": ["a"], "cross_silo_comm_options": {"sending_failure_handler": "f"}}
    )


# --- the rest -----------------------------------------------------------------------------------------


@dataclasses.dataclass
class Point:
    x: int


def test_wire_types_by_list_or_by_name() -> None:
    assert build_settings({"parties": ["a"], "wire_types": [Point]}).wire_types == {"Point": Point}
    assert build_settings({"parties": ["a"], "wire_types": {"p": Point}}).wire_types == {"p": Point}
    assert "int is not a dataclass" in refused({"parties": ["a"], "wire_types": [int]})
    assert "two classes named 'Point'" in refused({"parties": ["a"], "wire_types": [Point, Point]})
    assert "a TOML file cannot hold classes" in refused({"parties": ["a"], "wire_types": ["Point"]})


def test_arguments_are_not_changed_and_settings_are_frozen() -> None:
    arguments = {"cluster_config": cluster(), "job_name": None}
    before = repr(arguments)
    settings = build_settings(arguments)
    assert repr(arguments) == before
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.job_name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("host", "here"),
    [
        *((host, True) for host in ("127.0.0.1", "127.8.9.10", "::1", "localhost", "LOCALHOST")),
        *((host, False) for host in ("127.example.org", "127.0.0.1.example.org", "localhost.example.org")),
        *((host, False) for host in ("0.0.0.0", "::", "10.0.0.1", "fe80::1", "bob")),
    ],
)
def test_loopback_is_this_machine_and_no_name_that_begins_like_it(host: str, here: bool) -> None:
    assert Address(host, 9001).is_loopback is here


def test_plaintext_beyond_loopback_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="junto"):
        build_settings({"cluster_config": cluster()})
        assert not caplog.records
        parties = {
            "alice": {"address": "10.0.0.1:1"},
            "bob": {"address": "127.0.0.1:2", "listen_addr": "0.0.0.0:2"},
        }
        build_settings({"cluster_config": {"parties": parties, "self_party": "alice"}})
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "alice, bob: not on loopback" in caplog.text


def test_the_guides_tls_placeholders_are_named() -> None:
    tls = {
        "ca_cert": "ca root cert of other parties (e.g. bob)",
        "cert": "server cert of alice in pem",
        "key": "server key of alice in pem",
    }
    with pytest.raises(CertificateError, match=r"tls_config.ca_cert.*neither PEM text nor a file"):
        build_settings({"cluster_config": cluster(), "tls_config": tls})


def test_a_toml_file_that_does_not_exist(tmp_path: Path) -> None:
    assert "cannot be read" in refused({"config": str(tmp_path / "none.toml")})


def test_all_number_the_parties_alike_however_each_lists_them() -> None:
    one = {"alice": {"address": "127.0.0.1:1"}, "bob": {"address": "127.0.0.1:2"}}
    other = dict(reversed(one.items()))
    built = [
        build_settings({"cluster_config": {"parties": parties, "self_party": me}})
        for parties, me in ((one, "alice"), (other, "bob"))
    ]
    assert [settings.parties for settings in built] == [("alice", "bob")] * 2

"""`parse_spu`: who computes and who helps, and the sentence for everything that is refused."""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from junto.config import spu_keys as keys
from junto.config.model import Address
from junto.config.spu_settings import (
    FieldType,
    ProtocolKind,
    SpuLink,
    SpuNode,
    SpuSettings,
    SpuSource,
    parse_spu,
)
from junto.errors import ConfigError

JOB = ("alice", "bob", "carol", "dave", "erin")
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "spu-settings.md"


def nodes(*names: str) -> list[dict[str, Any]]:
    """Nodes with addresses, as the deployment guide writes them."""
    return [
        {"party": name, "address": f"127.0.0.1:{9001 + index}", "listen_addr": f"0.0.0.0:{9001 + index}"}
        for index, name in enumerate(names)
    ]


def parse(
    *names: str,
    production: bool = True,
    link: Mapping[str, Any] | None = None,
    job: tuple[str, ...] = JOB,
    **runtime: Any,
) -> SpuSettings:
    """The short form with a runtime_config."""
    return parse_spu({"runtime_config": runtime}, link, names, job, production)


def refused(*arguments: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_spu(*arguments)
    return str(caught.value)


def refused_runtime(*names: str, production: bool = True, **runtime: Any) -> str:
    return refused({"runtime_config": runtime}, None, names, JOB, production)


def refused_nodes(*entries: Any, **runtime: Any) -> str:
    return refused({"nodes": list(entries), "runtime_config": runtime}, None, None, JOB, True)


# --- roles ----------------------------------------------------------------------------------------


def test_the_guides_cluster_def() -> None:
    settings = parse_spu(
        {
            "nodes": nodes("alice", "bob", "carol"),
            "runtime_config": {"protocol": "SEMI2K", "field": "FM64", "fxp_fraction_bits": 18},
        },
        {"recv_timeout_ms": 60_000},
        None,
        JOB,
        True,
    )
    assert settings.nodes[0] == SpuNode("alice", Address("127.0.0.1", 9001), Address("0.0.0.0", 9001))
    assert settings.direct
    assert len(settings.places) == 6
    assert [str(place) for place in settings.places[:2]] == ["127.0.0.1:9001", "0.0.0.0:9001"]
    assert (settings.compute, settings.helper, settings.others) == (("alice", "bob"), "carol", ())
    assert settings.source is SpuSource.HELPER
    assert (settings.protocol, settings.ring, settings.fraction) == (
        ProtocolKind.SEMI2K,
        FieldType.FM64,
        18,
    )
    assert settings.link == SpuLink(recv_timeout_ms=60_000)
    assert settings.warning is None


def test_the_short_form_runs_through_the_gateways() -> None:
    settings = parse_spu(None, None, ["carol", "alice", "bob", "erin", "dave"], JOB, True)
    assert not settings.direct
    assert settings.places == ()
    assert settings.parties == ("carol", "alice", "bob", "erin", "dave")  # the script's order, not sorted
    assert (settings.compute, settings.helper) == (("carol", "alice"), "bob")
    assert settings.others == ("erin", "dave")
    assert settings == parse_spu({"nodes": [{"party": n} for n in settings.parties]}, None, None, JOB, True)


def test_a_helper_of_two_is_named_in_ttp_beaver_config() -> None:
    settings = parse("bob", "alice", ttp_beaver_config={"party": "dave"})
    assert settings == parse("bob", "alice", "dave")
    assert settings == parse(
        "bob", "alice", beaver_type="TrustedThirdParty", ttp_beaver_config={"party": "dave"}
    )
    with_address = parse_spu(
        {
            "nodes": nodes("alice", "bob"),
            "runtime_config": {
                "beaver_type": 1,
                "ttp_beaver_config": {
                    "party": "carol",
                    "address": "127.0.0.1:9003",
                    "listen_address": "0.0.0.0:9003",
                },
            },
        },
        None,
        None,
        JOB,
        True,
    )
    assert with_address == parse_spu({"nodes": nodes("alice", "bob", "carol")}, None, None, JOB, True)


@pytest.mark.parametrize("beaver", ["TrustedThirdParty", 1, "TrustedFirstParty", 0, None])
def test_the_third_of_three_helps_whatever_the_beaver_type(beaver: Any) -> None:
    assert parse("alice", "bob", "carol", beaver_type=beaver).helper == "carol"


# --- two parties ----------------------------------------------------------------------------------


@pytest.mark.parametrize("production", [True, False])
def test_two_parties_make_their_randomness_together_in_every_mode(production: bool) -> None:
    settings = parse("bob", "alice", production=production)
    assert settings.source is SpuSource.BOTH_PARTIES
    assert (settings.compute, settings.helper, settings.warning) == (("bob", "alice"), None, None)
    assert settings.trust == (
        "bob and alice compute and make the randomness together: neither alone learns a value, "
        "and nobody else is trusted; both follow the program (semi-honest): one that does not could read the "
        "other's inputs."
    )
    assert settings == parse("bob", "alice", production=production, beaver_type="MultiParty")
    assert settings == parse("bob", "alice", production=production, insecure_first_party_dealer=False)
    named = parse("bob", "alice", production=production, protocol="CHEETAH")
    assert named.source is SpuSource.BOTH_PARTIES
    assert named == parse("bob", "alice", production=production, protocol="CHEETAH", beaver_type=2)


def test_a_third_party_that_is_not_there_has_three_ways_out() -> None:
    message = refused_runtime("alice", "bob", beaver_type="TrustedThirdParty")
    assert "the two parties make it together" in message
    assert "such as carol, as third node" in message
    assert "'ttp_beaver_config': {'party': 'carol'}" in message
    assert "'insecure_first_party_dealer': True" in message


def test_the_way_out_shows_an_address_where_nodes_have_one() -> None:
    message = refused_nodes(*nodes("alice", "carol"), beaver_type="TrustedThirdParty")
    assert "{'party': 'bob', 'address': '<host:port>'}" in message


def test_a_job_of_two_is_told_to_grow() -> None:
    runtime = {"runtime_config": {"beaver_type": 1}}
    message = refused(runtime, None, ["alice", "carol"], ("alice", "carol"), True)
    assert "such as dave (who has to join it), as third node" in message


def test_in_simulation_the_first_party_deals_if_it_is_named_and_a_warning_says_so() -> None:
    settings = parse("bob", "alice", production=False, beaver_type="TrustedFirstParty")
    assert settings.source is SpuSource.FIRST_PARTY
    assert settings.insecure_first_party_dealer
    assert settings.helper is None
    assert settings.warning is not None
    assert "bob alone could read everything" in settings.warning
    assert settings == parse("bob", "alice", production=False, insecure_first_party_dealer=True)


def test_in_production_the_first_party_deals_only_if_the_flag_says_so() -> None:
    message = refused_runtime("alice", "bob", beaver_type="TrustedFirstParty")
    assert "alice would make the randomness, and could read everything" in message
    assert "third node" in message
    for beaver in (None, "TrustedFirstParty"):
        settings = parse("alice", "bob", beaver_type=beaver, insecure_first_party_dealer=True)
        assert settings.source is SpuSource.FIRST_PARTY
        assert settings.warning is not None


def test_the_flag_can_forbid_it_in_simulation_too() -> None:
    assert "could read everything" in refused_runtime(
        "alice", "bob", production=False, beaver_type=0, insecure_first_party_dealer=False
    )


@pytest.mark.parametrize(
    ("runtime", "part"),
    [
        ({"beaver_type": 2, "ttp_beaver_config": {"party": "carol"}}, "beaver_type is MultiParty"),
        ({"protocol": "CHEETAH", "ttp_beaver_config": {"party": "carol"}}, "protocol is CHEETAH"),
        ({"protocol": "CHEETAH", "insecure_first_party_dealer": True}, "protocol is CHEETAH"),
        ({"protocol": "CHEETAH", "beaver_type": "TrustedThirdParty"}, "protocol is CHEETAH"),
        ({"beaver_type": 2, "insecure_first_party_dealer": True}, "beaver_type is MultiParty"),
        ({"beaver_type": "TrustedThirdParty"}, "nothing says who that is"),
        ({"beaver_type": 1, "insecure_first_party_dealer": True}, "nothing says who that is"),
        ({"beaver_type": 0, "ttp_beaver_config": {"party": "carol"}}, "the helper is safer"),
        (
            {"insecure_first_party_dealer": True, "ttp_beaver_config": {"party": "carol"}},
            "the helper is safer",
        ),
        ({"ttp_beaver_config": {"party": "bob"}}, "does not compute"),
        ({"ttp_beaver_config": {"party": "carl"}}, "did you mean carol?"),
        ({"ttp_beaver_config": {}}, "party is missing"),
        ({"ttp_beaver_config": "carol"}, "has to be a table"),
        ({"ttp_beaver_config": {"party": "carol", "adjust_rank": 1}}, "adjust_rank cannot be set"),
        ({"ttp_beaver_config": {"party": "carol", "ssl_config": {"verify_depth": 1}}}, "sf.init(tls_config"),
        (
            {"ttp_beaver_config": {"party": "carol", "address": "127.0.0.1:9"}},
            "alice, bob without an address",
        ),
        ({"insecure_first_party_dealer": "yes"}, "true or false"),
        ({"beaver_type": "TrustedThirdPart"}, "did you mean TrustedThirdParty?"),
    ],
)
@pytest.mark.parametrize("production", [True, False])
def test_what_two_parties_may_not_say(runtime: dict[str, Any], part: str, production: bool) -> None:
    assert part in refused_runtime("alice", "bob", production=production, **runtime)


def test_multi_party_is_for_two() -> None:
    message = refused_runtime("alice", "bob", "carol", beaver_type=2)
    assert "carol, the third node, helps" in message
    assert "list two nodes" in message


def test_a_server_is_no_helper_and_the_error_says_how_to_write_one() -> None:
    message = refused_nodes(
        *nodes("alice", "bob"),
        beaver_type="TrustedThirdParty",
        ttp_beaver_config={"server_host": "10.0.0.9:8449"},
    )
    assert "runs this same script" in message
    assert "ttp_beaver_config={'party': 'carol', 'address': '<host:port>'}" in message


def test_three_nodes_and_another_source_contradict_each_other() -> None:
    three = ("alice", "bob", "carol")
    assert "carol, the third node, helps" in refused_runtime(*three, insecure_first_party_dealer=True)
    assert "leave ttp_beaver_config out" in refused_runtime(*three, ttp_beaver_config={"party": "carol"})
    assert "carol, the third of the nodes, helps already" in refused_runtime(
        *three, ttp_beaver_config={"party": "dave"}
    )


# --- nodes ----------------------------------------------------------------------------------------

ALICE = {"party": "alice", "address": "127.0.0.1:9001"}
BOB = {"party": "bob", "address": "127.0.0.1:9002"}
CAROL = {"party": "carol", "address": "127.0.0.1:9003"}


@pytest.mark.parametrize(
    ("entries", "part"),
    [
        ((ALICE, BOB, {**CAROL, "party": "carl"}), "did you mean carol?"),
        ((ALICE, BOB, {**CAROL, "party": "zoe"}), "choose among: alice, bob, carol"),
        ((ALICE, BOB, {**CAROL, "party": "alice"}), "lists 'alice' twice"),
        ((ALICE,), "lists 1"),
        ((), "lists 0"),
        ((ALICE, BOB, {"party": "carol"}), "carol without an address"),
        ((ALICE, BOB, {"party": "carol", "listen_addr": "0.0.0.0:1"}), "but not where the others reach it"),
        ((ALICE, BOB, {**CAROL, "address": "0.0.0.0:9003"}), "nobody can dial"),
        ((ALICE, BOB, {**CAROL, "address": "127.0.0.1:9001"}), "alice and carol have the same address"),
        ((ALICE, BOB, {**CAROL, "address": "ip:port"}), "nodes[2].address is still the placeholder"),
        ((ALICE, BOB, {"address": "127.0.0.1:9003"}), "nodes[2].party is missing"),
        ((ALICE, BOB, {**CAROL, "party": 3}), "nodes[2].party has to be text"),
        ((ALICE, BOB, {**CAROL, "adress": "127.0.0.1:1"}), "did you mean address?"),
        ((ALICE, BOB, {**CAROL, "id": "local:0"}), "known by its party's name"),
        ((ALICE, BOB, {**CAROL, "tls_opts": {"server_ssl_opts": {}}}), "sf.init(tls_config=...)"),
        ((ALICE, "bob"), "write {\"party\": 'bob'}"),
        (
            (ALICE, BOB, {**CAROL, "listen_addr": "0.0.0.0:1", "listen_address": "0.0.0.0:2"}),
            "they are one setting",
        ),
    ],
)
def test_what_nodes_may_not_say(entries: tuple[Any, ...], part: str) -> None:
    assert part in refused_nodes(*entries)


def test_listen_address_is_the_other_spelling() -> None:
    both = {"listen_addr": "0.0.0.0:9001", "listen_address": "0.0.0.0:9001"}
    for spelling in (both, {"listen_address": "0.0.0.0:9001"}):
        settings = parse_spu({"nodes": [{**ALICE, **spelling}, BOB, CAROL]}, None, None, JOB, True)
        assert str(settings.nodes[0].listen) == "0.0.0.0:9001"
        assert settings.nodes[1].listen == settings.nodes[1].address
        assert [place.is_loopback for place in settings.places] == [True, False, True, True, True, True]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ((None, None, None), "cluster_def.nodes is missing"),
        (({"nodes": [ALICE, BOB, CAROL]}, None, ["alice", "bob"]), "both parties and cluster_def.nodes"),
        ((None, None, "alice"), "lists 1"),
        ((None, None, []), "parties is empty"),
        ((None, None, ["alice", "bob", "alice"]), "lists 'alice' twice"),
        ((None, None, ["alice", "bob", "carl"]), "did you mean carol?"),
        ((None, None, ["alice", 2]), "has to be a name"),
        (({"nodes": {"alice": ALICE}}, None, None), "a list of tables"),
        (([], None, ["alice", "bob", "carol"]), "cluster_def has to be a table"),
        (({"runtime_config": []}, None, ["alice", "bob", "carol"]), "runtime_config has to be a table"),
        (({"node": []}, None, ["alice", "bob", "carol"]), "did you mean nodes?"),
        (({"protocol": "ABY3"}, None, ["alice", "bob", "carol"]), "cluster_def['runtime_config']"),
        (({"link_desc": {}}, None, ["alice", "bob", "carol"]), "an argument of its own"),
        ((None, [], ["alice", "bob", "carol"]), "link_desc has to be a table"),
    ],
)
def test_what_the_arguments_may_not_be(arguments: tuple[Any, Any, Any], part: str) -> None:
    assert part in refused(*arguments, JOB, True)


# --- protocol, ring, fraction ---------------------------------------------------------------------


class _Foreign(enum.Enum):
    """As another package's enumeration of the same names."""

    SEMI2K = 2
    FM64 = 64


@pytest.mark.parametrize("value", ["SEMI2K", "semi2k", " Semi2k ", 2, ProtocolKind.SEMI2K, _Foreign.SEMI2K])
def test_a_protocol_is_text_a_number_or_the_enumeration(value: Any) -> None:
    assert parse("alice", "bob", "carol", protocol=value).protocol is ProtocolKind.SEMI2K


@pytest.mark.parametrize("value", ["FM64", "fm64", 2, FieldType.FM64, _Foreign.FM64])
def test_a_ring_likewise(value: Any) -> None:
    assert parse("alice", "bob", "carol", field=value).ring is FieldType.FM64


@pytest.mark.parametrize("value", [{}, {"field": None}])
def test_the_ring_is_the_larger_one_where_somebody_helps(value: dict[str, Any]) -> None:
    with_helper, alone = parse("alice", "bob", "carol", **value), parse("alice", "bob", **value)
    assert (with_helper.ring, with_helper.fraction) == (FieldType.FM128, 32)
    assert (alone.ring, alone.fraction) == (FieldType.FM64, 18)


def test_the_numbers_are_spus() -> None:
    assert {kind.name: kind.value for kind in ProtocolKind} == {
        "REF2K": 1,
        "SEMI2K": 2,
        "ABY3": 3,
        "CHEETAH": 4,
        "SECURENN": 5,
    }
    assert [(field.name, field.value) for field in FieldType] == [("FM32", 1), ("FM64", 2), ("FM128", 3)]


@pytest.mark.parametrize(
    ("runtime", "part"),
    [
        ({"protocol": "SEMI2"}, "did you mean SEMI2K?"),
        ({"protocol": "GARBLED"}, "REF2K (1), SEMI2K (2), ABY3 (3)"),
        ({"protocol": 0}, "is '0'"),
        ({"protocol": True}, "value of type bool"),
        ({"protocol": 2.0}, "value of type float"),
        ({"protocol": FieldType.FM64}, "is 'FM64'"),
        ({"protocol": "CHEETAH"}, "two parties and nobody else"),
        ({"field": "FM128", "fxp_fraction_bits": 37}, "with FM128 it is at most 36"),
        ({"field": FieldType.FM32}, "too few bits"),
        ({"field": 0}, "none of FM32 (1)"),
        ({"field": "FM64", "fxp_fraction_bits": 27}, "at most 26"),
        ({"fxp_fraction_bits": 37}, "at most 36"),
        ({"fxp_fraction_bits": -1}, "least possible is 0"),
        ({"fxp_fraction_bits": "18"}, "a whole number"),
        ({"fxp_fraction_bits": True}, "a whole number"),
        ({"fxp_fraction_bit": 18}, "did you mean fxp_fraction_bits?"),
        ({"recv_timeout_ms": 1}, "it belongs in link_desc"),
        ({"address": "127.0.0.1:1"}, "it belongs to one of cluster_def['nodes']"),
        ({"max_concurency": 1}, "did you mean max_concurrency?"),
    ],
)
def test_what_runtime_config_may_not_say(runtime: dict[str, Any], part: str) -> None:
    message = refused_runtime("alice", "bob", "carol", **runtime)
    assert part in message
    assert "cluster_def.runtime_config" in message


@pytest.mark.parametrize("value", ["FM128", "fm128", 3, FieldType.FM128])
@pytest.mark.parametrize("nodes", [("alice", "bob", "carol"), ("alice", "bob")])
def test_the_wide_ring_takes_its_name(value: Any, nodes: tuple[str, ...]) -> None:
    settings = parse(*nodes, field=value)
    assert (settings.ring, settings.width, settings.fraction) == (FieldType.FM128, 128, 32)


@pytest.mark.parametrize("value", ["error", "ERROR", 1])
def test_an_overflow_is_an_error_where_it_can_be_found(value: Any) -> None:
    assert parse("alice", "bob", "carol", field="FM128", overflow=value).checked
    assert not parse("alice", "bob", "carol", field="FM128", overflow="wrap").checked
    with pytest.raises(ConfigError, match='"field": "FM128" beside it'):
        parse("alice", "bob", "carol", field="FM64", overflow=value)


@pytest.mark.parametrize(("bits", "fraction"), [(0, 32), (None, 32), (1, 1), (20, 20), (36, 36)])
def test_fraction_bits(bits: int | None, fraction: int) -> None:
    assert parse("alice", "bob", "carol", fxp_fraction_bits=bits).fraction == fraction


@pytest.mark.parametrize("name", ["ABY3", "SECURENN"])
def test_protocols_of_exactly_three(name: str) -> None:
    settings = parse("alice", "bob", "carol", protocol=name)
    assert settings.protocol.name == name
    assert settings.trust == parse("alice", "bob", "carol").trust
    for names in (("alice", "bob"), ("alice", "bob", "carol", "dave")):
        assert "exactly three parties" in refused_runtime(*names, protocol=name, production=False)
    assert "exactly three parties" in refused_runtime(
        "alice", "bob", protocol=name, ttp_beaver_config={"party": "carol"}
    )


def test_ref2k_is_for_trying_only() -> None:
    assert "computes in the clear" in refused_runtime("alice", "bob", "carol", protocol="REF2K")
    for names in (("alice", "bob"), ("alice", "bob", "carol")):
        settings = parse(*names, protocol=1, production=False)
        assert (settings.source, settings.helper) == (SpuSource.NONE, None)
        assert not settings.insecure_first_party_dealer
        assert "every node could read everything" in (settings.warning or "")
    for runtime in ({"beaver_type": 1}, {"ttp_beaver_config": {"party": "dave"}}):
        assert "needs none" in refused_runtime("alice", "bob", production=False, protocol="REF2K", **runtime)


# --- words without effect -------------------------------------------------------------------------

SPU_DEFAULTS: dict[str, Any] = {
    "fxp_fraction_bits": 0, "max_concurrency": 0, "enable_action_trace": False,
    "enable_type_checker": False, "enable_pphlo_trace": False, "enable_runtime_snapshot": False,
    "snapshot_dump_dir": "", "enable_pphlo_profile": False, "enable_hal_profile": False,
    "public_random_seed": 0, "share_max_chunk_size": 128 * 1024 * 1024, "sort_method": "SORT_DEFAULT",
    "quick_sort_threshold": 32, "fxp_div_goldschmidt_iters": 2, "fxp_exp_mode": "EXP_DEFAULT",
    "fxp_exp_iters": 8, "fxp_log_mode": "LOG_DEFAULT", "fxp_log_iters": 3, "fxp_log_orders": 8,
    "sigmoid_mode": "SIGMOID_DEFAULT", "enable_lower_accuracy_rsqrt": False, "sine_cosine_iters": 10,
    "beaver_type": "TrustedFirstParty", "ttp_beaver_config": None, "cheetah_2pc_config": {},
    "trunc_allow_msb_error": False, "experimental_disable_mmul_split": False,
    "experimental_enable_inter_op_par": False, "experimental_enable_intra_op_par": False,
    "experimental_disable_vectorization": False, "experimental_inter_op_concurrency": 8,
    "experimental_enable_colocated_optimization": False, "experimental_enable_exp_prime": False,
    "experimental_exp_prime_offset": 0, "experimental_exp_prime_disable_lower_bound": False,
    "experimental_exp_prime_enable_upper_bound": False,
}  # fmt: skip
LINK_DEFAULTS: dict[str, Any] = {
    "id": "root", "connect_retry_times": 10, "connect_retry_interval_ms": 1000, "recv_timeout_ms": 30_000,
    "http_timeout_ms": 20_000, "brpc_channel_protocol": "baidu_std", "brpc_channel_connection_type": "",
    "throttle_window_size": 10, "link_type": "normal", "disable_msg_seq_id": False, "enable_ssl": False,
}  # fmt: skip


def test_spus_defaults_ask_for_nothing() -> None:
    plain = parse("alice", "bob", "carol")
    given = parse("alice", "bob", "carol", link=LINK_DEFAULTS, **SPU_DEFAULTS)
    assert given.link == SpuLink(recv_timeout_ms=30_000)  # a bound that was asked for is kept
    assert dataclasses.replace(given, link=plain.link) == plain
    assert set(keys.INERT_RUNTIME) <= set(SPU_DEFAULTS)


@pytest.mark.parametrize("key", sorted(keys.INERT_RUNTIME))
def test_any_other_value_is_an_error_that_says_why(key: str) -> None:
    word = keys.INERT_RUNTIME[key]
    for value in word.accepted:
        parse("alice", "bob", "carol", **{key: value})
    for value in ("other", 77, {"a": 1}, 2.5):
        message = refused_runtime("alice", "bob", "carol", **{key: value})
        assert f"cluster_def.runtime_config.{key} cannot be set: {word.because}" in message
        assert "leave it out" in message


@pytest.mark.parametrize("key", sorted(keys.INERT_LINK))
def test_of_the_link_likewise(key: str) -> None:
    word = keys.INERT_LINK[key]
    for value in word.accepted:
        parse("alice", "bob", "carol", link={key: value})
    for value in ("other", 77, {"a": 1}, ["x"]):
        message = refused(None, {key: value}, ["alice", "bob", "carol"], JOB, True)
        assert f"link_desc.{key} cannot be set: {word.because}" in message


def test_an_enumeration_of_spus_counts_by_its_name() -> None:
    modes = enum.IntEnum("modes", {"SIGMOID_DEFAULT": 0, "SIGMOID_MM1": 1, "SIGMOID_REAL": 3})
    parse("alice", "bob", "carol", sigmoid_mode=modes["SIGMOID_REAL"])
    assert "0.5 + 0.125 * x" in refused_runtime("alice", "bob", "carol", sigmoid_mode=modes["SIGMOID_MM1"])


# --- the link -------------------------------------------------------------------------------------


def test_the_link_says_how_patient_it_is() -> None:
    link = parse(
        "alice",
        "bob",
        "carol",
        link={
            "connect_retry_times": 60,
            "connect_retry_interval_ms": 500,
            "throttle_window_size": 3,
            "http_max_payload_size": 1 << 20,
        },
    ).link
    assert link == SpuLink(60, 500, None, 3, 1 << 20)


@pytest.mark.parametrize(
    ("link", "part"),
    [
        ({"recv_timeout_ms": 0}, "least possible is 1"),
        ({"recv_timeout_ms": "1s"}, "a whole number"),
        ({"throttle_window_size": 0}, "least possible is 1"),
        ({"http_max_payload_size": 100}, "least possible is 1024"),
        ({"recv_timeout": 5}, "did you mean recv_timeout_ms?"),
        ({"protocol": "ABY3"}, "it belongs in cluster_def['runtime_config']"),
        ({"timeout_in_ms": 5}, "belongs in cross_silo_comm_options"),
        ({"enable_ssl": "no"}, "always TLS"),
    ],
)
def test_what_link_desc_may_not_say(link: dict[str, Any], part: str) -> None:
    assert part in refused(None, link, ["alice", "bob", "carol"], JOB, True)


# --- what the nodes agree on ----------------------------------------------------------------------


def test_trust_is_one_sentence_with_names() -> None:
    trust = parse("alice", "bob", "carol", "dave").trust
    assert trust == (
        "alice and bob compute and carol helps: none of the three alone learns a value, "
        "any two of them together could read everything; all follow the program (semi-honest): one that "
        "computes and does not could read the others' inputs."
    )


@pytest.mark.parametrize(
    "other",
    [
        parse("alice", "bob", "carol", fxp_fraction_bits=20),
        parse("bob", "alice", "carol"),
        parse("alice", "bob", "carol", "dave"),
        parse("alice", "bob", "carol", protocol="ABY3"),
        parse("alice", "bob", production=False),
        parse("alice", "bob", "carol", production=False, protocol="REF2K"),
        parse_spu({"nodes": nodes("alice", "bob", "carol")}, None, None, JOB, True),
    ],
)
def test_each_difference_shows(other: SpuSettings) -> None:
    ours = parse("alice", "bob", "carol")
    assert other.fingerprint_text() != ours.fingerprint_text()
    assert other.fingerprint_text().replace("\n", " ").isprintable()
    assert ours.differences(other.fingerprint_text())
    assert other.differences(ours.fingerprint_text())


def test_a_difference_is_a_phrase() -> None:
    ours, theirs = parse("alice", "bob", "carol"), parse("alice", "bob", "carol", fxp_fraction_bits=20)
    assert ours.differences(theirs.fingerprint_text()) == ("fxp_fraction_bits is 32 here and 20 there",)
    assert ours.differences(ours.fingerprint_text()) == ()


def test_a_nodes_own_affairs_are_no_difference() -> None:
    ours = parse_spu({"nodes": nodes("alice", "bob", "carol")}, None, None, JOB, True)
    elsewhere = [{**entry, "address": entry["address"].replace("127.0.0.1", "10.0.0.1")} for entry in nodes(
        "alice", "bob", "carol"
    )]  # fmt: skip
    theirs = parse_spu({"nodes": elsewhere}, {"recv_timeout_ms": 5}, None, JOB, True)
    assert ours.differences(theirs.fingerprint_text()) == ()


@pytest.mark.parametrize(
    "text", ["", "nodes", "\x1b[2J: \x00", "protocol: \x1b[31m", "field: " + "x" * 10_000]
)
def test_what_another_node_states_is_shown_only_if_it_is_readable(text: str) -> None:
    found = parse("alice", "bob", "carol").differences(text)
    assert found
    assert all(line.isprintable() and len(line) < 300 for line in found)


def test_more_than_we_know_is_a_difference_too() -> None:
    ours = parse("alice", "bob", "carol")
    assert len(ours.differences(ours.fingerprint_text() + "\nnew: 1")) == 1


def test_settings_are_frozen_and_the_arguments_stay_as_they_are() -> None:
    cluster: dict[str, Any] = {"nodes": nodes("alice", "bob", "carol"), "runtime_config": {"field": "FM64"}}
    before = repr(cluster)
    settings = parse_spu(cluster, None, None, JOB, True)
    assert repr(cluster) == before
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.fraction = 3  # type: ignore[misc]
    assert hash(settings)


# --- the page -------------------------------------------------------------------------------------


def test_the_page_names_every_key() -> None:
    tables = (
        keys.CLUSTER_DEF, keys.NODE, keys.HELPER_NODE, keys.RUNTIME, keys.LINK_DESC, keys.INERT_RUNTIME,
        keys.INERT_LINK, keys.INERT_NODE, keys.INERT_HELPER, ProtocolKind.__members__, FieldType.__members__,
    )  # fmt: skip
    named = set(re.findall(r"[A-Za-z_0-9]+", " ".join(re.findall(r"`[^`\n]+`", PAGE.read_text("utf-8")))))
    assert not {key for table in tables for key in table} - named


@pytest.mark.parametrize(
    ("name", "value"), [("field", "FM64"), ("fxp_fraction_bits", 24), ("overflow", "error"), ("field", None)]
)
def test_a_setting_that_is_an_argument_of_the_device_is_the_same_setting(name: str, value: Any) -> None:
    names = ("alice", "bob", "carol")
    short = parse_spu(None, None, names, JOB, True, {name: value})
    assert short == parse(*names, **({} if value is None else {name: value}))


def test_a_setting_has_one_place() -> None:
    names = ("alice", "bob", "carol")
    said = refused({"runtime_config": {"field": "FM64"}}, None, names, JOB, True, {"field": "FM64"})
    assert "runtime_config.field" in said
    assert "write it once" in said

"""What is judged before anything starts."""

import logging
import socket

import pytest

import junto as sf
from junto.errors import CertificateError, ConfigError, DeadlineExceeded, PartyUnreachable
from junto.silo.certificates import ephemeral

NAMES = ("alice", "bob")


def tls(own, **changed):
    return {"ca_cert": own.ca_cert, "cert": own.cert, "key": own.key} | changed


def opened(**settings):
    """A session that is opened, and at once over."""
    with sf.Session(**settings):
        pass


@pytest.fixture
def cluster():
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [each.getsockname()[1] for each in (one, other)]
    parties = {name: {"address": f"127.0.0.1:{port}"} for name, port in zip(NAMES, ports, strict=True)}
    return {"self_party": "alice", "parties": parties}


def test_the_certificate_of_another_party_is_our_own_mistake(cluster, monkeypatch):
    monkeypatch.setattr("junto.silo.gateway.GrpcGateway.start", None)  # nothing may have started
    with pytest.raises(CertificateError, match=r"tls_config.cert names bob, and self_party is alice"):
        opened(cluster_config=cluster, tls_config=tls(ephemeral(NAMES)["bob"]))


def test_a_certificate_that_names_nobody_and_one_of_another_ca_are_warned_of(cluster, caplog):
    stranger, usual = ephemeral(["mallory"])["mallory"], ephemeral(NAMES)["alice"]
    with (
        caplog.at_level(logging.WARNING, "junto"),
        pytest.raises((DeadlineExceeded, PartyUnreachable)),
    ):
        opened(
            cluster_config=cluster,
            tls_config=tls(stranger, ca_cert=usual.ca_cert),
            meet_timeout_s=0.3,
        )
    assert "the others will refuse us" in caplog.text
    assert "DNS:mallory" in caplog.text
    assert "not issued by a CA in tls_config.ca_cert" in caplog.text


def test_nothing_is_warned_of_where_all_is_well(cluster, caplog):
    own = ephemeral(NAMES)["alice"]
    with caplog.at_level(logging.WARNING, "junto"), pytest.raises((DeadlineExceeded, PartyUnreachable)):
        opened(cluster_config=cluster, tls_config=tls(own), meet_timeout_s=0.3)
    assert "certificate" not in caplog.text
    assert "tls_config" not in caplog.text


@pytest.mark.parametrize("entry", [{"builtins": ["eval"]}, {"os": ["system"]}, {"subprocess": ["*"]}])
@pytest.mark.parametrize("mode", [{"debug_mode": True}, {"address": "local"}])
def test_an_entry_for_pickles_that_means_nothing_is_an_error_in_every_mode(entry, mode):
    with pytest.raises(ConfigError, match="standard library"):
        opened(parties=list(NAMES), cross_silo_serializing_allowed_list=entry, **mode)


def test_the_guides_own_list_and_data_types_are_taken():
    allowed = {"numpy.core.numeric": ["*"], "numpy": ["dtype"], "collections": ["OrderedDict", "*"]}
    opened(parties=list(NAMES), debug_mode=True, cross_silo_serializing_allowed_list=allowed)

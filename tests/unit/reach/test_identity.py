"""Which party a certificate names."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from junto.config import Address, PartySettings
from junto.errors import IdentityError
from junto.reach.identity import (
    accepted_name,
    check_own_certificate,
    fingerprint,
    names_of_party,
    party_of_certificate,
)

KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(
    *sans: str, cn: str | None = None, extra: Sequence[x509.GeneralName] = ()
) -> x509.Certificate:
    """A self-signed certificate; no `sans` and no `extra`: without the extension."""
    now = datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)] if cn else [])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    if sans or extra:
        general = [_general(san) for san in sans] + list(extra)
        builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
    return builder.sign(KEY, hashes.SHA256())


def _general(text: str) -> x509.GeneralName:
    if "://" in text:
        return x509.UniformResourceIdentifier(text)
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def der(*sans: str, cn: str | None = None, extra: Sequence[x509.GeneralName] = ()) -> bytes:
    return certificate(*sans, cn=cn, extra=extra).public_bytes(Encoding.DER)


def party(name: str, host: str, identity: str | None = None) -> PartySettings:
    address = Address(host, 9001)
    return PartySettings(name, address, address, identity)


PARTIES = {
    "alice": party("alice", "alice.bank", "spiffe://bank/alice"),
    "bob": party("bob", "10.0.0.2", "robert"),
    "carol": party("carol", "shared.host"),
    "dave": party("dave", "shared.host"),
    "erin": party("erin", "127.0.0.1"),
}


@pytest.mark.parametrize(
    ("sans", "named", "accepted"),
    [
        (["alice"], "alice", "alice"),
        (["ALICE"], "alice", "ALICE"),
        (["x.example", "alice.bank"], "alice", "alice.bank"),
        (["spiffe://bank/alice", "alice.bank"], "alice", "alice.bank"),
        (["10.0.0.2"], "bob", "10.0.0.2"),
        (["robert", "10.9.9.9"], "bob", "robert"),
        (["carol", "shared.host"], "carol", "carol"),
    ],
)
def test_a_name_of_the_party_is_found(sans: list[str], named: str, accepted: str) -> None:
    assert party_of_certificate(der(*sans), PARTIES) == named
    assert accepted_name(der(*sans), named, PARTIES) == accepted


def test_a_common_name_counts_only_without_san() -> None:
    assert party_of_certificate(der(cn="alice"), PARTIES) == "alice"
    assert accepted_name(der(cn="alice"), "alice", PARTIES) == "alice"
    assert party_of_certificate(der("bob", cn="alice"), PARTIES) == "bob"
    with pytest.raises(IdentityError, match=r"common name is alice, but .* reissued with the SAN DNS:alice"):
        accepted_name(der("x.example", cn="alice"), "alice", PARTIES)
    with pytest.raises(IdentityError):
        party_of_certificate(der(cn="alice", extra=[x509.RFC822Name("a@b")]), PARTIES)


@pytest.mark.parametrize(
    "sans",
    [
        ["mallory"],
        ["alice.bank.evil"],
        ["*.bank"],
        ["shared.host"],  # two parties live there
        ["127.0.0.1", "localhost"],  # everybody lives there
        ["alic"],
        ["xn--alice"],
        ["spiffe://bank/alice/2"],
    ],
)
def test_other_names_name_nobody(sans: list[str]) -> None:
    with pytest.raises(IdentityError, match="names none of the parties"):
        party_of_certificate(der(*sans), PARTIES)


@pytest.mark.parametrize("wanted", ["*.bank", "*", "al*ce", "alice.*"])
def test_a_wildcard_names_nobody_even_if_somebody_is_configured_with_it(wanted: str) -> None:
    """Whoever holds a certificate for all of a domain is not for that one party of it."""
    parties = {"alice": party("alice", "10.0.0.1", wanted), "bob": party("bob", "10.0.0.2")}
    with pytest.raises(IdentityError, match="names none of the parties"):
        party_of_certificate(der(wanted), parties)
    with pytest.raises(IdentityError):
        accepted_name(der(wanted), "alice", parties)
    assert party_of_certificate(der(wanted, "alice"), parties) == "alice"


def test_a_name_as_uri_does_not_pass_for_a_dns_name() -> None:
    with pytest.raises(IdentityError, match="none of the parties"):
        party_of_certificate(der(extra=[x509.RFC822Name("alice")]), PARTIES)


def test_two_parties_in_one_certificate_are_nobody() -> None:
    with pytest.raises(IdentityError, match="names alice and bob, so it names nobody"):
        party_of_certificate(der("alice", "10.0.0.2"), PARTIES)
    with pytest.raises(IdentityError, match="names nobody"):
        accepted_name(der("alice", "robert"), "alice", PARTIES)


def test_the_wrong_party_is_told_with_what_was_wanted() -> None:
    with pytest.raises(IdentityError) as caught:
        accepted_name(der("bob"), "alice", PARTIES)
    text = str(caught.value)
    assert (
        "carries DNS:bob, which is bob's; wanted was alice (alice or spiffe://bank/alice or alice.bank)"
        in text
    )
    assert "see whether alice.bank:9001 leads to alice" in text


def test_an_unknown_name_comes_with_both_ways_out() -> None:
    with pytest.raises(IdentityError) as caught:
        accepted_name(der("b.telco"), "bob", PARTIES)
    assert "if that name is meant, set cluster_config.parties.bob.identity to 'b.telco'" in str(caught.value)


def test_a_uri_alone_identifies_a_caller_but_cannot_be_dialled() -> None:
    only_uri = der("spiffe://bank/alice")
    assert party_of_certificate(only_uri, PARTIES) == "alice"
    with pytest.raises(IdentityError, match="by a URI only"):
        accepted_name(only_uri, "alice", PARTIES)


def test_bytes_that_are_no_certificate() -> None:
    for junk in (b"", b"\x30\x00", b"x" * 1000):
        with pytest.raises(IdentityError, match="cannot be parsed"):
            party_of_certificate(junk, PARTIES)


def test_our_own_certificate_is_judged_by_the_same_rule() -> None:
    pem = certificate("bob").public_bytes(Encoding.PEM)
    assert check_own_certificate(pem, "bob", PARTIES) == "bob"
    with pytest.raises(IdentityError, match="our own certificate"):
        check_own_certificate(pem, "alice", PARTIES)


def test_names_of_a_party() -> None:
    assert names_of_party("alice", PARTIES) == ("alice", "spiffe://bank/alice", "alice.bank")
    assert names_of_party("carol", PARTIES) == ("carol",)
    assert names_of_party("erin", PARTIES) == ("erin",)


@given(
    st.lists(st.sampled_from(["alice", "bob", "carol", "robert", "10.0.0.2", "x", "shared.host"]), max_size=4)
)
def test_who_is_named_by_one_rule_is_accepted_by_the_other(sans: list[str]) -> None:
    """`party_of_certificate` (incoming) and `accepted_name` (outgoing) never disagree."""
    data = der(*sans)
    try:
        named: str | None = party_of_certificate(data, PARTIES)
    except IdentityError:
        named = None
    for each in PARTIES:
        if each == named:
            assert accepted_name(data, each, PARTIES) in sans
        else:
            with pytest.raises(IdentityError):
                accepted_name(data, each, PARTIES)


def test_the_fingerprint_is_of_the_key() -> None:
    first, second = fingerprint(certificate("alice")), fingerprint(certificate("bob"))
    assert first == second, "the same key in two certificates"
    prefix, _, groups = first.partition(":")
    assert prefix == "SHA256"
    assert [len(group) for group in groups.split(":")] == [4] * 16

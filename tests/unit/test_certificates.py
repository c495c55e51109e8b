"""A CA, requests and certificates: files, modes, names, dates."""

from __future__ import annotations

import datetime
import os
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from junto.certificates import (
    Credential,
    create_ca,
    create_request,
    ephemeral,
    inspect,
    issue,
    sign_request,
    write_new,
    write_pair,
)
from junto.config.pem import check_tls
from junto.errors import CertificateError


def test_request_and_certificate_show_one_fingerprint_and_the_same_names() -> None:
    ca = create_ca("Pilot")
    request = create_request("alice", ["alice.bank", "10.0.0.1"])
    certificate = sign_request(request.pem, ca)
    before, after = inspect(request.pem), inspect(certificate)
    assert before.kind == "signing request"
    assert after.kind == "certificate"
    assert before.fingerprint == after.fingerprint != inspect(ca.pem).fingerprint
    assert before.names == after.names
    assert (after.names.dns, after.names.ips) == (("alice", "alice.bank"), ("10.0.0.1",))
    assert "Pilot junto CA" in (after.issuer or "")
    assert after.days_left() in (364, 365)
    assert inspect(ca.pem).kind == "CA certificate"


def test_ephemeral_credentials_pass_our_own_check() -> None:
    credentials = ephemeral(["alice", "bob"])
    assert list(credentials) == ["alice", "bob"]
    for tls in credentials.values():
        check_tls(tls)
    assert credentials["alice"].ca_cert == credentials["bob"].ca_cert
    assert "PRIVATE" not in repr(credentials)


def test_a_party_certificate_cannot_sign_and_serves_both_ways() -> None:
    ca = create_ca("Pilot")
    certificate = x509.load_pem_x509_certificate(issue("alice", (), ca).pem)
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert len(list(usage)) == 2
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(ca.pem))


def test_a_certificate_does_not_outlive_its_ca() -> None:
    ca = create_ca("Pilot", days=10)
    assert inspect(issue("alice", (), ca).pem).days_left() in (9, 10)


def test_serial_numbers_differ() -> None:
    ca = create_ca("Pilot")
    serials = {x509.load_pem_x509_certificate(issue("alice", (), ca).pem).serial_number for _ in range(3)}
    assert len(serials) == 3


def test_days_left_counts_from_now() -> None:
    facts = inspect(create_ca("Pilot", days=10).pem)
    assert facts.not_after is not None
    assert facts.days_left(facts.not_after + datetime.timedelta(days=1)) == -1


def test_a_key_file_has_its_mode_from_the_first_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []
    close = os.close

    def spy(descriptor: int) -> None:
        about = os.fstat(descriptor)
        if stat.S_ISREG(about.st_mode) and not about.st_size:
            modes.append(stat.S_IMODE(about.st_mode))
        close(descriptor)

    monkeypatch.setattr(os, "close", spy)
    old = os.umask(0)
    try:
        certificate, key = write_pair(tmp_path / "new", "alice", ".pem", issue("alice", (), create_ca("P")))
    finally:
        os.umask(old)
    assert modes == [0o600, 0o644], "before a byte of the key was written"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert certificate.read_bytes().startswith(b"-----BEGIN CERTIFICATE-----")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    credential = issue("alice", (), create_ca("P"))
    _, key = write_pair(tmp_path, "alice", ".pem", credential)
    with pytest.raises(CertificateError, match="not overwritten"):
        write_pair(tmp_path, "alice", ".pem", credential)
    with pytest.raises(CertificateError, match="not overwritten"):
        write_new(key, b"x", private=True)
    with pytest.raises(CertificateError, match="not overwritten"):
        write_pair(tmp_path, "alice", ".csr", create_request("alice"))
    assert not (tmp_path / "alice.csr").exists(), "both files or none"
    assert key.read_bytes() == credential.key


def test_a_link_in_the_place_of_the_key_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "alice.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CertificateError, match="not overwritten"):
        write_pair(tmp_path, "alice", ".pem", issue("alice", (), create_ca("P")))
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("pem", [b"", b"x", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"])
def test_a_damaged_request(pem: bytes) -> None:
    with pytest.raises(CertificateError, match="cannot be parsed"):
        sign_request(pem, create_ca("P"))


def test_a_request_that_its_key_did_not_sign() -> None:
    from cryptography.hazmat.primitives.serialization import Encoding

    request = x509.load_pem_x509_csr(create_request("alice").pem).public_bytes(Encoding.DER)
    broken = bytearray(request)
    broken[-1] ^= 1
    import base64

    body = base64.encodebytes(bytes(broken)).decode()
    pem = f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n".encode()
    with pytest.raises(CertificateError, match=r"not signed by its own key|cannot be parsed"):
        sign_request(pem, create_ca("P"))


@pytest.mark.parametrize("hosts", [["*.bank"], ["bänk"]])
def test_names_that_name_nobody_are_not_requested(hosts: list[str]) -> None:
    with pytest.raises(CertificateError):
        create_request("alice", hosts)


def test_a_ca_whose_key_is_anothers() -> None:
    one, two = create_ca("One"), create_ca("Two")
    with pytest.raises(CertificateError, match="not the key of its certificate"):
        issue("alice", (), Credential(one.pem, two.key))


def test_what_is_no_certificate_cannot_be_inspected() -> None:
    with pytest.raises(CertificateError, match="no certificate and no signing request"):
        inspect(b"hello")

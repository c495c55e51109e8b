"""What a chain that does not hold is told as: the cause, the names on both sides, and what to do."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from junto.reach.dial import Cause
from junto.reach.tls_cause import of_chain

NOW = datetime.now(UTC)


def verified(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError("certificate verify failed")
    error.verify_code, error.verify_message = code, f"code {code}"
    return error


def der_of(certificate: trustme.LeafCert) -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())


def test_another_ca_is_named_on_both_sides():
    theirs, ours = (trustme.CA(organization_name=name) for name in ("Theirs", "Ours"))
    failed = of_chain(verified(20), der_of(theirs.issue_cert("bob.bank")), ours.cert_pem.bytes())
    assert failed.cause is Cause.UNTRUSTED
    assert "Theirs" in failed.text
    assert "Ours" in failed.text
    assert "exchange the CA certificates" in failed.fix


def test_an_intermediate_in_place_of_the_root_is_told():
    root = trustme.CA(organization_name="Root")
    middle = root.create_child_ca()
    failed = of_chain(verified(2), der_of(middle.issue_cert("bob.bank")), middle.cert_pem.bytes())
    assert "intermediate" in failed.text
    assert "put the root CA" in failed.fix


@pytest.mark.parametrize(("code", "shift"), [(10, -30), (9, 30)])
def test_a_certificate_out_of_its_time_is_told_with_its_date(code, shift):
    begin, end = NOW + timedelta(days=shift - 1), NOW + timedelta(days=shift + 1)
    made = trustme.CA().issue_cert("bob.bank", not_before=begin, not_after=end)
    failed = of_chain(verified(code), der_of(made), b"")
    assert str((end if code == 10 else begin).date()) in failed.text


@pytest.mark.parametrize("der", [None, b"", b"no certificate"])
def test_what_cannot_be_read_is_no_crash(der):
    assert of_chain(verified(20), der, b"nor is this").cause is Cause.UNTRUSTED

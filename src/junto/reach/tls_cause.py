"""From what `ssl` and the peer say to a cause and a sentence.

References: verification codes of OpenSSL `X509_STORE_CTX_get_error(3)`; alerts of RFC 8446, section 6.2.
"""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from junto.log import printable
from junto.reach.dial import HTTP2_GREETING, Cause, Place, ProbeFailed, open_socket
from junto.reach.tls_context import unverified_context

if TYPE_CHECKING:
    from cryptography import x509

ALERT_RECORD = 0x15
_NOT_YET_VALID, _EXPIRED = 9, 10
_TIME = "%Y-%m-%d %H:%M UTC"
_THEIR_CA = "its ca_cert has to hold the CA that signed our certificate; compare them with `junto certs show`"
_ALERTS: Mapping[str, str] = {
    "UNKNOWN_CA": "it does not trust the CA that signed our certificate",
    "CERTIFICATE_EXPIRED": "by its clock our certificate has expired",
    "CERTIFICATE_REVOKED": "our certificate was revoked",
    "CERTIFICATE_REQUIRED": "it got no certificate from us",
    "BAD_CERTIFICATE": "our certificate is damaged, or not accepted by its rules",
    "UNSUPPORTED_CERTIFICATE": "our certificate is of a kind that it does not take",
    "CERTIFICATE_UNKNOWN": "our certificate is not accepted, for a reason it does not give",
    "ACCESS_DENIED": "our certificate is valid, but its owner has no access",
    "DECRYPT_ERROR": "our signature does not verify there",
}  # fmt: skip


_GREETINGS: Mapping[bytes, str] = {b"HTTP/": "plain HTTP", b"<": "plain HTTP", b"SSH-": "SSH"}


def read_certificate(place: Place, timeout_s: float) -> bytes | None:
    """The certificate (DER) shown at `place`, unverified: only to say what is wrong with it."""
    try:
        with (
            open_socket(place, timeout_s) as plain,
            unverified_context().wrap_socket(plain) as secured,
        ):
            return secured.getpeercert(binary_form=True)
    except (OSError, ssl.SSLError):
        return None


def speaks_tls(place: Place, timeout_s: float) -> bool:
    """Whether `place` answers a TLS handshake in TLS, be it with an alert."""
    try:
        with open_socket(place, timeout_s) as plain, unverified_context().wrap_socket(plain):
            return True
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")
    except OSError:
        return False


def of_chain(error: ssl.SSLCertVerificationError, der: bytes | None, ca_pem: bytes) -> ProbeFailed:
    """Why the chain of the certificate `der` (if it could be read) does not hold."""
    from cryptography import x509

    certificate: x509.Certificate | None = None
    issuer = "an unknown issuer"
    if der:
        with suppress(Exception):  # whatever the parser says to a peer's bytes; names it parses when asked
            certificate = x509.load_der_x509_certificate(der)
            issuer = _name(certificate.issuer)
    if error.verify_code in (_EXPIRED, _NOT_YET_VALID):
        return _of_dates(error.verify_code, certificate)
    ours = _authorities(ca_pem)
    names = [_name(each.subject) for each in ours] or ["unreadable"]
    signer = next((each for each in ours if certificate and _signed(certificate, each)), None)
    if signer is not None and signer.issuer != signer.subject:
        root = _name(signer.issuer)
        return ProbeFailed(
            Cause.UNTRUSTED,
            f"its certificate is signed by {issuer}, which our ca_cert holds; but that is an "
            f"intermediate CA: {root}, which signed it, is missing ({error.verify_message})",
            f"put the root CA, {root}, into ca_cert",
        )
    if signer is None and issuer in names:
        known = f"our ca_cert has the same name ({issuer}) and another key"
    else:
        known = f"our ca_cert is {' and '.join(names)}"
    fix = (
        "exchange the CA certificates: ca_cert has to hold the CA that signed the other's certificate; or, "
        "if nobody of you knows that CA, something on the way ends TLS and has to pass this connection "
        "untouched"
    )
    if signer is None and issuer not in names:
        fix += (
            f"; or, if {issuer} is an intermediate CA of ours, it sent no certificate of it: "
            "its cert has to hold the intermediate's, after its own"
        )
    return ProbeFailed(
        Cause.UNTRUSTED, f"its certificate is signed by {issuer}; {known} ({error.verify_message})", fix
    )


def _signed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _of_dates(code: int, certificate: x509.Certificate | None) -> ProbeFailed:
    now = datetime.datetime.now(datetime.UTC)
    here = f"this machine's clock says {now:{_TIME}}"
    if code == _EXPIRED:
        end = certificate.not_valid_after_utc if certificate else None
        what = f"its certificate expired on {end:{_TIME}}" if end and end < now else "its chain has expired"
        return ProbeFailed(
            Cause.EXPIRED, f"{what}; {here}", "have it renewed, or set the clock that is wrong"
        )
    start = certificate.not_valid_before_utc if certificate else None
    if start and start > now:
        what = f"its certificate is valid from {start:{_TIME}} on, {_span(start - now)} from now"
    else:
        what = "its chain is not valid yet"
    return ProbeFailed(Cause.NOT_YET_VALID, f"{what}; {here}", "one of the two clocks is wrong: compare them")


def _span(span: datetime.timedelta) -> str:
    minutes = int(span.total_seconds() // 60) + 1
    return f"{minutes} min" if minutes < 180 else f"{minutes // 60} h"


def _name(name: x509.Name) -> str:
    return printable(name.rfc4514_string()) or "an issuer without a name"


def _authorities(ca_pem: bytes) -> list[x509.Certificate]:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(ca_pem)
    except ValueError:
        return []


def of_handshake(error: Exception, place: Place, timeout_s: float) -> ProbeFailed:
    """Why there was no TLS handshake; looks at what the peer says to plaintext if that may help."""
    reason = (error.reason or "") if isinstance(error, ssl.SSLError) else ""
    if "PROTOCOL_VERSION" in reason or reason == "UNSUPPORTED_PROTOCOL":
        return ProbeFailed(
            Cause.TLS_VERSION,
            "it does not speak TLS 1.3, which every version of junto does",
            "something on the way ends TLS and has to pass this connection untouched, or another service "
            "answers at this address: check host and port",
        )
    for alert, meaning in _ALERTS.items():
        if alert in reason:
            return _refused(alert, meaning)
    if "ALERT" in reason:
        return ProbeFailed(
            Cause.HANDSHAKE,
            f"it ended the handshake with the alert {_words(reason)}",
            "its log says why; check that the address is the party's own",
        )
    return _of_plaintext(_peek(place, timeout_s), error)


def _peek(place: Place, timeout_s: float) -> bytes:
    try:
        with open_socket(place, timeout_s) as plain:
            plain.sendall(HTTP2_GREETING)
            return plain.recv(16)
    except OSError:
        return b""


def _of_plaintext(answer: bytes, error: Exception) -> ProbeFailed:
    fix = "give tls_config there too, or remove it here"
    if len(answer) >= 4 and answer[3] == 4 and answer[0] == 0:
        return ProbeFailed(
            Cause.PLAINTEXT_PEER, "it speaks plaintext (gRPC without TLS) where we expect TLS", fix
        )
    if answer and answer[0] != ALERT_RECORD:
        kind = next(
            (kind for start, kind in _GREETINGS.items() if answer.startswith(start)), "something else"
        )
        return ProbeFailed(
            Cause.PLAINTEXT_PEER,
            f"it speaks {kind} where we expect TLS",
            "another service answers at this address, or a proxy on the way: check host and port, and let "
            "the proxy pass connections there untouched",
        )
    if isinstance(error, TimeoutError):
        return ProbeFailed(
            Cause.SILENT,
            "it accepts connections but does not answer: it is frozen, or no TLS server",
            "look at the process that listens there",
        )
    what = "closed the connection" if isinstance(error, ConnectionError | ssl.SSLEOFError) else "broke off"
    return ProbeFailed(
        Cause.CLOSED,
        f"it accepts connections but {what} in the middle of the handshake",
        "a proxy without a server behind it, or a process that is just ending?",
    )


def after_handshake(error: Exception | None, hangs_up_again: Callable[[], bool]) -> ProbeFailed:
    """Why the peer hung up once it had our certificate (TLS 1.3 tells only now); None: it just closed.

    A peer that closed without a word has refused us only if it does so again: else it was just ending,
    or the line was cut.
    """
    if isinstance(error, TimeoutError):
        return ProbeFailed(
            Cause.SILENT,
            "it ended the handshake but does not greet",
            "look at the process that listens there",
        )
    reason = (error.reason or "") if isinstance(error, ssl.SSLError) else ""
    for alert, meaning in _ALERTS.items():
        if alert in reason:
            return _refused(alert, meaning)
    if "ALERT" in reason:
        return _refused(_words(reason), "it did not take our certificate")
    if not hangs_up_again():
        return ProbeFailed(
            Cause.CLOSED, "the connection broke during the greeting", "is the process there just ending?"
        )
    return ProbeFailed(
        Cause.OWN_CERTIFICATE_REFUSED,
        "it closed the connection right after the handshake without a reason: most likely it does not "
        "accept our certificate (another CA, or not valid by its clock)",
        f"{_THEIR_CA}; compare the clocks, too",
    )


def _refused(alert: str, meaning: str) -> ProbeFailed:
    return ProbeFailed(
        Cause.OWN_CERTIFICATE_REFUSED,
        f"it refused our certificate: {meaning} (alert {_words(alert)})",
        _THEIR_CA,
    )


def _words(reason: str) -> str:
    for prefix in ("SSLV3_ALERT_", "TLSV1_ALERT_", "TLSV13_ALERT_", "TLSV1_"):
        reason = reason.removeprefix(prefix)
    return reason.lower().replace("_", " ")

"""A consortium's CA and its parties' certificates.

Keys are P-256: gRPC's TLS library does not accept Ed25519 certificates. A key is made on the machine
that uses it, in a file that has mode 0600 from its first moment, and is never overwritten; what travels
to the CA is a signing request, and what a person compares is the fingerprint of the public key
(`identity.fingerprint`), equal in the request and in the certificate.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from junto.config.model import TlsSettings
from junto.config.pem import parsing
from junto.errors import CertificateError
from junto.reach.identity import CertificateNames, certificate_names, fingerprint
from junto.whole_files import write_whole

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

CA_DAYS = 5 * 365
PARTY_DAYS = 365
_BACKDATED = datetime.timedelta(hours=1)  # clocks of organisations differ


@dataclass(frozen=True, slots=True, repr=False)
class Credential:
    """A PEM certificate (or signing request) and its PEM private key, which never shows in a repr."""

    pem: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What a person wants to know of a certificate or signing request.

    Attributes:
        kind: "CA certificate", "certificate" or "signing request".
        names: the names it carries.
        fingerprint: of its public key.
        issuer: who signed it, as text; None for a request.
        not_before, not_after: validity, UTC; None for a request.
    """

    kind: str
    names: CertificateNames
    fingerprint: str
    issuer: str | None = None
    not_before: datetime.datetime | None = None
    not_after: datetime.datetime | None = None

    def days_left(self, now: datetime.datetime | None = None) -> int | None:
        """Whole days until it expires (negative: since), None for a request."""
        if self.not_after is None:
            return None
        return (self.not_after - (now or datetime.datetime.now(datetime.UTC))).days


def create_ca(organisation: str, days: int = CA_DAYS) -> Credential:
    """A self-signed CA that may sign party certificates and nothing below them."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    key = _new_key()
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _subject(organisation)),
            x509.NameAttribute(NameOID.COMMON_NAME, _subject(f"{organisation} junto CA")),
        ]
    )
    builder = _builder(name, name, key.public_key(), days)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(ca=True), critical=True)
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    )
    return Credential(_sign(builder, key), _private_pem(key))


def create_request(party: str, hosts: Iterable[str] = ()) -> Credential:
    """A new key and the request to sign it for `party`, with the SANs `party` and `hosts`."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    key = _new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _subject(party))])
    names = x509.SubjectAlternativeName([_general_name(name) for name in dict.fromkeys((party, *hosts))])
    builder = (
        x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(names, critical=False)
    )
    return Credential(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM), _private_pem(key))


def sign_request(request_pem: bytes, ca: Credential, days: int = PARTY_DAYS) -> bytes:
    """The PEM certificate for a signing request: its subject and DNS, IP and URI names, our limits.

    Whoever calls this has compared names and fingerprint with the requester. Raises CertificateError
    for a request that is damaged, not signed by its own key, without a name or with a wildcard.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.x509.oid import ExtendedKeyUsageOID

    request = _load_request(request_pem)
    public = request.public_key()
    if not isinstance(public, EllipticCurvePublicKey) or not isinstance(public.curve, SECP256R1):
        raise CertificateError(
            "the request's key is not of the curve P-256", fix="make it with `junto certs request`"
        )
    names = certificate_names(request)
    sans: list[x509.GeneralName] = [_general_name(name) for name in (*names.dns, *names.ips)]
    sans += [x509.UniformResourceIdentifier(uri) for uri in names.uris]
    if not sans:
        raise CertificateError("the request carries no SAN", fix="make it with `junto certs request`")
    ca_certificate, ca_key = load_ca(ca)
    builder = _builder(
        request.subject, ca_certificate.subject, public, days, ca_certificate.not_valid_after_utc
    )
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(ca=False), critical=True)
    builder = builder.add_extension(usage, critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    builder = builder.add_extension(issuer, critical=False)
    return _sign(builder, ca_key)


def issue(party: str, hosts: Iterable[str], ca: Credential, days: int = PARTY_DAYS) -> Credential:
    """Key and certificate in one step, where CA and party are on one machine (pilots, tests)."""
    request = create_request(party, hosts)
    return Credential(sign_request(request.pem, ca, days), request.key)


def ephemeral(parties: Sequence[str]) -> dict[str, TlsSettings]:
    """Credentials for one run on one machine, in memory only; nobody keeps the CA's key."""
    ca = create_ca("one run", days=2)
    issued = {party: issue(party, (), ca, days=1) for party in parties}
    return {party: TlsSettings(ca.pem, own.pem, own.key) for party, own in issued.items()}


def locked(credential: Credential, passphrase: bytes) -> Credential:
    """The same with its key encrypted by `passphrase` (PKCS #8)."""
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        load_pem_private_key,
    )

    key = load_pem_private_key(credential.key, password=None)
    cipher = BestAvailableEncryption(passphrase)
    return Credential(credential.pem, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, cipher))


def inspect(pem: bytes) -> CertificateFacts:
    """What the first certificate or request in `pem` says. Raises CertificateError."""
    from cryptography import x509

    if b"-----BEGIN CERTIFICATE REQUEST-----" in pem:
        request = _load_request(pem)
        return CertificateFacts("signing request", certificate_names(request), fingerprint(request))
    with parsing(CertificateError("there is no certificate and no signing request in it")):
        certificate = x509.load_pem_x509_certificates(pem)[0]
        limits = (each.value for each in certificate.extensions)
        is_ca = any(isinstance(each, x509.BasicConstraints) and each.ca for each in limits)
        return CertificateFacts(
            "CA certificate" if is_ca else "certificate",
            certificate_names(certificate),
            fingerprint(certificate),
            certificate.issuer.rfc4514_string(),
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
        )


def load_ca(ca: Credential) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    """Parse a CA. Raises CertificateError if it is none, or if its parts do not fit."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    with parsing(CertificateError("the CA's certificate or key cannot be parsed")):
        certificate = x509.load_pem_x509_certificate(ca.pem)
        key = load_pem_private_key(ca.key, password=None)
        public, _ = certificate.public_key(), certificate.subject
    if not isinstance(key, EllipticCurvePrivateKey) or key.public_key() != public:
        raise CertificateError(
            "the CA's key is not the key of its certificate",
            fix="give the key that was made with this certificate",
        )
    return certificate, key


def write_new(path: Path, content: bytes, *, private: bool) -> None:
    """Write a file that must not exist yet; a private one has mode 0600 from its first moment.

    Raises CertificateError if it exists or cannot be written.
    """
    try:
        write_whole(path, [content], mode=0o600 if private else 0o644, overwrite=False)
    except FileExistsError:
        raise CertificateError(
            f"{path} exists and is not overwritten", fix="choose another folder, or move the old file away"
        ) from None
    except OSError as error:
        raise CertificateError(
            f"{path} cannot be written: {error.strerror}", fix="name a folder where this account may write"
        ) from None


def write_pair(folder: Path, name: str, suffix: str, credential: Credential) -> tuple[Path, Path]:
    """Write `name.suffix` and `name.key` into `folder`: both, or none if either exists."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    public, private = folder / f"{name}{suffix}", folder / f"{name}.key"
    if public.exists():
        raise CertificateError(
            f"{public} exists and is not overwritten", fix="choose another folder, or move the old file away"
        )
    write_new(private, credential.key, private=True)
    try:
        write_new(public, credential.pem, private=False)
    except CertificateError:
        private.unlink()
        raise
    return public, private


def _new_key() -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _private_pem(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _subject(text: str) -> str:
    if not 1 <= len(text) <= 64 or not text.isprintable():
        raise CertificateError(
            f"{text!r} does not fit into a certificate: 1 to 64 printable characters",
            fix="take a shorter name, of printable characters",
        )
    return text


def _general_name(name: str) -> x509.GeneralName:
    from cryptography import x509

    if "*" in name:
        raise CertificateError(
            f"{name!r} is a wildcard, which names nobody", fix="give each host its own name"
        )
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name)
    except ValueError:
        raise CertificateError(f"{name!r} does not fit into a certificate", fix="use ASCII names") from None


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: EllipticCurvePublicKey,
    days: int,
    no_later_than: datetime.datetime | None = None,
) -> x509.CertificateBuilder:
    from cryptography import x509

    now = datetime.datetime.now(datetime.UTC)
    end = now + datetime.timedelta(days=days)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public_key)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - _BACKDATED)
    return builder.not_valid_after(min(end, no_later_than) if no_later_than else end)


def _usage(*, ca: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _sign(builder: x509.CertificateBuilder, key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _load_request(pem: bytes) -> x509.CertificateSigningRequest:
    from cryptography import x509

    with parsing(CertificateError("the signing request cannot be parsed")):
        request = x509.load_pem_x509_csr(pem)
        certificate_names(request)
        signed = request.is_signature_valid
    if not signed:
        raise CertificateError(
            "the signing request is not signed by its own key", fix="have its party make the request again"
        )
    return request

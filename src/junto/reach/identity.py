"""Which party a certificate names: the only door through which a sender's name enters.

The law, in one place:

* A party may be named by its own name, by `parties.X.identity`, and by the host of its configured
  address, unless that host is this machine (loopback) or another party's host too.
* A name counts if it equals one of the certificate's subject alternative names (DNS, IP or URI;
  DNS without regard to case; a wildcard names nobody). The common name counts only in a certificate
  that has no SAN extension at all (RFC 9525; gRPC's own check does the same).
* A certificate that names two parties names nobody.

Pure: bytes in, a name or an error out. That the certificate is genuine, TLS has checked before.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from junto.config.model import PartySettings
from junto.errors import CertificateError, IdentityError
from junto.log import printable

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True, slots=True)
class CertificateNames:
    """The names that a certificate carries, in the order of its extension.

    Attributes:
        dns, ips, uris: subject alternative names (IP addresses in their shortest form).
        common_name: the subject's, or None.
        has_san: whether there is a SAN extension (it may hold nothing of the above).
    """

    dns: tuple[str, ...]
    ips: tuple[str, ...]
    uris: tuple[str, ...]
    common_name: str | None
    has_san: bool

    @property
    def verifiable(self) -> tuple[str, ...]:
        """The names by which TLS can be asked to verify the certificate (gRPC: DNS and IP; else CN)."""
        if self.has_san:
            return self.dns + self.ips
        return () if self.common_name is None else (self.common_name,)

    def __str__(self) -> str:
        sans = [f"DNS:{name}" for name in self.dns]
        sans += [f"IP:{name}" for name in self.ips]
        sans += [f"URI:{name}" for name in self.uris]
        if sans:
            return printable(", ".join(sans))
        return printable(f"no SAN, CN={self.common_name}") if self.common_name else "no name"


def names_of(der: bytes) -> CertificateNames:
    """Read the names of a DER certificate. Raises IdentityError if it cannot be parsed."""
    from cryptography import x509

    try:
        return certificate_names(x509.load_der_x509_certificate(der))
    except Exception as error:  # whatever a parser says to a peer's bytes: they name nobody
        raise IdentityError("the certificate cannot be parsed") from error


def certificate_names(subject: x509.Certificate | x509.CertificateSigningRequest) -> CertificateNames:
    """The names of a parsed certificate or request. Raises ValueError for a damaged extension."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    commons = subject.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    common = str(commons[0].value) if len(commons) == 1 else None
    try:
        san = subject.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return CertificateNames((), (), (), common, has_san=False)
    return CertificateNames(
        dns=tuple(san.get_values_for_type(x509.DNSName)),
        ips=tuple(str(ip) for ip in san.get_values_for_type(x509.IPAddress)),
        uris=tuple(san.get_values_for_type(x509.UniformResourceIdentifier)),
        common_name=common,
        has_san=True,
    )


def names_of_party(party: str, parties: Mapping[str, PartySettings]) -> tuple[str, ...]:
    """The names by which a certificate may name `party`: its name, identity and, if its own, host."""
    settings = parties[party]
    names = [settings.name]
    if settings.identity:
        names.append(settings.identity)
    others = {other.address.host.lower() for name, other in parties.items() if name != party}
    if not settings.address.is_loopback and settings.address.host.lower() not in others:
        names.append(settings.address.host)
    return tuple(dict.fromkeys(names))


def party_of_certificate(der: bytes, parties: Mapping[str, PartySettings]) -> str:
    """The one party that this certificate names.

    Raises IdentityError if it names none or more than one of `parties`.
    """
    names = names_of(der)
    fits = _fitting(names, parties)
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise _ambiguous(names, fits)
    raise IdentityError(
        f"the certificate ({names}) names none of the parties {', '.join(parties)}",
        fix=_reissue(names, None, parties),
    )


def accepted_name(der: bytes, party: str, parties: Mapping[str, PartySettings]) -> str:
    """The name in this certificate by which TLS can be told to accept `party` and nobody else.

    It is handed to gRPC as `ssl_target_name_override`. Raises IdentityError, with a sentence that says what
    the certificate carries and what was wanted, if it does not name `party`, names another party too,
    or names it in a way that gRPC cannot verify (a URI only).
    """
    names = names_of(der)
    fits = _fitting(names, parties)
    if len(fits) > 1:
        raise _ambiguous(names, fits)
    if fits != [party]:
        whose = f", which is {fits[0]}'s" if fits else ""
        raise IdentityError(
            f"the certificate carries {names}{whose}; wanted was {party} "
            f"({' or '.join(names_of_party(party, parties))})",
            fix=f"see whether {parties[party].address} leads to {party}"
            + ("" if fits else f"; if it does, {_reissue(names, party, parties)}"),
        )
    for wanted in names_of_party(party, parties):
        for name in names.verifiable:
            if _same(name, wanted):
                return name
    raise IdentityError(
        f"the certificate names {party} by a URI only ({names}), which gRPC cannot verify",
        fix=f"have it reissued with the DNS name {party} in addition",
    )


def _fitting(names: CertificateNames, parties: Mapping[str, PartySettings]) -> list[str]:
    carried = names.verifiable + names.uris
    return [
        party
        for party in parties
        if any(_same(name, wanted) for name in carried for wanted in names_of_party(party, parties))
    ]


def _same(name: str, wanted: str) -> bool:
    if "*" in name:
        return False
    try:
        return ipaddress.ip_address(name) == ipaddress.ip_address(wanted)
    except ValueError:
        return name.lower().rstrip(".") == wanted.lower().rstrip(".")


def _ambiguous(names: CertificateNames, fits: list[str]) -> IdentityError:
    return IdentityError(
        f"the certificate ({names}) names {' and '.join(fits)}, so it names nobody",
        fix="give each party a certificate of its own, with names of its own",
    )


def _reissue(names: CertificateNames, party: str | None, parties: Mapping[str, PartySettings]) -> str:
    common = names.common_name
    if names.has_san and common is not None:
        by_cn = _fitting(CertificateNames((), (), (), common, has_san=False), parties)
        if by_cn and (party is None or by_cn == [party]):
            return (
                f"its common name is {printable(common)}, but a certificate with SANs is judged by these "
                f"alone: have it reissued with the SAN DNS:{by_cn[0]}"
            )
    who = party or "<party>"
    hint = f"have it issued with the SAN DNS:{who}"
    own = names.verifiable
    return (
        f"{hint}, or, if that name is meant, set cluster_config.parties.{who}.identity to {own[0]!r}"
        if own
        else hint
    )


def fingerprint(subject: x509.Certificate | x509.CertificateSigningRequest) -> str:
    """SHA-256 of the *public key* (its DER SubjectPublicKeyInfo), for two people to compare.

    Of the key and not of the certificate, so that the request, the certificate made from it and its
    renewal with the same key all show the same. Sixteen groups of four hex digits: `SHA256:0f1c:...`.
    """
    import hashlib

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = subject.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.sha256(key).hexdigest()
    return "SHA256:" + ":".join(digest[i : i + 4] for i in range(0, len(digest), 4))


def check_own_certificate(cert_pem: bytes, party: str, parties: Mapping[str, PartySettings]) -> str:
    """Our own certificate's name for us, or IdentityError: the others would refuse it, so we say so first."""
    der = _first_der(cert_pem)
    try:
        return accepted_name(der, party, parties)
    except IdentityError as error:
        raise IdentityError(
            f"our own certificate (tls_config.cert): {error.message}",
            fix=_reissue(names_of(der), party, parties),
        ) from None


def judge_own_certificate(cert_pem: bytes, party: str, parties: Mapping[str, PartySettings]) -> str:
    """Before anything starts: what the others will say of our certificate; empty if they will accept it.

    They may know us by an `identity` that only their settings name, so that it does not name us here is for a
    warning. Raises CertificateError if it names another party: that is nobody's idea of us.
    """
    try:
        check_own_certificate(cert_pem, party, parties)
    except IdentityError as error:
        fits = _fitting(names_of(_first_der(cert_pem)), parties)
        if fits and party not in fits:
            raise CertificateError(
                f"tls_config.cert names {fits[0]}, and self_party is {party}",
                fix=f"give {party} its own certificate and key, or correct self_party",
            ) from None
        return f"{error.message}; {error.fix}" if error.fix else error.message
    return ""


def _first_der(cert_pem: bytes) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    return x509.load_pem_x509_certificates(cert_pem)[0].public_bytes(Encoding.DER)


__all__ = [
    "CertificateNames",
    "accepted_name",
    "certificate_names",
    "check_own_certificate",
    "fingerprint",
    "judge_own_certificate",
    "names_of",
    "names_of_party",
    "party_of_certificate",
]

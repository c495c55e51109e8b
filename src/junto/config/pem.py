"""`tls_config`: PEM text or paths to a certificate and key that fit together and are valid today."""

from __future__ import annotations

import datetime
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from junto.config.model import TlsSettings
from junto.config.passphrase import opened_key, warn_if_open
from junto.config.section import Section, expanded, wrong_type
from junto.config.setting_names import TLS
from junto.errors import CertificateError

if TYPE_CHECKING:
    from cryptography import x509

_log = logging.getLogger("junto.config")
_BEGIN = "-----BEGIN "
_TIME = "%Y-%m-%d %H:%M UTC"
_PEM = ("ca_cert", "cert", "key")
_SOON = datetime.timedelta(days=30)


def parse_tls(value: object, *, today: bool = True) -> TlsSettings:
    """Read and check the three PEM values of `tls_config`, and open the key if it has a passphrase.

    Without `today`, whether the certificates are valid today is left to who asks (`out_of_date`).

    Raises ConfigError for a key that is unknown, missing or of the wrong type, CertificateError for
    what is no PEM and no file, for a certificate that is expired or not yet valid, and for a key
    that is not this certificate's. A key file that others can read is reported as a warning.
    """
    section = Section("tls_config", value, TLS)
    fix = "tls_config needs ca_cert, cert and key; `junto certs` makes them"
    parts = {key: _read(section.at(key), section.required(key, fix), secret=key == "key") for key in _PEM}
    key = opened_key(section.at("key"), parts["key"], section.text("key_password"))
    tls = TlsSettings(ca_cert=parts["ca_cert"], cert=parts["cert"], key=key)
    check_tls(tls, today=today)
    return tls


def _read(place: str, value: object, *, secret: bool) -> bytes:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    if not isinstance(value, str):
        raise wrong_type(place, "PEM text or the path of a PEM file", value)
    if _BEGIN in value:
        return value.encode()
    path = expanded(value)
    shown = f" ({value!r})" if _looks_like_path(value, secret=secret) else ""
    try:
        if not path.is_file():
            raise CertificateError(
                f"{place}{shown} is neither PEM text nor a file that exists",
                fix="give the path of a PEM file, or its text from -----BEGIN to END-----",
            )
        if secret:
            warn_if_open(place, path)
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise CertificateError(
            f"{place}{shown} cannot be read: {reason}",
            fix="check the path, and that this account may read it",
        ) from None
    if _BEGIN.encode() not in content:
        raise CertificateError(
            f"{place}: the file{shown} holds no PEM block",
            fix="convert it, for instance: openssl x509 -inform der -in FILE -out FILE.pem",
        )
    return content


def _looks_like_path(value: str, *, secret: bool) -> bool:
    """Whether a value may be shown in a message: never what might be key material."""
    if len(value) > 200 or "\n" in value:
        return False
    return not secret or Path(value).suffix.lower() in (".pem", ".key", ".crt", ".p8")


def out_of_date(tls: TlsSettings) -> CertificateError | None:
    """Why our CA or our certificate is not valid today; None if both are."""
    try:
        _check_all_dates(_certificates("tls_config.ca_cert", tls.ca_cert), tls.cert)
    except CertificateError as error:
        return error
    return None


def _check_all_dates(ca: list[x509.Certificate], cert: bytes) -> None:
    for certificate in ca:
        _check_dates("tls_config.ca_cert", certificate)
    _check_dates("tls_config.cert", _certificates("tls_config.cert", cert)[0])


def check_tls(tls: TlsSettings, *, today: bool = True) -> None:
    """Check that the PEM values parse, fit together and are valid now. Raises CertificateError."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    ca = _certificates("tls_config.ca_cert", tls.ca_cert)
    chain = _certificates("tls_config.cert", tls.cert)
    leaf = chain[0]
    with parsing(_damaged("tls_config.cert")):
        _ = leaf.public_key(), leaf.extensions
    _check_key(leaf, tls.key)
    if today:
        _check_all_dates(ca, tls.cert)
    _warn_of_another_ca(chain, ca)
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    wanted = {ExtendedKeyUsageOID.SERVER_AUTH: "server", ExtendedKeyUsageOID.CLIENT_AUTH: "client"}
    missing = [word for oid, word in wanted.items() if oid not in usage]
    if missing and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in usage:
        raise CertificateError(
            f"tls_config.cert may not be used as {' or '.join(missing)} (its extended key usage)",
            fix="each party both listens and dials: have it issued for serverAuth and clientAuth",
        )


@contextmanager
def parsing(fault: CertificateError) -> Iterator[None]:
    """What the parser of certificates raises is `fault`: it has many words, and parses late."""
    try:
        yield
    except CertificateError:
        raise
    except Exception as error:
        raise fault from error


def _warn_of_another_ca(chain: list[x509.Certificate], ca: list[x509.Certificate]) -> None:
    """Parties may have different CAs, but most have one: then nobody will accept this certificate."""
    if not any(_issued(issuer, each) for each in chain for issuer in ca):
        _log.warning(
            "tls_config.cert was not issued by a CA in tls_config.ca_cert: the others need its CA in theirs"
        )


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    if issuer == certificate:
        return True
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # whatever the parser says: not by this one
        return False
    return True


def _certificates(place: str, pem: bytes) -> list[x509.Certificate]:
    from cryptography import x509

    if b"-----BEGIN CERTIFICATE-----" not in pem:
        what = "a private key" if b"PRIVATE KEY" in pem else "no certificate"
        raise CertificateError(f"{place} holds {what}", fix=f"give {place} a PEM certificate")
    with parsing(_damaged(place)):
        return x509.load_pem_x509_certificates(pem)


def _damaged(place: str) -> CertificateError:
    return CertificateError(
        f"{place} is damaged: its certificate cannot be parsed", fix="copy the file again, or its whole text"
    )


def _check_key(leaf: x509.Certificate, key_pem: bytes) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if b"PRIVATE KEY-----" not in key_pem:
        raise CertificateError("tls_config.key holds no private key", fix="give it the PEM private key")
    try:
        key = load_pem_private_key(opened_key("tls_config.key", key_pem, None), password=None)
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateError(
            "tls_config.key is damaged: it cannot be parsed", fix="copy the file again, or its whole text"
        ) from None
    if not isinstance(key, EllipticCurvePrivateKey | RSAPrivateKey):
        raise CertificateError(
            "tls_config.key is neither an elliptic-curve (P-256) nor an RSA key; gRPC takes no other, "
            "Ed25519 included",
            fix="make a P-256 key: `junto certs request`",
        )
    if key.public_key() != leaf.public_key():
        raise CertificateError(
            "tls_config.key is not the key of tls_config.cert",
            fix="give the certificate and the key that were made together; in a chain file, ours comes first",
        )


def _check_dates(place: str, certificate: x509.Certificate) -> None:
    now = datetime.datetime.now(datetime.UTC)
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > end:
        raise CertificateError(
            f"{place} expired on {end:{_TIME}}; this machine's clock says {now:{_TIME}}",
            fix="have it renewed (`junto certs`), or set the clock",
        )
    if now < start:
        raise CertificateError(
            f"{place} is valid from {start:{_TIME}} on; this machine's clock says {now:{_TIME}}",
            fix="set this machine's clock, or wait",
        )
    if end - now < _SOON < end - start:  # not for one made to live shortly
        _log.warning("%s expires in %d days, on %s", place, (end - now).days, f"{end:%Y-%m-%d}")

"""What a doctor finds in its own party, before it looks at any other: certificate, ledger, proxy."""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Final

from junto.config.model import Settings
from junto.doctor.findings import Finding
from junto.errors import CertificateError, ConfigError, IdentityError
from junto.ledger import LedgerFile
from junto.reach.dial import Cause
from junto.reach.identity import check_own_certificate

_SOON_DAYS: Final = 30
_PROXIES: Final = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "grpc_proxy")


def certificate(settings: Settings) -> list[Finding]:
    """Our own certificate: whom it names, its fingerprint, its end."""
    if settings.tls is None or settings.self_party is None:
        return [Finding("certificate", "note", "no tls_config: values travel unencrypted")]
    from junto.certificates import inspect
    from junto.config.pem import out_of_date

    late = out_of_date(settings.tls)
    if late is not None:
        cause = Cause.EXPIRED if "expired" in late.message else Cause.NOT_YET_VALID
        return [Finding("certificate", "failed", late.message, cause, late.fix)]
    facts = inspect(settings.tls.cert)
    days = facts.days_left() or 0
    try:
        name = check_own_certificate(settings.tls.cert, settings.self_party, settings.cluster)
    except IdentityError as error:
        return [Finding("certificate", "failed", error.message, Cause.WRONG_PARTY, error.fix)]
    text = f"names us ({name}), {facts.fingerprint}, {days} days left"
    soon = days < _SOON_DAYS
    return [Finding("certificate", "note" if soon else "ok", text, fix="have it renewed" if soon else "")]


def ledger(settings: Settings, session_runs: bool) -> list[Finding]:
    """Whether a run could write its ledger, by opening and locking it; nothing is left behind.

    While a session of ours runs, the file is its own.
    """
    if settings.ledger is None:
        return []
    is_new = not os.path.lexists(settings.ledger)
    try:
        LedgerFile(settings.ledger).close()
    except ConfigError as error:
        if session_runs:
            return [Finding("ledger", "note", error.message)]
        return [Finding("ledger", "failed", error.message, "ledger", error.fix)]
    if is_new:
        with suppress(OSError):
            Path(settings.ledger).unlink()
    return [Finding("ledger", "ok", f"{settings.ledger} can be written")]


def proxy() -> list[Finding]:
    """A proxy that is set for others: we do not use it, and whoever must is not told so by a timeout."""
    names = [name for name in _PROXIES if os.environ.get(name)]
    if not names:
        return []
    text = f"{names[0]} is set, but junto connects directly: it speaks to no proxy"
    fix = (
        "if nothing here may connect without the proxy, ask for a way out to the others' addresses and ports"
    )
    return [Finding("proxy", "note", text, fix=fix)]


def shown(certificate_: bytes | None) -> str:
    """The fingerprint of a certificate (PEM or DER); empty if there is none, or none that can be read."""
    if certificate_ is None:
        return ""
    from junto.certificates import inspect

    if b"-----BEGIN" not in certificate_:
        certificate_ = ssl.DER_cert_to_PEM_cert(certificate_).encode()
    try:
        return inspect(certificate_).fingerprint
    except CertificateError:
        return ""

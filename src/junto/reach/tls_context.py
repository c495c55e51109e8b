"""`ssl` contexts for TLS 1.3 with both certificates, from PEM in memory.

Python's `ssl` reads a private key from a file only. The file is an anonymous one in memory where the
system has such (Linux); elsewhere it is made with mode 0600 in a private folder and removed at once.
"""

from __future__ import annotations

import errno
import os
import ssl
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from junto.config.model import TlsSettings
from junto.errors import CertificateError

SOCKET_ALPN = "junto/1"
"""What both sides of a bare TLS socket name, so that no other service is mistaken for a party."""

HTTP2_ALPN = "h2"


class ConnectedSocket(ssl.SSLSocket):
    """One whose other end may go away at any time; then `wrap_socket` fails, and leaves nothing open.

    Python takes a socket without another end for one that will be connected later: it shakes no hands, and
    where it fails, it forgets to close. It asks for the other end's name first.
    """

    def getpeername(self) -> Any:
        """As a socket's; where there is no other end any more, this one is closed."""
        try:
            return super().getpeername()
        except OSError as error:
            self.close()
            raise ConnectionResetError(errno.ECONNRESET, "the other end is gone") from error


def client_context(tls: TlsSettings, alpn: str = HTTP2_ALPN) -> ssl.SSLContext:
    """Verifies the chain against `tls.ca_cert`; which party it names, the caller checks (`identity`)."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    return _equip(context, tls, alpn)


def server_context(tls: TlsSettings, alpn: str = HTTP2_ALPN) -> ssl.SSLContext:
    """Asks every caller for a certificate and verifies its chain against `tls.ca_cert`."""
    context = _context(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    return _equip(context, tls, alpn)


def unverified_context() -> ssl.SSLContext:
    """For one purpose: to read a certificate that was refused. Nothing may be sent through it."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.sslsocket_class = ConnectedSocket
    return context


def _equip(context: ssl.SSLContext, tls: TlsSettings, alpn: str) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([alpn])
    try:
        context.load_verify_locations(cadata=tls.ca_cert.decode("ascii", "replace"))
    except (ssl.SSLError, ValueError) as error:
        raise CertificateError(
            "tls_config.ca_cert cannot be used as a CA",
            fix="give the certificate of the CA, in PEM; junto certs makes one",
        ) from error
    with _as_file(tls.cert.rstrip() + b"\n" + tls.key) as path:
        try:
            context.load_cert_chain(path)
        except ssl.SSLError as error:
            raise CertificateError(
                "tls_config.cert and tls_config.key cannot be used together",
                fix="give the key that was made with this certificate",
            ) from error
    return context


@contextmanager
def _as_file(secret: bytes) -> Generator[str]:
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("junto", os.MFD_CLOEXEC)
        try:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(secret)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.TemporaryDirectory(prefix="junto-") as folder:  # made with mode 0700
        path = Path(folder) / "credential.pem"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secret)
            yield str(path)
        finally:
            path.unlink()

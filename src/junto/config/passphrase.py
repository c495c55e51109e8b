"""The passphrase of an encrypted private key: settings say where it is, never what it is.

A source is ``"file:PATH"`` (its first line), ``"env:NAME"`` or ``"prompt"``, as in OpenSSL's ``-passin``.
The opened key is kept in memory only. No message repeats a source that is none of these, for it may be the
passphrase itself.
"""

from __future__ import annotations

import getpass
import logging
import os
import stat
import sys
from pathlib import Path

from junto.config.section import expanded
from junto.errors import CertificateError

_log = logging.getLogger("junto.config")
_LONGEST = 1024  # bytes; OpenSSL takes no longer one
_SOURCES = 'give "prompt", "env:NAME" or "file:PATH" (the first line of that file)'


def opened_key(place: str, key_pem: bytes, source: str | None) -> bytes:
    """A private key as PEM without passphrase; what has none, or is no key, is returned as it is.

    Args:
        place: what the key is called in messages, such as ``tls_config.key``.
        source: where its passphrase is; None: nobody has said so.

    Raises:
        CertificateError: it has a passphrase that is not there or does not open it.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )

    if source is not None:
        require_source(place, source)
    if not _is_protected(key_pem):
        if source is not None:
            _log.warning("%s has no passphrase, although one is announced: the key lies open", place)
        return key_pem
    if source is None:
        raise CertificateError(
            f"{place} is protected by a passphrase, and nothing says where the passphrase is",
            fix=f"key_password in tls_config, --key-password of a command: {_SOURCES}",
        )
    try:
        key = load_pem_private_key(key_pem, password=read_passphrase(place, source))
    except ValueError:
        raise CertificateError(
            f"{place} does not open with the passphrase from {source}",
            fix=f"find out whether it is the right one: openssl pkey -noout -in KEY{_passin(source)}",
        ) from None
    except UnsupportedAlgorithm:
        raise CertificateError(
            f"{place} is encrypted in a way that cannot be read here",
            fix="encrypt it anew: openssl pkcs8 -topk8 -v2 aes-256-cbc -in KEY -out NEW",
        ) from None
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_passphrase(place: str, source: str, *, repeat: bool = False) -> bytes:
    """The passphrase of `place` from its source; `repeat`: for a new key, so that it is typed twice.

    Raises CertificateError: the source is none, or there is no passphrase in it.
    """
    require_source(place, source)
    kind, _, name = source.partition(":")
    if kind == "prompt":
        secret = _typed(place, repeat)
    elif kind == "env":
        value = os.environ.get(name)
        if value is None:
            raise CertificateError(
                f"the passphrase of {place} is not there: the environment has no variable {name}",
                fix=f"export {name} for this process",
            )
        secret = os.fsencode(value)
    else:
        secret = _first_line(place, expanded(name))
    if not 0 < len(secret) < _LONGEST:
        what = "empty" if not secret else f"longer than {_LONGEST - 1} bytes"
        raise CertificateError(
            f"the passphrase of {place} from {source} is {what}", fix="give one of 1 to 1023 bytes"
        )
    return secret


def warn_if_open(place: str, path: Path) -> None:
    """Warn of a secret in a file that other users of this machine can read."""
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    if os.name == "posix" and stat.S_ISREG(status.st_mode) and mode & 0o077:
        _log.warning(
            "%s: other users of this machine can read the file (mode %04o); chmod 600 it", place, mode
        )


def require_source(place: str, source: str) -> None:
    """Raise CertificateError unless it says where a passphrase is; no message repeats it."""
    kind, _, name = source.partition(":") if isinstance(source, str) else ("", "", "")
    if source == "prompt" or (kind == "file" and name) or (kind == "env" and name.isidentifier()):
        return
    raise CertificateError(
        f"where the passphrase of {place} is has to be said; the passphrase itself is not taken here",
        fix=_SOURCES,
    )


def _is_protected(key_pem: bytes) -> bool:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        load_pem_private_key(key_pem, password=None)
    except TypeError:
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False  # whoever uses the key says what is wrong with it
    return False


def _typed(place: str, repeat: bool) -> bytes:
    if sys.stdin is None or not sys.stdin.isatty():
        raise CertificateError(
            f"nobody can be asked for the passphrase of {place}: standard input is no terminal",
            fix='use "env:NAME" or "file:PATH" where nobody types',
        )
    try:
        secret = getpass.getpass(f"Passphrase of {place}: ")
        if repeat and getpass.getpass("The same again: ") != secret:
            raise CertificateError(f"the two passphrases for {place} differ", fix="try again")
    except EOFError:
        raise CertificateError(
            f"no passphrase of {place} was typed",
            fix="start again and type it, or name a file or an environment variable that has it",
        ) from None
    return secret.encode("utf-8", "surrogateescape")


def _first_line(place: str, path: Path) -> bytes:
    try:
        warn_if_open(f"the passphrase of {place}", path)
        with path.open("rb") as file:
            return file.readline(_LONGEST + 2).rstrip(b"\r\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise CertificateError(
            f"the passphrase of {place} is not there: {path} cannot be read: {reason}",
            fix="check the path, and that this account may read it",
        ) from None


def _passin(source: str) -> str:
    return "" if source == "prompt" else f" -passin {source}"

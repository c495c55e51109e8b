"""`tls_config`: what it takes, and one sentence for each thing that is wrong with it."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from junto.certificates import ephemeral
from junto.config.pem import parse_tls
from junto.errors import CertificateError, ConfigError
from junto.reach.tls_context import client_context, server_context

TLS = ephemeral(["alice", "bob"])
ALICE = TLS["alice"]
DAY = datetime.timedelta(days=1)


def config(**changes: Any) -> dict[str, Any]:
    return {
        "ca_cert": ALICE.ca_cert.decode(),
        "cert": ALICE.cert.decode(),
        "key": ALICE.key.decode(),
        **changes,
    }


def refused(**changes: Any) -> str:
    with pytest.raises(CertificateError) as caught:
        parse_tls(config(**changes))
    text = str(caught.value)
    assert "PRIVATE KEY" not in text
    return text


def self_signed(
    start: datetime.timedelta = -DAY,
    end: datetime.timedelta = DAY,
    extend: Callable[[x509.CertificateBuilder], x509.CertificateBuilder] = lambda builder: builder,
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | None = None,
) -> dict[str, str]:
    key = key or ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(x509.Name([])).serial_number(1)
    )
    builder = builder.public_key(key.public_key()).not_valid_before(now + start).not_valid_after(now + end)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    pem = extend(builder).sign(key, algorithm).public_bytes(Encoding.PEM)
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {"cert": pem.decode(), "key": text.decode()}


def test_text_bytes_and_paths_are_one(tmp_path: Path) -> None:
    path = tmp_path / "alice.pem"
    path.write_bytes(ALICE.cert)
    assert parse_tls(config()) == ALICE
    assert parse_tls(config(cert=path)) == parse_tls(config(cert=str(path))) == ALICE
    assert parse_tls(config(key=ALICE.key)) == ALICE


def test_missing_and_mistyped() -> None:
    with pytest.raises(ConfigError, match=r"tls_config\.key is missing"):
        parse_tls(config(key=None))
    with pytest.raises(ConfigError, match=r"tls_config\.cert has to be PEM text or the path"):
        parse_tls(config(cert=3))


def test_neither_pem_nor_a_file() -> None:
    assert "tls_config.cert ('nowhere.pem') is neither PEM text nor a file" in refused(cert="nowhere.pem")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "neither PEM text nor a file" in refused(cert=str(tmp_path))


def test_what_might_be_a_key_is_not_repeated() -> None:
    body = "".join(ALICE.key.decode().splitlines()[1:-1])
    assert body[:12] not in refused(key=body)
    assert "nowhere.key" in refused(key="nowhere.key")


def test_a_der_file_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "alice.der"
    path.write_bytes(x509.load_pem_x509_certificate(ALICE.cert).public_bytes(Encoding.DER))
    assert "openssl x509 -inform der" in refused(cert=str(path))


def test_swapped_files_are_told() -> None:
    assert "tls_config.cert holds a private key" in refused(cert=ALICE.key.decode())
    assert "tls_config.key holds no private key" in refused(key=ALICE.cert.decode())


def test_damaged_pem() -> None:
    broken = ALICE.cert.decode().replace("MII", "AAA", 1)
    assert "tls_config.cert is damaged" in refused(cert=broken)
    lines = ALICE.key.decode().splitlines()
    assert "tls_config.key is damaged" in refused(key="\n".join([lines[0], "AAAA", lines[-1]]))


def test_a_key_that_does_not_fit() -> None:
    assert "tls_config.key is not the key of tls_config.cert" in refused(key=TLS["bob"].key.decode())


SECRET = "tr\N{LATIN SMALL LETTER E WITH ACUTE}s secret"
FORMATS = (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL)


def encrypted(form: PrivateFormat = PrivateFormat.PKCS8, secret: str = SECRET) -> str:
    key = load_pem_private_key(ALICE.key, None)
    return key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(secret.encode())).decode()


@pytest.fixture(params=["file", "env", "prompt"])
def told(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], str]:
    """Puts a passphrase where a source of this kind finds it, and returns the source."""

    def put(secret: str) -> str:
        (tmp_path / "pass").write_text(secret + "\na second line\n")
        (tmp_path / "pass").chmod(0o600)
        monkeypatch.setenv("KEY_PASS", secret)
        monkeypatch.setattr("sys.stdin", Terminal())
        monkeypatch.setattr("getpass.getpass", lambda prompt: secret)
        return {"file": f"file:{tmp_path / 'pass'}", "env": "env:KEY_PASS", "prompt": "prompt"}[request.param]

    return put


class Terminal:
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("form", FORMATS)
def test_an_encrypted_key_is_opened_from_every_source(
    form: PrivateFormat, told: Callable[[str], str]
) -> None:
    tls = parse_tls(config(key=encrypted(form), key_password=told(SECRET)))
    assert load_pem_private_key(tls.key, None).private_numbers() == (  # type: ignore[union-attr]
        load_pem_private_key(ALICE.key, None).private_numbers()  # type: ignore[union-attr]
    )
    client_context(tls)
    server_context(tls)
    grpc.ssl_server_credentials([(tls.key, tls.cert)], tls.ca_cert, require_client_auth=True)
    assert SECRET not in repr(tls)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("wrong", ["another", "", "x" * 2000])
def test_a_passphrase_that_does_not_open_is_one_sentence(
    form: PrivateFormat, wrong: str, told: Callable[[str], str]
) -> None:
    text = refused(key=encrypted(form), key_password=told(wrong))
    assert "tls_config.key" in text
    assert "passphrase" in text
    assert not wrong or wrong not in text


def test_a_passphrase_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = encrypted()
    assert "nothing says where the passphrase is" in refused(key=key)
    assert "no variable NOT_THERE" in refused(key=key, key_password="env:NOT_THERE")
    assert "cannot be read: No such file" in refused(key=key, key_password=f"file:{tmp_path / 'none'}")
    assert "cannot be read: Is a directory" in refused(key=key, key_password=f"file:{tmp_path}")
    monkeypatch.setattr("sys.stdin", None)
    assert "no terminal" in refused(key=key, key_password="prompt")


@pytest.mark.parametrize(
    "literal", [SECRET, f"pass:{SECRET}", f"env:{SECRET}", f"prompt:{SECRET}", "file:", "env:"]
)
@pytest.mark.parametrize("key", [ALICE.key.decode(), encrypted()])
def test_a_passphrase_itself_is_never_taken_and_never_repeated(literal: str, key: str) -> None:
    text = refused(key=key, key_password=literal)
    assert "has to be said" in text
    assert SECRET not in text


def test_a_key_that_lies_open_although_a_passphrase_is_announced(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="junto.config"):
        assert parse_tls(config(key_password="env:NOT_THERE")) == ALICE
    assert "the key lies open" in caplog.text


def test_a_file_with_a_passphrase_that_others_can_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "pass").write_text(SECRET)
    (tmp_path / "pass").chmod(0o644)
    with caplog.at_level(logging.WARNING, logger="junto.config"):
        parse_tls(config(key=encrypted(), key_password=f"file:{tmp_path / 'pass'}"))
    assert "other users of this machine can read the file (mode 0644)" in caplog.text
    assert SECRET not in caplog.text


def test_expired_and_not_yet_valid() -> None:
    assert "tls_config.cert expired on" in refused(**self_signed(-2 * DAY, -DAY))
    assert "this machine's clock says" in refused(**self_signed(DAY, 2 * DAY))
    assert "tls_config.ca_cert expired on" in refused(ca_cert=self_signed(-2 * DAY, -DAY)["cert"])


def test_ed25519_is_refused_because_grpc_refuses_it() -> None:
    assert "Ed25519 included" in refused(**self_signed(key=ed25519.Ed25519PrivateKey.generate()))


def test_a_server_only_certificate() -> None:
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    own = self_signed(extend=lambda builder: builder.add_extension(usage, critical=False))
    assert "may not be used as client" in refused(**own)


def test_a_key_file_open_to_others_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "alice.key"
    path.write_bytes(ALICE.key)
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING, logger="junto.config"):
        parse_tls(config(key=str(path)))
    assert "mode 0644" in caplog.text
    caplog.clear()
    path.chmod(0o600)
    with caplog.at_level(logging.WARNING, logger="junto.config"):
        parse_tls(config(key=str(path)))
    assert "mode" not in caplog.text


def test_soon_to_expire_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="junto.config"):
        parse_tls(config(**self_signed(-40 * DAY, 10 * DAY)))
    assert "tls_config.cert expires in 9 days" in caplog.text

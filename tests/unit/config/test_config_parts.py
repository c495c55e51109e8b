"""The parts of the configuration by themselves: addresses, names, gRPC's options, files, passphrases."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from junto.config.addresses import check_party_names, parse_address, parse_party_list
from junto.config.grpc_options import KNOWN, REFUSED, parse_channel_options
from junto.config.model import Address
from junto.config.passphrase import opened_key, read_passphrase, require_source
from junto.config.toml import merge, read_toml
from junto.errors import CertificateError, ConfigError

# -------------------------------------------------------------------- addresses and names


@given(st.ip_addresses(), st.integers(1, 65535))
def test_an_ip_address_is_read_as_it_is_written(ip, port: int) -> None:
    written = f"[{ip}]:{port}" if ip.version == 6 else f"{ip}:{port}"
    assert parse_address("here", f" {written} ") == Address(str(ip), port)
    if ip.version == 6:
        with pytest.raises(ConfigError, match="in brackets"):
            parse_address("here", f"{ip}:{port}")


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("", "is empty"),
        ("<host>:<port>", "placeholder"),
        ("alice.bank:PORT", "placeholder"),
        ("https://alice.bank:9001/", "without a scheme"),
        ("alice.bank", "without a port"),
        ("alice.bank:", "without a port"),
        ("alice.bank:0", "no port"),
        ("alice.bank:65536", "no port"),
        ("alice.bank:+90", "no port"),
        ("10.0.0.256:9001", "no IPv4 address"),
        ("[::1]9001", r"not \[IPv6\]:port"),
        ("[::g]:9001", "no IPv6 address"),
        ("alice@bank:9001", "no host name"),
        ("-bank:9001", "no host name"),
        (9001, "here"),
    ],
)
def test_what_is_no_address_is_named_with_its_place(text: object, about: str) -> None:
    with pytest.raises(ConfigError, match=about) as caught:
        parse_address("here", text)
    assert "here" in caught.value.message


@pytest.mark.parametrize("name", ["", "-a", "a-", "a b", "a/b", "ä", "a" * 64, "a\n"])
def test_a_name_that_does_not_fit_into_a_certificate_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be a party's name"):
        check_party_names("parties", [name])


def test_names_are_different_even_to_tls() -> None:
    assert parse_party_list("parties", ["alice", "bob.bank", "a" * 63]) == ("alice", "bob.bank", "a" * 63)
    for names, about in ((["bob", "bob"], "twice"), (["bob", "Bob"], "by case only"), ([], "is empty")):
        with pytest.raises(ConfigError, match=about):
            parse_party_list("parties", names)


# -------------------------------------------------------------------- gRPC's options


def test_known_options_pass_and_a_misspelt_one_is_named() -> None:
    given_ = {name: 7 for name in KNOWN}
    assert parse_channel_options("options", given_) == tuple(given_.items())
    assert parse_channel_options("options", [("grpc.http2.bdp_probe", True)]) == (
        ("grpc.http2.bdp_probe", 1),
    )
    with pytest.raises(ConfigError, match="no option") as caught:
        parse_channel_options("options", {"grpc.keepalive_time": 7})
    assert "grpc.keepalive_time_ms" in str(caught.value.fix)


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_weaken_a_silo_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="may not be set"):
        parse_channel_options("options", {name: 1})


@pytest.mark.parametrize(
    "wrong", ["text", [("grpc.dscp",)], [(1, 2)], [("grpc.dscp", 1.5)], [("grpc.dscp", 1), ("grpc.dscp", 2)]]
)
def test_what_is_no_option_is_refused(wrong: object) -> None:
    with pytest.raises(ConfigError):
        parse_channel_options("options", wrong)


# -------------------------------------------------------------------- files


def test_paths_in_a_file_are_relative_to_it(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        'ledger = "out.jsonl"\n[tls_config]\ncert = "a/b.pem"\nkey = "/k.pem"\nkey_password = "file:word"\n'
        'ca_cert = "-----BEGIN CERTIFICATE-----"\n',
        encoding="utf-8-sig",
    )
    assert read_toml(str(file)) == {
        "ledger": f"{tmp_path}/out.jsonl",
        "tls_config": {
            "cert": f"{tmp_path}/a/b.pem",
            "key": "/k.pem",
            "key_password": f"file:{tmp_path}/word",
            "ca_cert": "-----BEGIN CERTIFICATE-----",
        },
    }


@pytest.mark.parametrize(
    ("data", "about"),
    [(b"a = ", "not valid TOML"), (b"\xff", "no text in UTF-8"), (b'config = "x"', "another configuration")],
)
def test_a_file_that_is_none_is_named(tmp_path: Path, data: bytes, about: str) -> None:
    (tmp_path / "c.toml").write_bytes(data)
    with pytest.raises(ConfigError, match=about):
        read_toml(str(tmp_path / "c.toml"))
    with pytest.raises(ConfigError, match="cannot be read"):
        read_toml(str(tmp_path / "absent.toml"))


def test_arguments_go_over_a_file_key_by_key() -> None:
    file = {"ledger": "f", "job": 1, "tls_config": {"cert": "c", "key": "k"}, "parties": {"a": 1}}
    given_ = {"ledger": None, "job": 2, "tls_config": {"key": "other"}, "parties": {"b": 2}}
    assert merge(file, given_) == {
        "ledger": "f", "job": 2, "tls_config": {"cert": "c", "key": "other"}, "parties": {"b": 2},
    }  # fmt: skip
    assert file["tls_config"] == {"cert": "c", "key": "k"}


# -------------------------------------------------------------------- passphrases

KEY = ec.generate_private_key(ec.SECP256R1())


def pem(passphrase: bytes | None) -> bytes:
    how = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)


def test_a_key_opens_with_the_passphrase_of_a_file_or_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = tmp_path / "word"
    word.write_bytes(b"hush\nnot this\n")
    word.chmod(0o600)
    monkeypatch.setenv("WORD", "hush")
    for source in (f"file:{word}", "env:WORD"):
        assert opened_key("key", pem(b"hush"), source) == pem(None)
    assert opened_key("key", pem(None), None) == pem(None)
    with pytest.raises(CertificateError, match="does not open"):
        opened_key("key", pem(b"other"), "env:WORD")
    with pytest.raises(CertificateError, match="nothing says where"):
        opened_key("key", pem(b"hush"), None)


@pytest.mark.parametrize("value", [None, "", "x" * 1024])
def test_a_passphrase_that_is_none_is_no_secret(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("WORD", raising=False)
    if value is not None:
        monkeypatch.setenv("WORD", value)
    with pytest.raises(CertificateError, match=r"not there|is empty|longer than 1023 bytes") as caught:
        read_passphrase("key", "env:WORD")
    assert not value or value not in str(caught.value)


@pytest.mark.parametrize("source", ["correct horse", "env:a b", "pass:word", "PROMPT", 5])
def test_the_passphrase_itself_is_not_taken_and_not_repeated(source: object) -> None:
    with pytest.raises(CertificateError, match="itself is not taken here") as caught:
        require_source("key", source)
    assert f"{source}" not in str(caught.value)
    for nowhere in ("env:", "file:", ""):
        with pytest.raises(CertificateError, match="itself is not taken here"):
            require_source("key", nowhere)

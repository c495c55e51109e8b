"""`junto certs`, as a person types it."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from junto.certificates import create_ca, issue
from junto.cli.certs import app
from junto.config.build import build_settings
from junto.config.pem import parse_tls
from junto.config.template import template


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def answer(*arguments: object) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_two_commands_on_one_machine(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    assert run("ca", "--org", "Pilot", "--out", folder).exit_code == 0
    result = run("party", "alice", "bob", "--ca", folder, "--host", "alice=alice.bank")
    assert result.exit_code == 0
    assert "DNS:alice, DNS:alice.bank" in result.stdout
    assert "PRIVATE" not in result.output
    for name in ("alice", "bob"):
        parse_tls(
            {"ca_cert": folder / "ca.pem", "cert": folder / f"{name}.pem", "key": folder / f"{name}.key"}
        )
    for name in ("ca", "alice", "bob"):
        assert stat.S_IMODE((folder / f"{name}.key").stat().st_mode) == 0o600


def test_a_key_never_leaves_its_machine(tmp_path: Path) -> None:
    authority, bank = tmp_path / "authority", tmp_path / "bank"
    answer("ca", "--out", authority)
    requested = answer("request", "alice", "--host", "alice.bank", "--out", bank)["files"][0]
    fingerprint = requested["fingerprint"]
    (authority / "alice.csr").write_bytes((bank / "alice.csr").read_bytes())
    signed = answer("sign", authority / "alice.csr", "--ca", authority, "--fingerprint", fingerprint)[
        "files"
    ][0]
    assert signed["fingerprint"] == fingerprint
    assert signed["names"] == requested["names"] == "DNS:alice, DNS:alice.bank"
    assert sorted(path.name for path in authority.iterdir()) == ["alice.csr", "alice.pem", "ca.key", "ca.pem"]
    parse_tls({"ca_cert": authority / "ca.pem", "cert": authority / "alice.pem", "key": bank / "alice.key"})


def test_keys_with_a_passphrase_from_the_ca_to_the_settings(tmp_path: Path) -> None:
    for name in ("ca", "alice"):
        (tmp_path / f"{name}.pass").write_text(f"the passphrase of {name}\n")
        (tmp_path / f"{name}.pass").chmod(0o600)
    of_ca, of_alice = (f"file:{tmp_path / name}.pass" for name in ("ca", "alice"))
    answer("ca", "--out", tmp_path, "--key-password", of_ca)
    answer("request", "alice", "--out", tmp_path, "--key-password", of_alice)
    for name in ("ca", "alice"):
        assert b"ENCRYPTED PRIVATE KEY" in (tmp_path / f"{name}.key").read_bytes()
    sign = ("sign", tmp_path / "alice.csr", "--ca", tmp_path, "--yes")
    for source, words in ((None, "nothing says where"), (of_alice, "does not open with the passphrase")):
        result = run(*sign, *(("--key-password", source) if source else ()))
        assert result.exit_code == 2
        assert words in " ".join(result.output.split())
    answer(*sign, "--key-password", of_ca)
    settings = tmp_path / "alice.toml"
    filled = template("alice", []).replace('# key_password = "prompt"', 'key_password = "file:alice.pass"')
    settings.write_text(filled)
    tls = build_settings({"config": str(settings)}).tls
    assert tls is not None
    assert tls.key.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert run("party", "bob", "--ca", tmp_path, "--key-password", of_ca).exit_code == 0


def test_an_uncompared_or_foreign_request_is_not_signed(tmp_path: Path) -> None:
    answer("ca", "--out", tmp_path)
    answer("request", "alice", "--out", tmp_path)
    for options, words in (([], "nobody has compared"), (["--fingerprint", "SHA256:00"], "do not sign it")):
        result = run("sign", tmp_path / "alice.csr", "--ca", tmp_path, *options)
        assert result.exit_code == 2
        assert words in " ".join(result.output.split())
        assert not (tmp_path / "alice.pem").exists()
    assert run("sign", tmp_path / "alice.csr", "--ca", tmp_path, "--yes").exit_code == 0


def test_nothing_is_overwritten_and_nothing_is_half_done(tmp_path: Path) -> None:
    answer("ca", "--out", tmp_path)
    answer("party", "bob", "--ca", tmp_path)
    before = (tmp_path / "bob.key").read_bytes()
    result = run("party", "alice", "bob", "--ca", tmp_path)
    assert result.exit_code == 2
    assert "is not overwritten" in result.output
    assert (tmp_path / "bob.key").read_bytes() == before
    assert not (tmp_path / "alice.key").exists()
    assert run("ca", "--out", tmp_path).exit_code == 2


@pytest.mark.parametrize(("days", "warning"), [(10, "expires in 9 days"), (200, None)])
def test_show_warns_before_it_expires(tmp_path: Path, days: int, warning: str | None) -> None:
    file = tmp_path / "alice.pem"
    file.write_bytes(issue("alice", (), create_ca("Pilot"), days).pem)
    assert answer("show", file)["files"][0]["warning"] == warning
    assert ("warning" in run("show", file).stdout) is (warning is not None)


def test_errors_are_json_too(tmp_path: Path) -> None:
    result = run("show", tmp_path / "none.pem", "--json")
    assert result.exit_code == 2
    error = json.loads(result.stdout)["error"]
    assert (error["type"], error["code"]) == ("CertificateError", "J102")


def test_a_missing_ca_says_how_to_make_one(tmp_path: Path) -> None:
    assert "junto certs ca --out" in run("party", "alice", "--ca", tmp_path).output


def test_the_template_is_printed() -> None:
    assert 'self_party = "carol"' in run("template", "carol", "alice").stdout


@pytest.mark.parametrize("name", ["../x", "/abs", "a/b", "..", ".", "", "a\0b", "a\nb"])
@pytest.mark.parametrize("command", [["request", "--out"], ["party", "--ca"]])
def test_a_name_that_is_no_party_s_names_no_file(name: str, command: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    answer("ca", "--out", folder)
    before = sorted(tmp_path.rglob("*"))
    result = run(command[0], command[1], folder, "--", name)
    assert result.exit_code == 2
    assert "cannot be a party's name" in " ".join(result.output.split())
    assert sorted(tmp_path.rglob("*")) == before
    assert run("template", "--", name).exit_code == 2

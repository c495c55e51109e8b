"""A TOML file is the same thing as the arguments of `sf.init`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from junto.certificates import ephemeral
from junto.config import build_settings
from junto.config.template import template
from junto.errors import CertificateError, ConfigError

FILE = """
job_name = "pilot"
ledger = "alice.jsonl"
[cluster_config]
self_party = "alice"
[cluster_config.parties.alice]
address = "127.0.0.1:9001"
[cluster_config.parties.bob]
address = "127.0.0.1:9002"
[cross_silo_comm_options]
timeout_in_ms = 20000
"""


def write(folder: Path, text: str) -> str:
    path = folder / "alice.toml"
    path.write_text(text)
    return str(path)


def test_the_file_holds_the_arguments(tmp_path: Path) -> None:
    settings = build_settings({"config": write(tmp_path, FILE)})
    assert (settings.job_name, settings.self_party, settings.link.peer_timeout_s) == ("pilot", "alice", 20.0)


def test_a_path_object_will_do(tmp_path: Path) -> None:
    assert build_settings({"config": Path(write(tmp_path, FILE))}).job_name == "pilot"


def test_explicit_arguments_win_key_by_key(tmp_path: Path) -> None:
    arguments: dict[str, Any] = {
        "config": write(tmp_path, FILE),
        "job_name": "other",
        "ledger": None,
        "cluster_config": {"self_party": "bob", "parties": {"bob": {"identity": "robert"}}},
    }
    settings = build_settings(arguments)
    assert (settings.job_name, settings.self_party) == ("other", "bob")
    assert settings.cluster["bob"].identity == "robert"
    assert settings.cluster["bob"].address.port == 9002
    assert settings.ledger is not None, "None leaves the file's value alone"


def test_relative_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls = ephemeral(["alice"])["alice"]
    for name, content in (("ca.pem", tls.ca_cert), ("a.pem", tls.cert), ("a.key", tls.key)):
        (tmp_path / name).write_bytes(content)
    text = FILE + '[tls_config]\nca_cert = "ca.pem"\ncert = "a.pem"\nkey = "a.key"\n'
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    settings = build_settings({"config": write(tmp_path, text)})
    assert settings.tls == tls
    assert settings.ledger == str(tmp_path / "alice.jsonl")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("parties = [", "not valid TOML"),
        (FILE + '[cluster_config.parties.bob]\naddress = "x:1"', "once only"),
        ('config = "other.toml"', "names another configuration file"),
        (FILE + "partys = 1", "'partys' in cross_silo_comm_options"),
        ('tls_config = "x"\nparties = ["a"]', "tls_config is given, but with parties"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build_settings({"config": write(tmp_path, text)})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_file_may_begin_with_the_mark_of_its_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "alice.toml"
    path.write_bytes('parties = ["alice", "bob"]  # älter'.encode(encoding))
    assert build_settings({"config": str(path)}).parties == ("alice", "bob")


@pytest.mark.parametrize("encoding", ["utf-16", "gbk", "latin-1"])
def test_another_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "alice.toml"
    path.write_bytes("parties = ['über']".encode(encoding))
    with pytest.raises(ConfigError, match="no text in UTF-8") as caught:
        build_settings({"config": str(path)})
    assert caught.value.fix


def test_the_template_is_complete_but_for_the_files_it_names(tmp_path: Path) -> None:
    path = write(tmp_path, template("alice", ("bob", "carol")))
    with pytest.raises(CertificateError, match=r"ca\.pem"):
        build_settings({"config": path})
    tls = ephemeral(["alice"])["alice"]
    for name, content in (("ca.pem", tls.ca_cert), ("alice.pem", tls.cert), ("alice.key", tls.key)):
        (tmp_path / name).write_bytes(content)
    settings = build_settings({"config": path})
    assert settings.parties == ("alice", "bob", "carol")
    assert settings.require_tls
    assert settings.tls == tls


def test_every_commented_line_of_the_template_can_be_switched_on(tmp_path: Path) -> None:
    """The examples in the comments are real settings too."""
    text = template("alice", ("bob",))
    for line in ("# ledger", "# peer_timeout_s", "# wait_timeout_s", "# meet_timeout_s", "# identity"):
        assert line in text
        text = text.replace(line, line[2:])
    head, tail = text.split("# [cross_silo_serializing_allowed_list]")
    tail = "[cross_silo_serializing_allowed_list]" + tail.replace("\n# ", "\n")
    tls = ephemeral(["alice"])["alice"]
    for name, content in (("ca.pem", tls.ca_cert), ("alice.pem", tls.cert), ("alice.key", tls.key)):
        (tmp_path / name).write_bytes(content)
    settings = build_settings({"config": write(tmp_path, head + tail)})
    assert settings.link.retry_max_s == 2.0
    assert settings.link.max_value_bytes == 1 << 30
    assert settings.allow_pickle == {"collections": ("OrderedDict",)}

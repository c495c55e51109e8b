"""What is judged before anything starts."""

import logging
import socket
import subprocess
import sys

import pytest

import junto as sf
from junto.certificates import ephemeral
from junto.errors import CertificateError, ConfigError, DeadlineExceeded, PartyUnreachable
from junto.ledger import LedgerFile, verify
from parties import free_ports

NAMES = ("alice", "bob")


def tls(own, **changed):
    return {"ca_cert": own.ca_cert, "cert": own.cert, "key": own.key} | changed


def opened(**settings):
    """A session that is opened, and at once over."""
    with sf.Session(**settings):
        pass


@pytest.fixture
def cluster():
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [each.getsockname()[1] for each in (one, other)]
    parties = {name: {"address": f"127.0.0.1:{port}"} for name, port in zip(NAMES, ports, strict=True)}
    return {"self_party": "alice", "parties": parties}


def test_the_certificate_of_another_party_is_our_own_mistake(cluster, monkeypatch):
    monkeypatch.setattr("junto.net.gateway.SiloGateway.start", None)  # nothing may have started
    with pytest.raises(CertificateError, match=r"tls_config.cert names bob, and self_party is alice"):
        opened(cluster_config=cluster, tls_config=tls(ephemeral(NAMES)["bob"]))


def test_a_certificate_that_names_nobody_and_one_of_another_ca_are_warned_of(cluster, caplog):
    stranger, usual = ephemeral(["mallory"])["mallory"], ephemeral(NAMES)["alice"]
    with (
        caplog.at_level(logging.WARNING, "junto"),
        pytest.raises((DeadlineExceeded, PartyUnreachable)),
    ):
        opened(
            cluster_config=cluster,
            tls_config=tls(stranger, ca_cert=usual.ca_cert),
            meet_timeout_s=0.3,
        )
    assert "the others will refuse us" in caplog.text
    assert "DNS:mallory" in caplog.text
    assert "not issued by a CA in tls_config.ca_cert" in caplog.text


def test_nothing_is_warned_of_where_all_is_well(cluster, caplog):
    own = ephemeral(NAMES)["alice"]
    with caplog.at_level(logging.WARNING, "junto"), pytest.raises((DeadlineExceeded, PartyUnreachable)):
        opened(cluster_config=cluster, tls_config=tls(own), meet_timeout_s=0.3)
    assert "certificate" not in caplog.text
    assert "tls_config" not in caplog.text


@pytest.mark.parametrize("entry", [{"builtins": ["eval"]}, {"os": ["system"]}, {"subprocess": ["*"]}])
@pytest.mark.parametrize("mode", [{"debug_mode": True}, {"address": "local"}])
def test_an_entry_for_pickles_that_means_nothing_is_an_error_in_every_mode(entry, mode):
    with pytest.raises(ConfigError, match="standard library"):
        opened(parties=list(NAMES), cross_silo_serializing_allowed_list=entry, **mode)


def test_the_guides_own_list_and_data_types_are_taken():
    allowed = {"numpy.core.numeric": ["*"], "numpy": ["dtype"], "collections": ["OrderedDict", "*"]}
    opened(parties=list(NAMES), debug_mode=True, cross_silo_serializing_allowed_list=allowed)


def no_ledger(folder, kind):
    """A path where no ledger can be written."""
    path = folder / "l.jsonl"
    if kind == "no folder":
        return folder / "absent" / "l.jsonl"
    if kind == "no ledger":
        path.write_text("hello\n")
    elif kind == "a folder":
        path.mkdir()
    elif kind == "in a file":
        path.write_text("")
        return path / "l.jsonl"
    elif kind == "too long":
        return folder / ("l" * 300)
    elif kind == "no path":
        return f"{folder}/a\0b"
    return path


@pytest.mark.parametrize(
    "kind", ["no folder", "no ledger", "a folder", "in a file", "too long", "no path", "in use"]
)
@pytest.mark.parametrize("mode", ["production", "simulation", "debug"])
def test_a_ledger_that_cannot_be_written_is_said_before_anything_starts(
    kind, mode, cluster, tmp_path, monkeypatch
):
    monkeypatch.setattr("junto.net.gateway.SiloGateway.start", None)
    monkeypatch.setattr("junto.program.startup._executor", None)
    how = {
        "production": {"cluster_config": cluster},
        "simulation": {"parties": NAMES},
        "debug": {"parties": NAMES, "debug_mode": True},
    }[mode]
    ledger = no_ledger(tmp_path, kind)
    used = LedgerFile(str(ledger)) if kind == "in use" else None
    with pytest.raises(ConfigError, match="the ledger") as caught:
        opened(**how, ledger=ledger)
    assert "\n" not in caught.value.message
    assert caught.value.fix
    if used is not None:
        used.close()


def test_a_run_that_did_not_begin_gives_its_ledger_back(cluster, tmp_path):
    for _ in range(2):
        with pytest.raises((DeadlineExceeded, PartyUnreachable)):
            opened(cluster_config=cluster, meet_timeout_s=0.1, ledger=tmp_path / "l.jsonl")
    for _ in range(2):
        opened(parties=NAMES, ledger=tmp_path / "l.jsonl")
    assert verify(tmp_path / "l.jsonl").ok


REFUSED = """
import sys, threading
import junto as sf
most, start = int(sys.argv[1]), threading.Thread.start
def refuse(thread):
    if threading.active_count() >= most:
        raise RuntimeError("can't start new thread")
    start(thread)
threading.Thread.start = refuse
places = {name: {"address": f"127.0.0.1:{port}"} for name, port in zip(("alice", "bob"), sys.argv[2:])}
try:
    sf.init(cluster_config={"self_party": "alice", "parties": places})
except sf.ExecutorError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_where_the_system_gives_no_more_threads_a_start_says_so_and_the_process_ends(threads: int) -> None:
    """What gRPC had begun by then kept it from ever ending."""
    ports = map(str, free_ports(2))
    child = subprocess.run(
        [sys.executable, "-c", REFUSED, str(threads), *ports], capture_output=True, text=True, timeout=200
    )
    assert "this machine refuses what a run needs: can't start new thread" in child.stdout, child.stderr
    assert child.returncode == 0

"""What two parties make ahead: calls use it once and send nothing more to prepare; without it they go on."""

from __future__ import annotations

import os
import shutil
import stat
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import junto as sf
from junto.device.spu import correlation_pool as pools
from spu_values import secret, spu_of

PARTIES = ["alice", "bob", "carol"]
X, Y = np.linspace(-2, 2, 12).reshape(4, 3), np.array([0.5, -1.5, 2.0])
SHAPES = jax.ShapeDtypeStruct((4, 3), np.float32), jax.ShapeDtypeStruct((3,), np.float32)


def model(x, y, bias):
    score = x @ y + bias
    return score, score > 0.3, jnp.sum(score * score)


@pytest.fixture
def session():
    sf.init(parties=PARTIES, address="local", logging_level="error")
    yield
    sf.shutdown()


@pytest.fixture
def folders(tmp_path):
    return {party: tmp_path / party for party in ("alice", "bob")}


def entries(folder):
    return sorted(path for path in folder.glob("*/*") if path.name.isdecimal())


def pair(folders, **runtime):
    spu = spu_of("alice", "bob", **runtime)
    spu.open_pool(folders)
    return spu


def call(spu, bias=0.25):
    """What a call gives, and what preparing it has sent."""
    x, y = secret(spu, X.astype(np.float32)), secret(spu, Y.astype(np.float32), "bob")
    with spu.profile() as profile:
        score, above, total = spu(model)(x, y, np.float32(bias))
        shown = sf.reveal([score, above, total])
    want = X @ Y + bias
    assert shown[0] == pytest.approx(want, abs=1e-3)
    assert shown[1].tolist() == (want > 0.3).tolist()
    assert shown[2] == pytest.approx(want @ want, abs=1e-2)
    return [profile.total(party).offline_bytes for party in profile.nodes]


def fill(spu, runs):
    spu.preprocess(model, *SHAPES, np.float32(0.25), runs=runs)


def test_a_call_uses_what_was_made_ahead_and_then_makes_its_own(session, folders):
    spu = pair(folders)
    fill(spu, 2)
    assert [len(entries(folders[party])) for party in folders] == [2, 2]
    assert call(spu) == [0, 0]
    assert [len(entries(folders[party])) for party in folders] == [1, 1]
    assert call(spu) == [0, 0]
    assert entries(folders["alice"]) == []
    assert min(call(spu)) > 0


def again():
    """A later run."""
    sf.shutdown()
    sf.init(parties=PARTIES, address="local", logging_level="error")


@pytest.mark.parametrize("field", ["FM64", "FM128"])
def test_a_later_run_uses_it_too(session, folders, field):
    fill(pair(folders, field=field), 2)
    assert call_later(folders, field=field) == [0, 0]
    assert call_later(folders, field=field) == [0, 0]
    assert min(call_later(folders, field=field)) > 0


def call_later(folders, **runtime):
    again()
    return call(pair(folders, **runtime))


def test_what_proves_its_range_is_made_when_it_runs(session, folders):
    spu = pair(folders, field="FM128", overflow="error")
    with pytest.raises(sf.DeviceError, match="proves at its end that no number has left its range"):
        fill(spu, 1)
    assert min(call(spu)) > 0


@pytest.mark.parametrize("shared", ["folders", "keys"])
def test_two_devices_of_one_job_do_not_open_the_same_pool(session, folders, tmp_path, shared):
    """Masks that serve twice show differences: see `pool`."""
    keys = {party: tmp_path / f"{party} key" for party in folders}
    spu, other = spu_of("alice", "bob"), {party: tmp_path / f"other {party}" for party in folders}
    spu.open_pool(folders, keys=keys)
    second, taken = spu_of("alice", "bob"), (other, keys) if shared == "keys" else (folders, None)
    with pytest.raises(sf.RemoteError, match="another SPU or another process has this party's pool open"):
        second.open_pool(taken[0], keys=taken[1])
    second.open_pool(other)  # what was opened in vain is free
    fill(spu, 1)
    assert call(spu) == [0, 0]
    assert min(call(second)) > 0


def test_where_one_party_cannot_open_its_pool_the_other_lets_go_of_its_own(session, folders, tmp_path):
    os.mkdir(folders["bob"], 0o755)
    spu = spu_of("alice", "bob")
    with pytest.raises(sf.RemoteError, match="others on this machine may enter the folder of the pool"):
        spu.open_pool(folders)
    os.chmod(folders["bob"], 0o700)
    spu.open_pool(folders)


@pytest.mark.parametrize("which", ["one", "both"])
def test_folders_that_are_brought_back_from_a_copy_bring_no_entry_back(session, folders, tmp_path, which):
    fill(pair(folders), 2)
    copies = {
        party: shutil.copytree(folder, tmp_path / f"copy of {party}") for party, folder in folders.items()
    }
    assert call_later(folders) == [0, 0]
    sf.shutdown()
    for party in ("alice", "bob")[: 1 if which == "one" else 2]:
        shutil.rmtree(folders[party])
        copies[party].rename(folders[party])
    sf.init(parties=PARTIES, address="local", logging_level="error")
    spu = pair(folders)
    assert call(spu) == [0, 0]  # the second one
    assert min(call(spu)) > 0


def test_a_call_that_was_made_before_the_pool_was_opened_does_not_ask_for_it(session, folders):
    """However late it runs: the other party's may have run already."""
    double, gate = (lambda v: v * 0.3), threading.Event()
    pair(folders).preprocess(double, SHAPES[1], runs=1)
    again()
    other = spu_of("alice", "bob")
    x = secret(other, Y.astype(np.float32))
    sf.wait(x)
    late = sf.PYU("alice")(lambda: float(gate.wait(30)))().to(other)  # what comes after it waits, too
    first = other(double)(x)
    other.open_pool(folders)
    gate.set()
    assert sf.reveal(first) == pytest.approx(Y * 0.3, abs=1e-4)
    assert len(entries(folders["alice"])) == 1
    assert sf.reveal(late) == 1
    assert sf.reveal(other(double)(x)) == pytest.approx(Y * 0.3, abs=1e-4)
    assert entries(folders["alice"]) == []


def test_another_call_does_not_use_it(session, folders):
    spu = pair(folders)
    fill(spu, 1)
    assert min(call(spu, bias=0.5)) > 0
    x = secret(spu, X.astype(np.float32))
    assert sf.reveal(spu(lambda v: v * v)(x)) == pytest.approx(X * X, abs=1e-3)
    assert len(entries(folders["alice"])) == 1


def test_an_argument_given_twice_is_another_call(session, folders):
    spu = pair(folders)
    x = secret(spu, Y.astype(np.float32))
    other = secret(spu, Y.astype(np.float32))
    product = lambda a, b: a * b  # noqa: E731
    spu.preprocess(product, x, x, runs=1)
    with spu.profile() as profile:
        assert sf.reveal(spu(product)(x, other)) == pytest.approx(Y * Y, abs=1e-3)
        assert sf.reveal(spu(product)(other, other)) == pytest.approx(Y * Y, abs=1e-3)
    calls = profile.at("alice")
    assert calls[0].cost.offline_bytes > 0
    assert calls[1].cost.offline_bytes == 0


def test_bits_and_integers_and_results_of_calls_are_masked_anew(session, folders):
    spu = pair(folders)

    def chosen(b, n, v):
        return jnp.where(b, n * 3, n), jnp.where(b, v, -v)

    b, n = secret(spu, np.array([True, False, True])), secret(spu, np.array([5, -7, 9], np.int32), "bob")
    square = spu(lambda v: v * v)(secret(spu, Y.astype(np.float32)))
    spu.preprocess(chosen, b, n, square, runs=2)
    for _ in range(2):
        with spu.profile() as profile:
            whole, signed = sf.reveal(spu(chosen)(b, n, square))
        assert whole.tolist() == [15, -7, 27]
        assert signed == pytest.approx([0.25, -2.25, 4.0], abs=1e-3)
        assert profile.total().offline_bytes == 0


def test_one_party_that_has_lost_an_entry_takes_the_other_along(session, folders):
    """As after a crash between one party's taking an entry and the other's."""
    spu = pair(folders)
    fill(spu, 3)
    entries(folders["alice"])[0].unlink()
    assert call(spu) == [0, 0]  # the second one, at both
    assert [path.name for path in entries(folders["bob"])] == ["00000002"]
    assert [path.name for path in entries(folders["alice"])] == ["00000002"]


def test_a_crash_between_taking_an_entry_and_using_it_loses_it(session, folders, monkeypatch):
    spu = pair(folders)
    fill(spu, 2)
    take = pools.Shelf.take

    def crashing(self, number):
        take(self, number)
        raise OSError("the power is gone")

    monkeypatch.setattr(pools.Shelf, "take", crashing)
    with pytest.raises(sf.JuntoError):
        call(spu)
    monkeypatch.undo()
    assert [path.name for path in entries(folders["alice"])] == ["00000001"]
    assert call_later(folders) == [0, 0]
    assert entries(folders["alice"]) == []


@pytest.mark.parametrize("party", ["alice", "bob"])
def test_an_entry_that_was_changed_is_not_used_by_either(session, folders, party):
    spu = pair(folders)
    fill(spu, 1)
    (path,) = entries(folders[party])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert min(call(spu)) > 0
    assert entries(folders["alice"]) == entries(folders["bob"]) == []


def test_an_entry_in_place_of_another_is_not_used(session, folders):
    """A used one cannot be brought back under a number that is still to come."""
    spu = pair(folders)
    fill(spu, 2)
    first, second = entries(folders["bob"])
    data = first.read_bytes()
    assert call(spu) == [0, 0]
    second.write_bytes(data)
    assert min(call(spu)) > 0


def test_pools_that_were_not_filled_together_are_not_mixed(session, folders, tmp_path):
    spu = pair(folders)
    fill(spu, 1)
    other = {party: tmp_path / f"other {party}" for party in folders}
    fill(pair(other), 1)
    assert min(call_later({"alice": folders["alice"], "bob": other["bob"]})) > 0
    assert call_later(folders) == [0, 0]


def test_what_is_on_the_disk_is_for_its_owner_alone_and_says_nothing(session, folders):
    spu = pair(folders)
    fill(spu, 2)
    for folder in folders.values():
        assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0
        for path in folder.rglob("*"):
            if path.is_file():
                assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for path in entries(folder):
            data = path.read_bytes()
            assert b"forms" not in data
            seen = np.bincount(np.frombuffer(data, np.uint8), minlength=256)
            expected = len(data) / 256
            assert ((seen - expected) ** 2 / expected).sum() < 400
    first, second = entries(folders["alice"])
    assert first.read_bytes() != second.read_bytes()


def test_a_key_that_others_may_read_is_refused(session, folders, tmp_path):
    keys = {"alice": tmp_path / "secret" / "key"}
    spu = spu_of("alice", "bob")
    spu.open_pool(folders, keys=keys)
    assert stat.S_IMODE(keys["alice"].stat().st_mode) == 0o600
    assert list(folders["alice"].iterdir()) == [folders["alice"] / "lock"]
    again()
    os.chmod(keys["alice"], 0o644)
    with pytest.raises(sf.RemoteError, match="others on this machine may read the key"):
        spu_of("alice", "bob").open_pool(folders, keys=keys)


def test_what_makes_no_sense_says_so(session, folders):
    helped = spu_of("alice", "bob", "carol")
    with pytest.raises(sf.DeviceError, match="nothing to keep"):
        helped.open_pool(folders)
    with pytest.raises(sf.DeviceError, match="nothing to keep"):
        helped.preprocess(model, *SHAPES, np.float32(0.25))
    spu = spu_of("alice", "bob")
    with pytest.raises(sf.DeviceError, match="no pool"):
        fill(spu, 1)
    spu.open_pool(folders)
    with pytest.raises(sf.DeviceError, match="from 1 on"):
        fill(spu, 0)


def test_in_debug_mode_nothing_is_made(folders):
    sf.init(parties=PARTIES, address="local", debug_mode=True, logging_level="error")
    spu = pair(folders)
    fill(spu, 3)
    assert entries(folders["alice"]) == []
    assert call(spu) == [0]  # at the one node that computes
    sf.shutdown()

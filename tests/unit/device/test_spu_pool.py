"""A pool on the disk: whatever happens, no entry is handed out twice, and one that is gone stays gone."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from junto.device.spu import correlation_pool as pools
from junto.device.spu.correlation_pool import NO_FILL, CorrelationPool, PoolEntry
from junto.errors import DeviceError
from junto.mpc.prg import fresh_key

FILL = bytes(range(16))
CALL = "0" * 32


class Crash(BaseException):
    """The process ends here."""


def filled(folder, count=3):
    """A pool that is filled; its entries' keys."""
    keys = [fresh_key() for _ in range(count)]
    pool = CorrelationPool(folder, None, 0)
    shelf = pool.shelf(CALL)
    shelf.begin(FILL)
    for key in keys:
        shelf.put(PoolEntry(key, 5, [(np.arange(3, dtype=np.uint64),)]))
    return pool, keys


def all_taken(folder):
    """The keys of all entries that are still there."""
    pool = CorrelationPool(folder, None, 0)
    shelf = pool.shelf(CALL)
    _, first, last = shelf.state()
    found = [shelf.take(number) for number in range(first, last)]
    pool.close()
    return [entry.key for entry in found if entry is not None]


def files(folder):
    return sorted(path.name for path in (folder / CALL).iterdir())


def test_entries_come_back_as_they_were_and_once(tmp_path):
    pool, keys = filled(tmp_path / "pool")
    shelf = pool.shelf(CALL)
    assert shelf.state() == (FILL, 0, 3)
    entry = shelf.take(1)
    assert (entry.key, entry.after) == (keys[1], 5)
    assert entry.made[0][0].tolist() == [0, 1, 2]
    assert shelf.state() == (FILL, 2, 3)
    assert [shelf.take(number) for number in (0, 1)] == [None, None]  # passed over, and used
    assert shelf.take(2).key == keys[2]
    assert files(tmp_path / "pool") == []
    assert pool.shelf("1" * 32).state() == (NO_FILL, 0, 0)


STEPS = ("rename", "replace", "unlink", "read_bytes", "fsync")


def crashing_at(monkeypatch, count, *, before):
    """The process ends at its step `count` on the disk, before or after it is done."""
    left = [count]

    def wrapped(step):
        def run(*args, **options):
            left[0] -= 1
            if left[0] < 0 or (left[0] == 0 and before):
                raise Crash
            result = step(*args, **options)
            if left[0] == 0:
                raise Crash
            return result

        return run

    for name in STEPS:
        owner = os if name == "fsync" else Path
        monkeypatch.setattr(owner, name, wrapped(getattr(owner, name)))
    return left


@pytest.mark.parametrize("before", [True, False])
def test_wherever_it_crashes_no_entry_comes_twice(tmp_path, monkeypatch, before):
    """At every step on the disk while an entry is taken."""
    for count in range(1, 100):
        folder = tmp_path / str(count)
        pool, keys = filled(folder)
        shelf, given = pool.shelf(CALL), []
        with monkeypatch.context() as patch, suppress(Crash):
            left = crashing_at(patch, count, before=before)
            given += [shelf.take(0).key, shelf.take(1).key]
        pool.close()
        given += all_taken(folder)
        assert len(set(given)) == len(given)
        assert keys[2] in given
        assert given == sorted(given, key=keys.index)
        assert files(folder) == []
        if left[0] > 0:
            break
    assert 10 < count < 99


@pytest.mark.parametrize("before", [True, False])
def test_wherever_filling_crashes_no_filling_mixes_with_another(tmp_path, monkeypatch, before):
    for count in range(1, 100):
        folder = tmp_path / str(count)
        pool, old = filled(folder)
        shelf = pool.shelf(CALL)
        with monkeypatch.context() as patch, suppress(Crash):
            left = crashing_at(patch, count, before=before)
            shelf.begin(FILL[::-1])
            shelf.put(PoolEntry(fresh_key(), 5, []))
        pool.close()
        fill = CorrelationPool(folder, None, 0)
        named = fill.shelf(CALL).state()[0]
        fill.close()
        taken = all_taken(folder)
        assert set(taken) <= set(old) if named == FILL else not set(taken) & set(old)
        if left[0] > 0:
            break
    assert 10 < count < 99


class Disk:
    """What the disk was told to keep of a file: its bytes, when they and then its name were synced."""

    def __init__(self, monkeypatch, path):
        self.path, self.synced, self.kept, self._real = path, set(), b"", os.fsync
        monkeypatch.setattr(os, "fsync", self.fsync)

    def fsync(self, descriptor):
        self._real(descriptor)
        about = os.fstat(descriptor)
        self.synced.add(about.st_ino)
        if about.st_ino == self.path.parent.stat().st_ino and self.path.stat().st_ino in self.synced:
            self.kept = self.path.read_bytes()


def test_an_entry_is_read_when_the_disk_has_been_told_to_forget_its_key(tmp_path, monkeypatch):
    """Power may fail at any time: names come back, and what was not synced is as it was."""
    folder = tmp_path / "pool"
    pool, keys = filled(folder)
    shutil.copytree(folder, tmp_path / "before")
    disk, reads, read = Disk(monkeypatch, tmp_path / "pool.key"), [], Path.read_bytes

    def watched(path):
        if path.suffix == ".claimed":
            reads.append(disk.kept)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", watched)
    assert pool.shelf(CALL).take(0).key == keys[0]
    pool.close()
    shutil.rmtree(folder)
    (tmp_path / "before").rename(folder)
    (tmp_path / "pool.key").write_bytes(reads[0])
    assert all_taken(folder) == keys[1:]


def test_the_keys_of_used_entries_do_not_follow_from_what_is_left(tmp_path):
    """Even for whoever says that the next one is the first one."""
    pool, keys = filled(tmp_path / "pool")
    shutil.copytree(tmp_path / "pool", tmp_path / "copy")
    assert pool.shelf(CALL).take(0).key == keys[0]
    data = (tmp_path / "pool.key").read_bytes()
    number = slice(32 + 16, 32 + 16 + 8)
    assert data[number] == (1).to_bytes(8, "big")
    forged = data[: number.start] + bytes(8) + data[number.stop :]
    (tmp_path / "copy.key").touch(0o600)
    (tmp_path / "copy.key").write_bytes(forged)
    copy = CorrelationPool(tmp_path / "copy", None, 0)
    assert copy.shelf(CALL).take(0) is None


def test_a_copy_of_the_folder_is_worth_nothing(tmp_path):
    """Used entries are not in it for whoever gets the key later, and nothing is for whoever has no key."""
    pool, keys = filled(tmp_path / "pool")
    shutil.copytree(tmp_path / "pool", tmp_path / "copy")
    assert pool.shelf(CALL).take(1).key == keys[1]
    pool.close()
    shutil.copy(tmp_path / "pool.key", tmp_path / "copy.key")
    assert all_taken(tmp_path / "copy") == [keys[2]]
    assert not list((tmp_path / "pool").glob("*key*"))


def test_an_entry_is_renamed_before_it_is_read(tmp_path, monkeypatch):
    """Two who want it at once, where locks do nothing: one gets it."""
    folder = tmp_path / "pool"
    monkeypatch.setattr(pools.fcntl, "flock", lambda *_: None)
    first, keys = filled(folder)
    second = CorrelationPool(folder, None, 0)
    state, given, real = (tmp_path / "pool.key").read_bytes(), [], pools.Path.rename

    def rename(path, target):
        (tmp_path / "pool.key").write_bytes(state)  # the other one has not seen that we advanced
        monkeypatch.setattr(pools.Path, "rename", real)
        given.append(second.shelf(CALL).take(0))
        return real(path, target)

    monkeypatch.setattr(pools.Path, "rename", rename)
    given.append(first.shelf(CALL).take(0))
    assert [entry and entry.key for entry in given] == [keys[0], None]


HOLD = """
import sys
from pathlib import Path
from junto.device.spu.correlation_pool import CorrelationPool
pool = CorrelationPool(Path(sys.argv[1]), None, 0)
print("open", flush=True)
sys.stdin.read()
"""


def test_another_process_is_refused_until_the_first_one_ends_however_that_ends(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path / "pool")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(DeviceError, match="another SPU or another process has this party's pool open"):
            CorrelationPool(tmp_path / "pool", None, 0)
        holder.kill()
    CorrelationPool(tmp_path / "pool", None, 0).close()


def test_a_pool_is_let_go_of_while_a_forked_process_lives(tmp_path):
    pool = CorrelationPool(tmp_path / "pool", None, 0)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False) as child:
        pool.close()
        CorrelationPool(tmp_path / "pool", None, 0).close()
        child.stdin.write(b"\n")


@pytest.mark.parametrize("mode", [0o701, 0o750, 0o777, 0o704])
def test_a_folder_or_key_of_others_is_refused(tmp_path, mode, monkeypatch):
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool").chmod(mode)
    with pytest.raises(DeviceError, match="may enter the folder"):
        CorrelationPool(tmp_path / "pool", None, 0)
    (tmp_path / "pool").chmod(0o700)
    CorrelationPool(tmp_path / "pool", None, 0).close()
    assert stat.S_IMODE((tmp_path / "pool.key").stat().st_mode) == 0o600
    (tmp_path / "pool.key").chmod(0o600 | mode & 0o077)
    with pytest.raises(DeviceError, match="may read the key"):
        CorrelationPool(tmp_path / "pool", None, 0)
    (tmp_path / "pool.key").chmod(0o600)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(DeviceError, match="belongs to another user"):
        CorrelationPool(tmp_path / "pool", None, 0)


def test_what_a_crash_has_left_is_swept(tmp_path):
    pool, keys = filled(tmp_path / "pool")
    pool.close()
    shelf = tmp_path / "pool" / CALL
    (shelf / "00000000").rename(shelf / "00000000.ab.claimed")
    (shelf / ".00000009.ab.part").write_bytes(b"x")
    (tmp_path / "pool" / "thesis").mkdir()
    (tmp_path / "pool" / "thesis" / "chapter.part").touch()  # somebody's own
    CorrelationPool(tmp_path / "pool", None, 0).close()
    assert files(tmp_path / "pool") == ["00000001", "00000002"]
    assert all_taken(tmp_path / "pool") == keys[1:]
    assert (tmp_path / "pool" / "thesis" / "chapter.part").exists()


def test_another_party_or_call_cannot_read_an_entry(tmp_path):
    pool, _ = filled(tmp_path / "pool")
    pool.close()
    other = CorrelationPool(tmp_path / "pool", None, 1)
    assert other.shelf(CALL).take(0) is None
    shutil.copytree(tmp_path / "pool" / CALL, tmp_path / "pool" / ("1" * 32))
    assert other.shelf("1" * 32).take(0) is None
    other.close()


def test_a_key_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "key").touch(0o600)
    (tmp_path / "key").write_bytes(bytes(33))
    with pytest.raises(DeviceError, match="has 33 bytes"):
        CorrelationPool(tmp_path / "pool", tmp_path / "key", 0)

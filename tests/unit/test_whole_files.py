"""What is to be there whole or not at all goes down to the disk before it takes its place, by one door."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import junto
from junto.join.prepared_key import PreparedKey, asks, saved_key
from junto.whole_files import locked, write_whole, written_whole

SOURCE = Path(junto.__file__).parent

OTHERS = {
    "whole_files.py": "the door",
    "cli/demo.py": "a note of the demo, in its own folder",
    "cli/output.py": "no file: a standard stream that the caller has closed",
    "cli/verdict.py": "a note between processes of one simulation",
    "device/spu/correlation_pool.py": "a lock; an entry is renamed to be claimed, not to be written",
    "device/spu/sharefile.py": "a draft, which the door publishes",
    "join/answering.py": "what is on its way, which the door publishes",
    "join/prepared_file.py": "within the door",
    "join/spool.py": "goes when the join ends",
    "ledger.py": "lines are added, each with a hash of the one before",
    "native/compiling.py": "a library that is made again",
    "net/inherited.py": "nowhere",
    "reach/tls_context.py": "in memory, or in a folder that goes at once",
    "accounting/progress_display.py": "a pipe",
}
"""Modules that write files themselves, and why they may."""

WRITES = re.compile(
    r"""O_(WRONLY|RDWR|CREAT)|\bwrite_(bytes|text)\(|mkstemp|NamedTemporary|\.touch\(|\bos\.(replace|rename|link)\("""
    r"""|\b(fd)?open\([^\n]*["'](r\+|[wax])b?\+?["']"""
)


def test_every_other_module_that_writes_a_file_has_a_reason():
    sources = {str(path.relative_to(SOURCE)): path.read_text() for path in SOURCE.rglob("*.py")}
    assert {name for name, text in sources.items() if WRITES.search(text)} == set(OTHERS)


class PowerCut(BaseException):
    """Nothing comes after it."""


@pytest.fixture
def cut(monkeypatch):
    """At which step the power goes; what takes a place must be down on the disk."""
    state = {"steps": 0, "at": 0, "synced": set()}
    honest = {name: getattr(os, name) for name in ("fsync", "replace", "link")}

    def step(name):
        def act(*given):
            state["steps"] += 1
            if state["steps"] == state["at"]:
                raise PowerCut
            if name == "fsync":
                about = os.fstat(given[0])
                state["synced"].add((about.st_ino, about.st_size, about.st_mtime_ns))
            else:
                about = os.stat(given[0])
                assert (about.st_ino, about.st_size, about.st_mtime_ns) in state["synced"]
            return honest[name](*given)

        return act

    for name in honest:
        monkeypatch.setattr(os, name, step(name))
    return state


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_power_cut_leaves_what_was_there_or_what_is_to_be_there(tmp_path, cut, overwrite):
    place, was = tmp_path / "a.key", b"old" if overwrite else None
    for at in range(1, 5):
        if overwrite:
            place.write_bytes(b"old")
        else:
            place.unlink(missing_ok=True)
        cut.update(steps=0, at=at)
        try:
            write_whole(place, [b"ne", memoryview(b"w")], mode=0o600, overwrite=overwrite)
            done = True
        except PowerCut:
            done = False
        assert (place.read_bytes() if place.exists() else None) == (b"new" if done or at == 3 else was)
        assert [path.name for path in tmp_path.iterdir()] == ["a.key"] * place.exists()
    assert (done, cut["steps"]) == (True, 3)  # the file, its place, the folder
    assert place.stat().st_mode & 0o777 == 0o600


def test_nothing_takes_the_place_of_a_file_that_is_to_stay(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(FileExistsError), written_whole(tmp_path / "a", overwrite=False) as draft:
        draft.write_bytes(b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_a_link_is_not_followed(tmp_path):
    """Somebody else may have left it there."""
    (tmp_path / "a").symlink_to(tmp_path / "b")
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "a", [b"1"], overwrite=False)
    write_whole(tmp_path / "a", [b"1"])
    assert [path.name for path in tmp_path.iterdir() if not path.is_symlink()] == ["a"]


COUNTING = """
import sys
from junto.join.prepared_key import asks
sys.stdin.readline()
for _ in range(60):
    asks(sys.argv[1], sys.argv[2], sys.argv[3], 2)
"""


def test_two_processes_that_count_by_one_key_lose_nothing(tmp_path):
    """Each replaces the file that the other one waits for."""
    path = str(tmp_path / "table")
    key = PreparedKey.fresh(240)
    key.save(path)
    names = ["alice", "alice", "carol"]
    every = [
        subprocess.Popen([sys.executable, "-c", COUNTING, path, key.name, name], stdin=subprocess.PIPE)
        for name in names
    ]
    for process in every:
        process.stdin.write(b"\n")
        process.stdin.flush()
    assert [process.wait(100) for process in every] == [0, 0, 0]
    assert saved_key(path, key.name).asked == {"alice": 240, "carol": 120}
    for process in every:
        process.stdin.close()
    with pytest.raises(junto.JoinError, match="240 keys of 240 at most"):
        asks(path, key.name, "alice", 1)


def test_who_waits_for_a_file_reads_the_one_that_took_its_place(tmp_path):
    place, heard = tmp_path / "a", []
    place.write_bytes(b"1")

    def wait():
        with locked(place) as raw:
            heard.append(raw)

    waiting = threading.Thread(target=wait)
    with locked(place) as first:
        waiting.start()
        write_whole(place, [first + b"2"])
    waiting.join(20)
    assert heard == [b"12"]


def test_what_cannot_be_written_is_named(tmp_path, monkeypatch):
    """A full disk names no file, and of the draft nobody knows."""
    place = tmp_path / "report.html"
    monkeypatch.setattr(os, "fsync", lambda descriptor: exec("raise OSError(28, 'No space left on device')"))
    with pytest.raises(OSError, match=re.escape(f"[Errno 28] No space left on device: '{place}'") + "$"):
        write_whole(place, [b"page"])
    monkeypatch.undo()
    with pytest.raises(FileNotFoundError, match=re.escape(f"'{tmp_path}/nowhere/report.html'") + "$"):
        write_whole(tmp_path / "nowhere" / "report.html", [b"page"])
    assert list(tmp_path.iterdir()) == []

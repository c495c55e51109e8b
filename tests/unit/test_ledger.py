"""The ledger: what is written can be read, and what is changed afterwards is seen."""

import errno
import json
import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from junto import ledger
from junto.errors import ConfigError
from junto.ledger import Edge, Ledger, LedgerEntry, LedgerFile, read, summarise, verify
from tries import tries


def entry(number=1, sender="alice", receiver="bob", nbytes=10, **changes):
    fields = {
        "direction": "sent",
        "operation": number,
        "index": 0,
        "text": "alice -> bob",
        "site": "fit.py:3",
        "kind": "move",
        "sender": sender,
        "receiver": receiver,
        "type_name": "ndarray[float64]",
        "shape": (2, 3),
        "nbytes": nbytes,
    }
    return LedgerEntry(**(fields | changes))


def write(path, *entries, run="ab"):
    ledger = Ledger(LedgerFile(str(path)), "job", run, "alice")
    for one in entries:
        ledger.record(one)
    ledger.close()
    return path


def test_what_is_written_can_be_read(tmp_path):
    odd = 'f("a\\b", é, 日)\u2028\x1b\t\x7f\n/'
    entries = [entry(1), entry(2, shape=None, type_name="int", text=odd, site=odd, nbytes=1 << 62)]
    path = write(tmp_path / "l.jsonl", *entries)
    recorded = list(read(path))
    assert [one.entry for one in recorded] == entries
    assert (recorded[0].job, recorded[0].run, recorded[0].party, recorded[0].number) == (
        "job",
        "ab",
        "alice",
        2,
    )
    assert verify(path).ok
    assert verify(path).lines == 4


def test_when_it_is_closed_everything_is_on_the_disk(tmp_path, monkeypatch):
    synced, real = {}, os.fsync

    def fsync(descriptor):
        real(descriptor)
        about = os.fstat(descriptor)
        synced[about.st_ino] = about.st_size

    monkeypatch.setattr(os, "fsync", fsync)
    about = write(tmp_path / "ledger", *map(entry, range(50))).stat()
    assert synced == {about.st_ino: about.st_size}


class Pause:
    """In place of the event that says that the ledger ends: who waits on it waits for a test."""

    def __init__(self) -> None:
        self.began, self.over = threading.Event(), threading.Event()

    def wait(self, timeout_s: float) -> None:
        assert timeout_s == ledger.GATHERED_S
        self.began.set()
        assert self.over.wait(20)

    def set(self) -> None:
        self.over.set()


def test_entries_that_follow_one_another_are_written_together_and_the_last_ones_without_delay(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(ledger, "Event", Pause)
    path = tmp_path / "l.jsonl"
    written = Ledger(LedgerFile(str(path)), "job", "ab", "alice")
    assert written._ends.began.wait(20)
    assert path.read_text().count("\n") == 1  # the genesis is there at once
    for number in range(1, 50):
        written.record(entry(number))
    assert path.read_text().count("\n") == 1
    written.close()
    assert [one.entry.operation for one in read(path)] == [*range(1, 50)]


def test_the_file_is_ours_alone(tmp_path):
    path = write(tmp_path / "l.jsonl", entry())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_later_run_continues_the_chain(tmp_path):
    path = write(tmp_path / "l.jsonl", entry(1))
    write(path, entry(2), run="cd")
    assert verify(path).ok
    assert [one.run for one in read(path)] == ["ab", "cd"]


@settings(max_examples=tries(40), deadline=None)
@given(st.data())
def test_any_change_but_to_the_last_line_s_end_breaks_the_chain(tmp_path_factory, data):
    path = write(tmp_path_factory.mktemp("l") / "l.jsonl", *[entry(number) for number in range(5)])
    lines = path.read_bytes().splitlines()
    at = data.draw(st.integers(0, len(lines) - 2))
    how = data.draw(st.sampled_from(["change", "remove", "repeat", "swap"]))
    if how == "change":
        fields = json.loads(lines[at])
        fields["time"] = "1999"
        lines[at] = json.dumps(fields, separators=(",", ":")).encode()
    elif how == "remove":
        del lines[at]
    elif how == "repeat":
        lines.insert(at, lines[at])
    else:
        lines[at], lines[at + 1] = lines[at + 1], lines[at]
    path.write_bytes(b"\n".join(lines) + b"\n")
    assert not verify(path).ok


def test_lines_that_were_cut_off_are_missed(tmp_path):
    path = write(tmp_path / "l.jsonl", entry(1), entry(2))
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join(lines[:-1]) + b"\n")
    cut = verify(path)
    assert not cut.ok
    assert (cut.broken, cut.unended) == (None, (1,))
    write(path, entry(3))  # a run that died is continued, and stays marked
    assert verify(path).unended == (1,)


def test_a_broken_ledger_is_not_continued(tmp_path):
    path = write(tmp_path / "l.jsonl", entry(1), entry(2))
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([lines[0], *lines[2:]]) + b"\n")
    assert verify(path).broken == 2
    with pytest.raises(ConfigError, match="broken at line 2"):
        Ledger(LedgerFile(str(path)), "job", "cd", "alice")


def test_what_is_no_ledger_is_said_so(tmp_path):
    path = tmp_path / "x"
    path.write_text("hello\n")
    with pytest.raises(ConfigError, match="no ledger: line 1"):
        list(read(path))
    assert verify(path).broken == 1
    with pytest.raises(ConfigError, match="cannot be read"):
        list(read(tmp_path / "absent"))
    with pytest.raises(ConfigError, match="cannot be written"):
        Ledger(LedgerFile(str(tmp_path / "absent" / "l.jsonl")), "job", "ab", "alice")


def test_edges_are_sums():
    entries = [entry(1), entry(2, nbytes=5), entry(3, "bob", "alice", 7)]
    expected = [Edge("alice", "bob", 2, 15), Edge("bob", "alice", 1, 7)]
    assert summarise(entries) == expected


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_full_disk_is_said_and_does_not_hang():
    said = []
    ledger = Ledger(LedgerFile("/dev/full"), "job", "run", "alice", said.append)
    ledger.record(entry())
    ledger.close()
    (error,) = said
    assert "/dev/full cannot be written: No space left" in error.message


def test_two_runs_never_write_one_file(tmp_path):
    path = str(tmp_path / "l.jsonl")
    first = LedgerFile(path)
    with pytest.raises(ConfigError, match="another run is writing the ledger"):
        LedgerFile(path)
    inherited = os.dup(first.descriptor)  # as a forked child has it
    first.close()
    LedgerFile(path).close()
    os.close(inherited)
    write(Path(path), entry())
    assert verify(path).ok


@pytest.mark.parametrize("room", [0, 1, 100, 101, 350, 700])
def test_a_full_disk_leaves_whole_lines_and_the_next_run_goes_on(tmp_path, monkeypatch, room):
    """A disk takes what it has room for, and then says so: half a line would look like a change."""
    path, left, disk = tmp_path / "ledger.jsonl", [room], os.write

    def full(descriptor, data):
        if not left[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = disk(descriptor, data[: left[0]])
        left[0] -= taken
        return taken

    told = []
    monkeypatch.setattr(ledger.os, "write", full)
    writing = Ledger(LedgerFile(str(path)), "job", "ab", "alice", told.append)
    for number in range(9):
        writing.record(entry(number))
    writing.close()
    monkeypatch.undo()
    assert "No space left" in told[0].message
    assert path.stat().st_size <= room
    assert verify(path).broken is None
    write(path, entry())
    assert verify(path).broken is None
    assert len(list(read(path))) >= 1

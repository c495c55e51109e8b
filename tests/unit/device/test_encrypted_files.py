"""Encrypted files come back as they were, and in no other way."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

import junto as sf
from junto.device import encrypted_files
from junto.device.encrypted_files import HEAD, MAGIC, TAG_BYTES, encrypting, opened, require_passphrase
from tries import tries

SOURCE = "env:JUNTO_TEST_FILES"


@pytest.fixture(autouse=True)
def passphrase(monkeypatch):
    monkeypatch.setenv("JUNTO_TEST_FILES", "correct horse")


@pytest.fixture
def quick(monkeypatch):
    """Pieces of 8 bytes, and a key that takes no time."""
    monkeypatch.setattr(encrypted_files, "PIECE", 8)
    monkeypatch.setattr(encrypted_files, "_key", lambda source, salt, new=False: AESGCM(bytes(16) + salt))


def written(parts, source=SOURCE):
    file = io.BytesIO()
    with encrypting(file, source) as sink:
        for part in parts:
            sink.write(part)
    return file.getvalue()


def read(path, data, source=SOURCE):
    path.write_bytes(data)
    file, size = opened(path, source)
    with file:
        found = file.read()
    assert size == len(found)
    return found


def test_whoever_has_the_description_and_the_passphrase_reads_it(tmp_path):
    """By another implementation of scrypt, and the format's own words."""
    plain = bytes(range(256)) * 4097  # one piece and some more
    data = written([plain])
    assert data[:20] == MAGIC + b"\0\0\0\1"
    salt, pieces = data[20:36], data[36:]
    key = AESGCM(hashlib.scrypt(b"correct horse", salt=salt, n=2**15, r=8, p=1, maxmem=2**26, dklen=32))
    cut = 2**20 + 16
    first = key.decrypt(bytes(12), pieces[:cut], data[:36])
    assert first + key.decrypt(bytes(10) + b"\1\1", pieces[cut:], data[:36]) == plain
    assert read(tmp_path / "file", data) == plain


@settings(max_examples=tries(60), deadline=None)
@given(parts=st.lists(st.binary(max_size=20), max_size=4), change=st.data())
def test_what_comes_back_is_what_was_written_or_nothing(parts, change, tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "file"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encrypted_files, "PIECE", 8)
        patch.setattr(encrypted_files, "_key", lambda source, salt, new=False: AESGCM(bytes(16) + salt))
        data = written(parts)
        assert read(path, data) == b"".join(parts)
        place = change.draw(st.integers(len(MAGIC), len(data) - 1))
        cut = 8 + TAG_BYTES
        broken = [
            data[:place] + bytes([data[place] ^ change.draw(st.integers(1, 255))]) + data[place + 1 :],
            data[:place],
            data + b"x",
            data + data[-cut:],
            data[:HEAD] + data[HEAD + cut :],
            *[data[:end] for end in range(HEAD, len(data), cut)],
        ]
        for each in broken:
            with pytest.raises(sf.DeviceError, match=r"does not open|does not know"):
                read(path, each)


def test_no_two_files_are_alike(quick):
    assert len({written([b"the same"]) for _ in range(4)}) == 4


@pytest.mark.parametrize(
    ("write", "load", "says"),
    [
        (SOURCE, None, "is encrypted, and nothing says"),
        (None, SOURCE, "is not encrypted, although"),
        (SOURCE, "env:JUNTO_TEST_OTHER", "does not open"),
        (SOURCE, "env:JUNTO_TEST_NONE", "that from env is not there"),
        (SOURCE, "file:/nowhere/at all", "that from file is not there"),
    ],
)
def test_another_passphrase_or_none_is_one_sentence(tmp_path: Path, monkeypatch, write, load, says):
    monkeypatch.setenv("JUNTO_TEST_OTHER", "battery staple")
    with pytest.raises(sf.DeviceError, match=says) as caught:
        read(tmp_path / "file", written([b"shares"], write), load)
    assert str(tmp_path) not in str(caught.value)
    assert "nowhere" not in str(caught.value)


def test_a_passphrase_itself_is_not_taken_and_not_repeated():
    for given_ in ("correct horse", "env:", "file:", "", 7):
        with pytest.raises(sf.DeviceError, match="has to be said") as caught:
            require_passphrase(given_)
        assert "correct horse" not in str(caught.value)


def test_values_of_a_party_are_kept_so(tmp_path: Path) -> None:
    with sf.Session(["alice", "bob"], debug_mode=True):
        alice, path = sf.PYU("alice"), tmp_path / "kept"
        alice.dump(alice(lambda: "a secret of hers")(), path, passphrase=SOURCE)
        assert b"secret" not in path.read_bytes()
        assert sf.reveal(alice.load(path, passphrase=SOURCE)) == "a secret of hers"
        with pytest.raises(sf.RemoteError, match="DeviceError"):
            sf.reveal(alice.load(path))
        with pytest.raises(sf.DeviceError, match="has to be said"):
            alice.dump(alice(lambda: 1)(), path, passphrase="correct horse")

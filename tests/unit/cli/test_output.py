"""What commands print arrives whatever the encoding of standard output is."""

from __future__ import annotations

import io
import re
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from junto.cli.main import main
from junto.cli.output import broken
from junto.ledger import SENT, Ledger, LedgerEntry, LedgerFile

ENCODINGS = [("ascii", "strict"), ("ascii", "surrogateescape"), ("latin-1", "strict"), ("utf-8", "strict")]
ODD = "a\N{CHECK MARK}\N{PLUS-MINUS SIGN}\udc80\N{GRINNING FACE}b"
Said = Callable[..., str]


@pytest.fixture(params=ENCODINGS, ids="-".join)
def said(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Said:
    """Runs a command with standard streams of an encoding, and returns what they got."""
    encoding, errors = request.param

    def run(*arguments: object) -> str:
        out = io.BytesIO()
        for name in ("stdout", "stderr"):
            stream = io.TextIOWrapper(out, encoding=encoding, errors=errors, write_through=True)
            monkeypatch.setattr(sys, name, stream)
        monkeypatch.setattr(sys, "argv", ["junto", *map(str, arguments)])
        monkeypatch.setenv("PYTHONIOENCODING", f"{encoding}:{errors}")
        with pytest.raises(SystemExit):
            main()
        return out.getvalue().decode(encoding)

    return run


def test_the_ledger(said: Said, tmp_path: Path) -> None:
    text = ODD.replace("\udc80", "")  # a file holds no half of a character
    ledger = Ledger(LedgerFile(str(tmp_path / "l.jsonl")), "job", "ab", "alice")
    ledger.record(LedgerEntry(SENT, 1, 0, text, text, "move", "alice", text, "int", None, 3))
    ledger.close()
    assert "alice -> a" in said("ledger", tmp_path / "l.jsonl", "--verify")


def test_an_error(said: Said) -> None:
    assert "cannot be read" in said("ledger", f"absent-{ODD}")


def test_the_doctor(said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("junto.doctor.diagnosis.BUDGET_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = [each.getsockname()[1] for each in (one, two)]
    parties = "".join(
        f'[cluster_config.parties.{name}]\naddress = "127.0.0.1:{port}"\n'
        for name, port in zip(("alice", "bob"), ports, strict=True)
    )
    (tmp_path / "a.toml").write_text(f'[cluster_config]\nself_party = "alice"\n{parties}')
    answer = said("doctor", "--config", tmp_path / "a.toml")
    assert ("\N{BALLOT X} tcp" in answer) or ("  x tcp" in answer)


@pytest.mark.slow
def test_a_script_of_parties(said: Said, tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text(f"print({ODD!a})\n")
    answer = said("simulate", tmp_path / "s.py", "--parties", "alice,bob")
    assert answer.count("a?") + answer.count("a\N{CHECK MARK}") >= 2
    assert "UnicodeEncodeError" not in answer


@given(st.text("ab \N{CJK UNIFIED IDEOGRAPH-96B7}", max_size=40), st.integers(4, 20))
def test_lines_fit_and_only_a_longer_word_does_not(text: str, room: int) -> None:
    lines = [line.plain for line in broken(Text(text), room)]
    assert re.sub(" +", "", "".join(lines)) == text.replace(" ", "")
    assert lines[0].startswith(text[: len(text) - len(text.lstrip())] if text.strip() else "")
    end = 0
    for line in lines:
        assert cell_len(line) <= room or len(line.split()) == 1
        assert not line.endswith(" "), "it would begin a line of its own"
        begin = text.index(line, end)
        end = begin + len(line)
        if word := re.search(r"\S+", text[end:]):
            assert cell_len(text[begin : end + word.end()]) > room, "as many as there is room for"


@pytest.mark.parametrize("seconds", ["nan", "inf", "-inf", "-1", "5x"])
@pytest.mark.parametrize(
    "command",
    ["simulate s.py --parties a,b --timeout", "doctor --config a.toml --wait"],
    ids=["simulate", "doctor"],
)
def test_seconds_are_a_number_of_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, seconds: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["junto", *command.split(), seconds])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert f"Invalid value for '{command.split()[-1]}'" in capsys.readouterr().err

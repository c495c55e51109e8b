"""Every block of every page is typed as it stands: programs print what is promised, commands parse.

The Python blocks of a page are cells of one session, in their order. What a block prints stands in the
comments of its `print` lines, or in the `text` block below it. Whoever adds a page adds nothing here.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

import junto as sf
from junto.cli.main import app
from pages import PAGES, Block, blocks, named

LANGUAGES = {"python", "bash", "console", "toml", "text"}
TYPED_ELSEWHERE = {
    "docs/tutorial/with-a-partner.md": "test_tutorial.py types it at three parties with a folder each",
    "docs/how-to/ray.md": "it needs a Ray cluster, whose address the reader puts in",
}
CHANGES = {
    "sf.init()\n": "a change of the program above it; test_tutorial.py makes it",
    "if random.random() < 0.5:": "a fault on purpose, in the program above it",
}
"""What a block of first-joint-program.md holds that is shown as a change of another one: it is compiled."""
NOT_OURS = {"make", "pip", "ray"}
"""Commands of other programs, which a test does not start."""

TRANSLATED = re.compile(r"\.zh\.md$")
SHOWN = re.compile(r"^print\((?:.*|\n(?: .*\n)+)\)  # (.*)$", re.MULTILINE)
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")
SPAN = re.compile(r"`(junto [^`]+)`")


def typed(page: str) -> list[Block]:
    return [block for block in blocks(page) if block.language == "python"]


def change(block: Block) -> bool:
    return any(mark in block.text for mark in CHANGES) and block.page.endswith("first-joint-program.md")


def alike(said: str, promised: str) -> bool:
    """Promised is what was said, and perhaps words on it; an SPU may round numbers otherwise."""
    said = said.replace(", done>", ", running>")
    words, wanted = NUMBER.sub("#", said), NUMBER.sub("#", promised)
    if not re.match(re.escape(words) + r"(?!\w)", wanted):
        return False
    if "operation" in said:  # as many as a join has taken
        return True
    pairs = zip(NUMBER.findall(said), NUMBER.findall(promised), strict=False)
    return all(got == want or ("." in want and abs(float(got) - float(want)) < 0.05) for got, want in pairs)


def promises(block: Block) -> list[str]:
    """The lines that the page says the block prints."""
    page = blocks(block.page)
    following = page[page.index(block) + 1 :][:1]
    if following and following[0].language == "text":
        return following[0].text.splitlines()
    return SHOWN.findall(block.text)


def runnable() -> list[str]:
    pages = [named(page) for page in PAGES if not TRANSLATED.search(page.name)]
    return [page for page in pages if page not in TYPED_ELSEWHERE and any(typed(page))]


@pytest.fixture
def session_ends() -> Iterator[None]:
    yield
    with contextlib.suppress(sf.SessionError):
        sf.shutdown()


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("page", runnable())
def test_the_programs_of_a_page_run_as_typed(
    page: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    session_ends: None,
) -> None:
    monkeypatch.chdir(tmp_path)
    cells: dict[str, object] = {"__name__": "__main__"}
    for block in typed(page):
        if change(block):
            continue
        exec(compile("\n" * (block.line - 1) + block.text, block.page, "exec"), cells)
        said, promised = capsys.readouterr().out.splitlines(), promises(block)
        assert len(said) == len(promised), f"{block.place} prints {said}, the page says {promised}"
        different = [pair for pair in zip(said, promised, strict=True) if not alike(*pair)]
        assert different == [], block.place


def every_block() -> list[Block]:
    return [block for page in PAGES for block in blocks(named(page))]


def test_every_block_says_its_language_and_can_be_read() -> None:
    assert [block.place for block in every_block() if block.language not in LANGUAGES] == []
    for block in every_block():
        if block.language == "python":
            compile(block.text, block.place, "exec")
        if block.language == "toml":
            tomllib.loads(block.text)


def test_what_is_set_aside_is_there() -> None:
    assert [page for page in TYPED_ELSEWHERE if not typed(page)] == []
    held = [mark for mark in CHANGES if any(mark in block.text for block in every_block() if change(block))]
    assert held == list(CHANGES)


def judged(command: Any, words: list[str]) -> None:
    """Parse the words as the command would, without doing anything; it raises its UsageError."""
    with command.make_context(command.name, list(words)) as context:
        if hasattr(command, "commands"):
            _, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            judged(inner, rest)


def commands(block: Block) -> Iterator[tuple[str, list[str]]]:
    """Each command of a block, without its prompt, its comment, and where its output goes."""
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(re.sub(r"^\w+\$ ", "", line), comments=True)
        if words and "->" not in words:
            ends = [words.index(end) for end in ("|", ">") if end in words]
            yield f"{block.place}: {line}", words[: min(ends, default=None)]


def test_every_command_parses() -> None:
    root = typer.main.get_command(app)
    for block in every_block():
        if block.language in {"bash", "console"}:
            for line, (program, *words) in commands(block):
                assert program == "junto" or program in NOT_OURS, line
                if program == "junto":
                    judged(root, words)


def test_the_commands_that_make_certificates_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in blocks("docs/how-to/two-machines.md"):
        for line, (program, *words) in commands(block) if block.language == "bash" else ():
            if (program, *words[:1]) == ("junto", "certs"):
                answered = ["--yes"] if "sign" in words else []  # what it asks for at a terminal
                ended = CliRunner().invoke(app, [*words, *answered])
                assert ended.exit_code == 0, f"{line}: {ended.output}"
            for sent in tmp_path.glob("certs/*.csr"):  # to the CA
                shutil.copy(sent, tmp_path)
    assert {path.name for path in tmp_path.rglob("*.key")} == {"ca.key", "alice.key"}
    assert (tmp_path / "alice.pem").exists()


def options(command: Any) -> Iterator[str]:
    for parameter in command.params:
        yield from [*parameter.opts, *parameter.secondary_opts]
    for inner in getattr(command, "commands", {}).values():
        yield from options(inner)


def test_every_command_named_in_a_sentence_is_there_with_its_options() -> None:
    root: Any = typer.main.get_command(app)
    for page in PAGES:
        for span in SPAN.findall(page.read_text()):
            _, name, *words = span.replace("\n", " ").split(" -- ")[0].split()
            if name.startswith("-") or name == "COMMAND":
                continue
            assert name in root.commands, f"{named(page)}: {span}"
            known = {*options(root.commands[name]), "--help"}
            unknown = [word for word in words if word.startswith("-") and word.split("=")[0] not in known]
            assert unknown == [], f"{named(page)}: {span}"

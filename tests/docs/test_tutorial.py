"""The tutorials as they stand, typed by parties that have a process or a folder each."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from pages import blocks
from parties import free_ports

FIRST, LAPTOP, PAGE = (
    f"docs/tutorial/{name}.md" for name in ("first-joint-program", "on-your-laptop", "with-a-partner")
)
PARTIES = ("alice", "bob", "carol")
TYPED = re.compile(r"(\w+)\$ junto (.+)")
SENT = re.compile(r"(\w+) -> (\w+): (.+)")


def of(page, language):
    """The blocks of one language of a page."""
    return [block.text for block in blocks(page) if block.language == language]


def begin(place, command):
    """Start what was typed; its output goes where it says."""
    typed, _, target = command.partition(" > ")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("JUNTO_")}
    with open(place / (target or "output.txt"), "w") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "junto", *typed.split()],
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if not target else None,
            env=environment,
        )


def perform(block, places):
    """What stands in one block happens at the same time at all parties."""
    running = []
    for line in block.splitlines():
        if typed := TYPED.fullmatch(line):
            running.append((typed[1], line, begin(places[typed[1]], typed[2])))
            if typed[1] == "ca":
                running[-1][2].wait(20)
        elif sent := SENT.fullmatch(line):
            for _, _, process in running:
                process.wait(20)
            for name in sent[3].split():
                shutil.copy(places[sent[1]] / name, places[sent[2]])
        else:
            raise AssertionError(f"what is {line!r}?")
    try:
        for name, line, process in running:
            code = process.wait(50)
            assert code == 0, f"{line}: {code}\n{(places[name] / 'output.txt').read_text()}"
    finally:
        for _, _, process in running:
            if process.poll() is None:
                process.kill()
                process.wait(10)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_every_command_of_it_works(tmp_path):
    places = {name: tmp_path / name for name in ("ca", *PARTIES)}
    for place in places.values():
        place.mkdir()
    (script,) = of(PAGE, "python")
    for name, fortune in (("alice", "3.2e6"), ("bob", "2.9e6")):
        (places[name] / "fortune.txt").write_text(fortune)
    for name in PARTIES:
        (places[name] / "richer.py").write_text(script)
    ports = dict(zip(PARTIES, free_ports(3), strict=True))
    for block in of(PAGE, "console"):
        perform(block, places)
        for name in PARTIES:  # what everybody would type into the settings
            settings = places[name] / f"{name}.toml"
            if settings.exists():
                text = re.sub(r"^listen_addr = .*\n", "", settings.read_text(), flags=re.MULTILINE)
                for other, port in ports.items():
                    text = text.replace(f"{other}.example.org:9001", f"127.0.0.1:{port}")
                settings.write_text(text)
    for name in PARTIES:
        said = (places[name] / "output.txt").read_text()
        assert "alice is richer: True" in said
        assert "any two of them together could read everything" in said
    held = {name: {path.name for path in place.rglob("*.key")} for name, place in places.items()}
    assert held == {"ca": {"ca.key"}, **{name: {f"{name}.key"} for name in PARTIES}}


# On the laptop.


def run(command, folder):
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_same_script_runs_as_three_processes(tmp_path):
    *kept, last = of(LAPTOP, "python")
    assert "sf.shutdown()" in last
    script, changed = re.subn(r"^sf\.init\(.*\)$", "sf.init()", "".join(kept), flags=re.MULTILINE)
    assert changed == 1
    (tmp_path / "job.py").write_text(script + "sf.shutdown()\n")
    said = run(
        [sys.executable, "-m", "junto", "simulate", "job.py", "--parties", "alice,bob,carol"], tmp_path
    )
    assert len(re.findall(r"^(?:alice|bob|carol) +\| AUC (?:0\.9\d|1\.00)$", said, re.MULTILINE)) == 3
    assert "What crossed a silo's edge" in said


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_first_program_runs_as_two_processes(tmp_path):
    program, head, _ = of(FIRST, "python")
    script, changed = re.subn(r"^import junto as sf\n\nsf\.init\(.*\)\n", head, program, flags=re.MULTILINE)
    assert changed == 1
    (tmp_path / "ages.py").write_text(script)
    typed = next(text for text in of(FIRST, "bash") if "simulate" in text)
    said = run([sys.executable, "-m", *typed.split()], tmp_path)
    for name in ("alice", "bob"):
        assert re.findall(rf"^{name} +\| (?!\d\d:)(.*)$", said, re.MULTILINE)[1:] == ["43.2"]

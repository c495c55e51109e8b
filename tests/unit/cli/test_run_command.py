"""`junto run`, as far as one party alone can show it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tries import each_once

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a script's text with an (unread) configuration file; arguments go before and after it."""

    def go(
        text: str, *options: str, script: str = "fit.py", before: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        (tmp_path / script).write_text(text)
        (tmp_path / "alice.toml").write_text("")
        command = [*before, sys.executable, "-m", "junto", "run", str(tmp_path / script)]
        command += ["--config", str(tmp_path / "alice.toml"), *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=tmp_path, check=False)

    return go


def test_a_script_runs_as_under_python(run: Run, tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("WORD = 'imported'")
    answer = run(
        "import sys, neighbour; print(__name__, sys.argv[1:], neighbour.WORD)", "--", "data.csv", "--rows=3"
    )
    assert (answer.stdout, answer.stderr) == ("__main__ ['data.csv', '--rows=3'] imported\n", "")
    assert answer.returncode == 0


def test_init_without_parties_reads_the_configuration(run: Run, tmp_path: Path) -> None:
    answer = run("import os, junto as sf; print(os.environ['JUNTO_CONFIG']); sf.init()")
    assert answer.stdout.strip() == str(tmp_path / "alice.toml")
    assert answer.returncode == 2
    assert "J101" in answer.stderr
    assert "neither parties nor cluster_config" in answer.stderr


def test_a_traceback_shows_the_users_frames_only(run: Run) -> None:
    answer = run("def fit():\n    raise ValueError('no such column')\nfit()\n")
    assert answer.returncode == 1
    assert "in fit" in answer.stderr
    assert "ValueError: no such column" in answer.stderr
    assert "runpy" not in answer.stderr
    assert "junto/cli" not in answer.stderr
    assert answer.stderr.splitlines()[-1] == (
        "junto run: the script raised an exception of its own (ValueError, exit code 1)"
    )


@pytest.mark.parametrize(
    ("text", "said"), [("import junto\nsf.init(\n", "'(' was never closed"), ("x = '\0'", "null bytes")]
)
def test_what_cannot_be_compiled_is_shown_without_our_frames(run: Run, text: str, said: str) -> None:
    answer = run(text)
    assert answer.returncode == 1
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr
    assert "runpy" not in answer.stderr


def test_an_error_of_junto_hides_its_own_frames(run: Run) -> None:
    answer = run("import junto as sf\nsf.PYU('alice')(len)([1])\n")
    assert answer.returncode == 2
    assert "fit.py" in answer.stderr
    assert "[J" in answer.stderr
    assert "junto/device" not in answer.stderr


@pytest.mark.slow
def test_a_library_keeps_its_frames(run: Run) -> None:
    answer = run("import json\njson.loads('{')\n")
    assert "json/decoder.py" in answer.stderr
    assert "fit.py" in answer.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("raise SystemExit(42)", 42, ""),
        ("raise SystemExit", 0, ""),
        ("raise SystemExit('no data today')", 1, "no data today\n"),
    ],
)
def test_a_scripts_own_exit_is_passed_on(run: Run, text: str, code: int, said: str) -> None:
    answer = run(text)
    assert (answer.returncode, answer.stderr) == (code, said)


def test_a_syntax_error_is_shown_as_python_shows_it(run: Run) -> None:
    answer = run("def f(:\n")
    assert answer.returncode == 1
    assert "def f(:" in answer.stderr
    assert "SyntaxError" in answer.stderr


def test_json_comes_last_and_names_the_error(run: Run) -> None:
    answer = run("print('result'); raise KeyError('age')", "--json")
    result, report = answer.stdout.splitlines()
    assert result == "result"
    told = json.loads(report)
    assert (told["exit_code"], told["error"]["type"], told["error"]["code"]) == (1, "KeyError", None)


def test_missing_files_are_named(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "junto", "run", "absent.py", "--config", "absent.toml"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=tmp_path, check=False)
    assert answer.returncode == 2
    assert "absent.py" in answer.stderr


ASKED = "import os, signal, time\nos.kill(os.getpid(), signal.SIG{number})\n[None for _ in range(1000)]\n"
SURVIVES = "import time; [time.sleep(0.1) for _ in range(50)]; print('survived')"
PLACES = {
    "a callback of the garbage collection": (
        "import gc\ndef cb(phase, info):\n    gc.callbacks.remove(cb)\n    exec(open('asked.py').read())\n"
        f"gc.callbacks.append(cb)\ngc.collect()\n{SURVIVES}",
        "",
    ),
    "a finalizer": (
        f"class Thing:\n    def __del__(self):\n        exec(open('asked.py').read())\nThing()\n{SURVIVES}",
        "",
    ),
    "an import that takes any error for its own": (
        f"import library\nassert library.WHOLE\n{SURVIVES}",
        "try:\n    import asked\n    WHOLE = True\nexcept BaseException:\n    WHOLE = False\n",
    ),
    "an import that never ends": (f"import library\n{SURVIVES}", f"import asked\n{SURVIVES}"),
}


@pytest.mark.parametrize(("place", "number"), each_once(PLACES, ["INT", "TERM"]))
def test_a_signal_is_not_lost_wherever_it_comes(run: Run, tmp_path: Path, place: str, number: str) -> None:
    script, library = PLACES[place]
    (tmp_path / "asked.py").write_text(ASKED.format(number=number))
    (tmp_path / "library.py").write_text(library)
    answer = run(script)
    assert answer.returncode == (130 if number == "INT" else 143), answer.stderr
    assert "survived" not in answer.stdout
    assert "AssertionError" not in answer.stderr


@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP", "SIGTERM"])
def test_what_the_caller_ignores_stays_so(run: Run, name: str) -> None:
    """A shell does Ctrl-C for its background jobs, and `nohup` the end of the terminal."""
    ignoring = f"import signal, sys; signal.signal(signal.{name}, signal.SIG_IGN); "
    script = f"import signal; print(signal.getsignal(signal.{name}) is signal.SIG_IGN)"
    program = f"{ignoring}import subprocess; sys.exit(subprocess.call(sys.argv[1:]))"
    answer = run(script, before=[sys.executable, "-c", program])
    assert answer.stdout == "True\n"


def test_who_simulates_all_parties_is_told_that_the_configuration_is_passed_over(run: Run) -> None:
    script = "import junto as sf; sf.init(['alice', 'bob'], address='local'); sf.shutdown()"
    assert "to take part in the run of alice.toml leave `parties` out" in run(script).stderr
    assert "leave `parties` out" not in run("import junto as sf; sf.init(); sf.shutdown()").stderr

"""Production mode on one machine: one process a party, mutual TLS, ephemeral certificates.

`simulate` is the engine of `junto simulate` and `junto demo`, and tests use it as it is. It prints
nothing itself: lines go to a callback as they come, everything else is in the result.
"""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from junto.accounting.progress import VARIABLE, Look
from junto.accounting.progress_display import StatusPipe
from junto.cli import parent_watchdog, verdict
from junto.cli.crossings import Crossing, put_together
from junto.cli.exit_codes import ExitCode
from junto.cli.ports import claim
from junto.cli.verdict import Verdict
from junto.errors import ConfigError, Terminated
from junto.ledger import Recorded, read

AFTER_FAILURE_S = 20.0  # what the others have to notice a party's end by themselves
AFTER_SIGNAL_S = parent_watchdog.GRACE_S  # what a party has to end once it is told to
LAST_WORDS_S = 2.0
_TICK_S = 0.05


@dataclass(frozen=True, slots=True)
class OutputLine:
    """One line that a party printed, without its end. `error`: on standard error."""

    party: str
    text: str
    error: bool


@dataclass(frozen=True, slots=True)
class SimulateOptions:
    """How to simulate.

    Attributes:
        show: called with each line as it comes, in the calling thread.
        settings: further keys of `sf.init` for every party.
        environment: added to the environment of every party.
        watch: called with a party and how far its work is (None: nothing is under way), now and then, in the
            calling thread; None: the parties are not asked.
        timeout_s: after so many seconds everybody is told to end; None: no bound.
    """

    show: Callable[[OutputLine], None] = lambda line: None
    settings: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    watch: Callable[[str, Look | None], None] | None = None
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """How it went.

    Attributes:
        exit_codes: of each party; of one that a signal ended: minus the signal's number.
        failed: the party whose failure came first and follows from no other's; None: all went well.
        stopped: why everybody was told to end (Ctrl-C, SIGTERM, `timeout_s`); None: nobody was.
        crossings: what crossed a silo's edge, each once, in the order of the operations.
        seconds: from the first process's start to the last one's end.
        own: whose exit code is the script's own, and none of `ExitCode`.
    """

    exit_codes: Mapping[str, int]
    failed: str | None
    stopped: ExitCode | None
    crossings: tuple[Crossing, ...]
    seconds: float
    own: frozenset[str] = frozenset()

    @property
    def exit_code(self) -> int:
        """For a command: why everybody was stopped, the first failure's code, or 0."""
        if self.stopped is not None:
            return self.stopped
        if self.failed is None:
            return ExitCode.OK
        code = self.exit_codes[self.failed] or next(code for code in self.exit_codes.values() if code)
        return 128 - code if code < 0 else code


def simulate(
    script: str | os.PathLike[str],
    parties: Sequence[str],
    arguments: Sequence[str] = (),
    options: SimulateOptions | None = None,
) -> SimulationResult:
    """Run `script` as all `parties` at once, each in a process of its own, and wait for the last.

    Keys and certificates lie in a folder of mode 0700 that is removed at the end. Nobody is left
    behind: what the parties started ends with them, and if this process is killed they end too.

    Raises:
        ConfigError: no such script, fewer than two parties, a name twice or unfit for a file name.
        ListenError: no port of this machine can be listened at.
    """
    options = options or SimulateOptions()
    if not Path(script).is_file():
        raise ConfigError(f"there is no script {os.fspath(script)!r}", fix="check the path")
    _check(parties)
    with tempfile.TemporaryDirectory(prefix="junto-") as name:
        folder = Path(name)
        started = time.monotonic()
        with ExitStack() as stack:
            ports = dict(zip(parties, claim(len(parties), stack), strict=True))
            configs = _write_configs(folder, ports, Path(script).stem, options.settings)
            watched = {} if options.watch is None else {each: StatusPipe(folder / each) for each in parties}
            for pipe in watched.values():
                stack.callback(pipe.close)
            group = _Group(options, watched, stack.enter_context(parent_watchdog.pipe()), folder)
            stack.callback(group.kill)
            for party in parties:
                group.start(party, [os.fspath(script), "--config", str(configs[party]), "--", *arguments])
            stopped = group.watch()
        seconds = time.monotonic() - started
        crossings = put_together(_records(sorted(folder.glob("*.jsonl"))))
    return SimulationResult(group.exit_codes, group.first_failure(), stopped, crossings, seconds, group.own())


class _Group:
    """The processes of one simulation and what they print."""

    def __init__(
        self, options: SimulateOptions, watched: Mapping[str, StatusPipe], descriptor: int, folder: Path
    ) -> None:
        self._options = options
        self._folder = folder
        self._verdicts: dict[str, Verdict] = {}
        self._stopped: set[str] = set()
        self._watched = watched
        self._lifeline = descriptor
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._lines: queue.SimpleQueue[OutputLine | None] = queue.SimpleQueue()
        self._open_pipes = 0
        self._quiet_at: float | None = None
        self.exit_codes: dict[str, int] = {}  # in the order of their ends

    def start(self, party: str, arguments: Sequence[str]) -> None:
        """Start `junto run` for `party`, in a process group of its own: Ctrl-C reaches it through us only."""
        environment = {
            **os.environ,
            **self._options.environment,
            parent_watchdog.VARIABLE: str(self._lifeline),
        }
        environment["PYTHONUNBUFFERED"] = "1"
        environment["PYTHONIOENCODING"] = (
            "utf-8"  # of the pipe to us; what we print has the caller's encoding
        )
        environment[verdict.VARIABLE] = str(self._folder / f"{party}.verdict")
        if party in self._watched:
            environment[VARIABLE] = self._watched[party].path
        process = subprocess.Popen(
            [sys.executable, "-m", "junto", "run", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            pass_fds=(self._lifeline,),
            start_new_session=True,
            encoding="utf-8",
            errors="replace",
        )
        self._processes[party] = process
        for pipe, error in ((process.stdout, False), (process.stderr, True)):
            if pipe is not None:
                self._open_pipes += 1
                threading.Thread(target=self._read, args=(party, pipe, error), daemon=True).start()

    def watch(self) -> ExitCode | None:
        """Show lines until all have ended; why everybody had to be told to end, if so."""
        timeout_s = self._options.timeout_s
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        stopped: ExitCode | None = None
        told: signal.Signals | None = None
        while self._alive() or self._still_talking():
            try:
                self._show_lines()
                self._show_progress()
                if self._reap() and self.first_failure() is not None and told is None:
                    deadline = _earlier(deadline, time.monotonic() + AFTER_FAILURE_S)
                if deadline is not None and time.monotonic() > deadline:
                    if stopped is None and told is None and self.first_failure() is None:
                        stopped = ExitCode.UNREACHABLE
                    told = signal.SIGTERM if told is None else signal.SIGKILL
                    deadline = time.monotonic() + AFTER_SIGNAL_S
                    self._tell(told)
            except KeyboardInterrupt as interrupt:
                # Once: what we were told, as a person would at each party. Again: no more patience.
                terminated = isinstance(interrupt, Terminated)
                stopped = ExitCode.TERMINATED if terminated else ExitCode.INTERRUPTED
                same = signal.SIGTERM if terminated else signal.SIGINT
                told = same if told is None else signal.SIGKILL
                deadline = time.monotonic() + AFTER_SIGNAL_S
                self._tell(told)
        return stopped or self._from_outside()

    def first_failure(self) -> str | None:
        """The party whose failure came first; one that we have told to end has not failed."""
        return None if self._from_outside() else verdict.first(self._ends())

    def _from_outside(self) -> ExitCode | None:
        ends = self._ends()
        return verdict.outside(ends) if len(ends) == len(self._processes) else None

    def _ends(self) -> dict[str, tuple[int, Verdict]]:
        """Exit codes and verdicts of those whom we have not told to end."""
        return {
            party: (code, self._verdicts[party])
            for party, code in self.exit_codes.items()
            if party not in self._stopped
        }

    def own(self) -> frozenset[str]:
        """Whose exit code is the script's own."""
        return frozenset(party for party, said in self._verdicts.items() if said.own)

    def kill(self) -> None:
        """End at once whoever still runs, and wait for them."""
        self._tell(signal.SIGKILL)
        for party in self._alive():
            self._processes[party].wait()

    def _still_talking(self) -> bool:
        """Whether lines of parties that have ended may still come; not for long.

        A daemon that left its process group (as Ray's do) can hold a pipe for ever.
        """
        if self._quiet_at is None:
            self._quiet_at = time.monotonic() + LAST_WORDS_S
        return self._open_pipes > 0 and time.monotonic() < self._quiet_at

    def _alive(self) -> list[str]:
        return [party for party in self._processes if party not in self.exit_codes]

    def _reap(self) -> bool:
        """Note who has ended, and end what they left in their process groups; whether anybody has."""
        ended = False
        for party in self._alive():
            process = self._processes[party]
            # Looked at before it is reaped: until then its number, and so its group's, is not used anew.
            if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                _signal_group(process.pid, signal.SIGKILL)
                self.exit_codes[party] = process.wait()
                said = verdict.found(self._folder / f"{party}.verdict")
                self._verdicts[party] = said or Verdict(party, time.monotonic(), own=True)
                ended = True
        return ended

    def _tell(self, number: signal.Signals) -> None:
        for party in self._alive():
            self._stopped.add(party)
            if number == signal.SIGKILL:
                _signal_group(self._processes[party].pid, number)
            else:
                self._processes[party].send_signal(number)

    def _read(self, party: str, pipe: IO[str], error: bool) -> None:
        with pipe:
            for text in pipe:
                self._lines.put(OutputLine(party, text.rstrip("\r\n"), error))
        self._lines.put(None)

    def _show_progress(self) -> None:
        for party, pipe in self._watched.items():
            for look in pipe.newest():
                if self._options.watch is not None:
                    self._options.watch(party, look)

    def _show_lines(self) -> None:
        """Show what there is; wait a moment if there is nothing."""
        wait = True
        while True:
            try:
                line = self._lines.get(timeout=_TICK_S) if wait else self._lines.get_nowait()
            except queue.Empty:
                return
            wait = False
            if line is None:
                self._open_pipes -= 1
            else:
                self._options.show(line)


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # nobody is left in it
        os.killpg(group, number)


def _earlier(one: float | None, other: float) -> float:
    return other if one is None else min(one, other)


def _check(parties: Sequence[str]) -> None:
    if len(parties) < 2:
        raise ConfigError("a simulation needs at least two parties", fix="for example --parties alice,bob")
    if len(set(parties)) != len(parties):
        raise ConfigError(f"a party is named twice in {', '.join(parties)}", fix="name each party once")
    for party in parties:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", party):
            raise ConfigError(
                f"{party!r} cannot be simulated: its name is also a file's and a certificate's",
                fix="use letters, digits, '-', '_' and '.', beginning with a letter or digit",
            )


def _write_configs(
    folder: Path, ports: Mapping[str, int], job: str, settings: Mapping[str, str | int | float | bool]
) -> dict[str, Path]:
    """One TOML file a party, with its key in it: mode 0600 from its first moment."""
    from junto.certificates import ephemeral, write_new

    configs = {}
    for party, tls in ephemeral(list(ports)).items():
        top = {
            "job_name": job,
            "require_tls": True,
            "ledger": f"{party}.jsonl",
            "meet_timeout_s": 120,
            **settings,
        }
        lines = [f"{key} = {json.dumps(value)}" for key, value in top.items()]
        lines += ["[cluster_config]", f"self_party = {json.dumps(party)}"]
        for name, port in ports.items():
            lines += [f"[cluster_config.parties.{json.dumps(name)}]", f'address = "127.0.0.1:{port}"']
        lines += ["[tls_config]"]
        lines += [f"{key} = {json.dumps(getattr(tls, key).decode())}" for key in ("ca_cert", "cert", "key")]
        configs[party] = folder / f"{party}.toml"
        write_new(configs[party], "\n".join(lines).encode(), private=True)
    return configs


def _records(ledgers: Sequence[Path]) -> Iterator[Recorded]:
    """What the parties wrote down; the last line of one that was killed may be half a line."""
    for path in ledgers:
        with suppress(ConfigError):
            yield from read(path)

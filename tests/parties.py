"""Real parties for tests: one process each, mutual TLS on loopback, certificates made per run."""

from __future__ import annotations

import atexit
import json
import os
import queue
import signal
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import trustme

import preloaded
from junto.cli.ports import claim
from preloaded import Forked

PROLOGUE = """
import faulthandler, json, os, signal, sys
import junto as sf
faulthandler.register(signal.SIGUSR1, all_threads=True)
PARTY = os.environ["JUNTO_TEST_PARTY"]
def say(*values):
    sys.stdout.write("SAY " + json.dumps(values) + "\\n")  # in one piece: a log line may come in between
    sys.stdout.flush()
def hear():
    return sys.stdin.readline().strip()
"""


GUARDED = """
def guarded(step):
    try:
        step()
    except sf.JuntoError as error:
        say(type(error).__name__, str(error), getattr(error, "party", None))
        raise SystemExit(3)
    say("fine", "", None)
"""
"""For a script: `guarded(step)` says how `step` ended, by class, text and party."""


PATIENCE_S = 200.0
"""A process that says nothing for so long hangs, however busy the machine is."""

_CLAIMS = ExitStack()
"""Of the ports that this process was given: open until it ends."""
atexit.register(_CLAIMS.close)


def free_ports(count: int) -> list[int]:
    """Free ports that nobody else is given until this process ends, whether he claims or asks for any."""
    return claim(count, _CLAIMS)


class Certificates:
    """A CA and one certificate a party, in files."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.authority.cert_pem.write_to_path(folder / "ca.pem")
        for name in names:
            self.issue(name)

    def issue(
        self, name: str, identity: str | None = None, authority: trustme.CA | None = None, **more: Any
    ) -> None:
        """Write ``name.pem`` and ``name.key``; by default the certificate names the party."""
        made = (authority or self.authority).issue_cert(identity or name, **more)
        made.private_key_pem.write_to_path(self.folder / f"{name}.key")
        made.cert_chain_pems[0].write_to_path(self.folder / f"{name}.pem")
        (self.folder / f"{name}.key").chmod(0o600)


class Party:
    """One running process and what it says."""

    def __init__(self, name: str, process: Forked | subprocess.Popen[str]) -> None:
        self.name = name
        self.process = process
        self.said: queue.Queue[Any] = queue.Queue()
        self.output: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("SAY "):
                self.said.put(json.loads(line[4:]))
            else:
                self.output.append(line)
        self.said.put(None)

    def next(self, timeout: float = PATIENCE_S) -> Any:
        """What the script says next."""
        try:
            said = self.said.get(timeout=timeout)
        except queue.Empty:
            if self.process.poll() is None and timeout > 5:
                self.signal(signal.SIGUSR1)
                self._reader.join(1)
            raise AssertionError(f"{self.name} said nothing for {timeout} s:\n{self.text}") from None
        assert said is not None, f"{self.name} ended:\n{self.text}"
        return said

    def tell(self, line: str = "") -> None:
        """A line for its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.process.pid, number)

    def ends(self, timeout: float = PATIENCE_S) -> int:
        """Its exit code."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGUSR1)  # where do its threads stand?
            self._reader.join(1)
            raise AssertionError(f"{self.name} still runs after {timeout} s:\n{self.text}") from None
        self._reader.join(5)
        return code

    @property
    def text(self) -> str:
        """All else that it printed."""
        return "".join(self.output)


class Job:
    """Several parties of one job; a context manager that leaves no process behind."""

    def __init__(self, folder: Path, names: list[str], *, tls: bool = True, listen: str = "") -> None:
        self.folder = folder
        self.names = names
        self.tls = tls
        self.listen = listen
        self.certificates = Certificates(folder, names)
        self.addresses = {
            name: f"127.0.0.1:{port}" for name, port in zip(names, free_ports(len(names)), strict=True)
        }
        self.running: dict[str, Party] = {}
        self._started: list[Party] = []

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *_: object) -> None:
        for party in self._started:
            if party.process.poll() is None:
                party.process.kill()
                party.process.wait(10)
            for stream in (party.process.stdin, party.process.stdout):
                if stream is not None:
                    stream.close()

    def config(self, name: str, **settings: Any) -> Path:
        """Write the party's configuration file; `settings` are top-level keys."""
        lines = [
            f"{key} = {json.dumps(value)}" for key, value in settings.items() if not isinstance(value, dict)
        ]
        lines += ["[cluster_config]", f"self_party = {json.dumps(name)}"]
        for party, address in self.addresses.items():
            lines += [f"[cluster_config.parties.{party}]", f'address = "{address}"']
            if self.listen:
                lines += [f'listen_addr = "{self.listen}:{address.rpartition(":")[2]}"']
        if self.tls:
            lines += ["[tls_config]", 'ca_cert = "ca.pem"', f'cert = "{name}.pem"', f'key = "{name}.key"']
        for key, value in settings.items():
            if isinstance(value, dict):
                lines += [f"[{key}]", *(f"{item} = {json.dumps(content)}" for item, content in value.items())]
        path = self.folder / f"{name}.toml"
        path.write_text("\n".join(lines) + "\n")
        return path

    def start(self, name: str, script: str, **settings: Any) -> Party:
        """Run `script` (after a prologue with PARTY, say, hear and sf) as `name`."""
        path = self.folder / "script.py"
        text = PROLOGUE + script
        if not path.exists() or path.read_text() != text:  # another party may be reading it
            path.write_text(text)
        environment = {
            **os.environ,
            "JUNTO_CONFIG": str(self.config(name, **settings)),
            "JUNTO_TEST_PARTY": name,
        }
        process = preloaded.start(path, self.folder, environment, self.names.index(name))
        self.running[name] = Party(name, process)
        self._started.append(self.running[name])
        return self.running[name]

    def start_all(self, script: str, **settings: Any) -> dict[str, Party]:
        """Start every party with the same script."""
        return {name: self.start(name, script, **settings) for name in self.names}

    def all_end(self, timeout: float = PATIENCE_S) -> dict[str, int]:
        """Every party's exit code."""
        deadline = time.monotonic() + timeout
        return {
            name: party.ends(max(deadline - time.monotonic(), 0.1)) for name, party in self.running.items()
        }


STOP, CONTINUE, KILL, INTERRUPT = signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL, signal.SIGINT

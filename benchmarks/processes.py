"""Real parties: one process each, a configuration file each, mutual TLS with certificates of this run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from junto.certificates import ephemeral
from junto.cli.ports import claim

SCRIPTS = Path(__file__).parent / "scripts"
PARTIES = ("alice", "bob")
MARK = "SAID "

Facts = dict[str, Any]


class BenchmarkFailed(Exception):
    """A process that was to be measured did not do what it should."""


@dataclass(frozen=True, slots=True)
class Job:
    """The parties and what they run.

    Attributes:
        script: file in ``scripts``.
        arguments: for the script.
        tls: mutual TLS, or plaintext.
        settings: further keys of `sf.init`, by party.
        environment: added to that of every party.
        late_s: so much later than the party before it each is started.
        timeout_s: for all to end.
        parties: who takes part.
    """

    script: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    tls: bool = True
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    late_s: float = 0.0
    timeout_s: float = 120.0
    parties: Sequence[str] = PARTIES


@dataclass(frozen=True, slots=True)
class Told:
    """What a party's script said, line by line, and when its process was started (`time.monotonic`)."""

    started: float
    facts: list[Facts]

    def only(self, name: str) -> list[Any]:
        """The values of the lines that have `name`."""
        return [line[name] for line in self.facts if name in line]


@dataclass(frozen=True, slots=True)
class Running:
    """A started script."""

    name: str
    started: float
    process: subprocess.Popen[bytes]
    output: Path

    def told(self, deadline: float) -> Told:
        """What it said, once it has ended."""
        try:
            code = self.process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            raise BenchmarkFailed(f"{self.name} did not end in time:\n{self._text()}") from None
        if code != 0:
            raise BenchmarkFailed(f"{self.name} ended with exit code {code}:\n{self._text()}")
        lines = self._text().splitlines()
        return Told(self.started, [json.loads(line[len(MARK) :]) for line in lines if line.startswith(MARK)])

    def end(self) -> None:
        """End it if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def _text(self) -> str:
        return self.output.read_text(errors="replace")


@contextmanager
def started(
    script: str, name: str, arguments: Mapping[str, Any], environment: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """A process that runs one of the scripts; it is ended if it has not ended by itself."""
    with tempfile.TemporaryDirectory(prefix="junto-bench-") as folder:
        output = Path(folder) / "output"
        with output.open("wb") as file:
            began = time.monotonic()
            process = subprocess.Popen(
                [sys.executable, str(SCRIPTS / f"{script}.py"), json.dumps(dict(arguments))],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=_environment(environment or {}),
            )
        running = Running(name, began, process, output)
        try:
            yield running
        finally:
            running.end()


def run(job: Job) -> dict[str, Told]:
    """Start the parties, wait for all to end, and return what each said."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="junto-bench-")))
        configs = write_configs(folder, job.parties, job.tls, job.settings)
        running = []
        for number, party in enumerate(job.parties):
            if number:
                time.sleep(job.late_s)  # it is this delay that is measured
            environment = {**job.environment, "JUNTO_CONFIG": str(configs[party])}
            running.append(stack.enter_context(started(job.script, party, job.arguments, environment)))
        deadline = time.monotonic() + job.timeout_s
        return {each.name: each.told(deadline) for each in running}


def write_configs(
    folder: Path, parties: Sequence[str], tls: bool, settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, Path]:
    """A configuration file for each party."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(len(parties))]
    cluster = [
        line
        for party, address in zip(parties, addresses, strict=True)
        for line in (f"[cluster_config.parties.{party}]", f'address = "{address}"')
    ]
    secrets = write_certificates(folder, parties) if tls else {}
    configs = {}
    for party in parties:
        lines = [f"{key} = {json.dumps(value)}" for key, value in settings.get(party, {}).items()]
        lines += ['logging_level = "warning"', "[cluster_config]", f'self_party = "{party}"', *cluster]
        if tls:
            lines += ["[tls_config]"]
            lines += [f"{key} = {json.dumps(str(path))}" for key, path in secrets[party].items()]
        configs[party] = folder / f"{party}.toml"
        configs[party].write_text("\n".join(lines) + "\n")
    return configs


def write_certificates(folder: Path, parties: Sequence[str]) -> dict[str, dict[str, Path]]:
    """``ca_cert``, ``cert`` and ``key`` of each party, in files; the CA is forgotten."""
    paths = {}
    for party, own in ephemeral(parties).items():
        content = {"ca_cert": own.ca_cert, "cert": own.cert, "key": own.key}
        paths[party] = {name: folder / f"{party}-{name}.pem" for name in content}
        for name, path in paths[party].items():
            path.touch(mode=0o600)
            path.write_bytes(content[name])
    return paths


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    """Ours, with bytecode cached as it is for every installed program."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"} | dict(more)


_CLAIMS = ExitStack()
"""Of the ports that the measurements were given: open until they end."""


def free_ports(count: int) -> list[int]:
    """Ports that nobody else is given until the measurements end."""
    return claim(count, _CLAIMS)

"""Real Ray clusters of one machine, side by side: one head each, all ports of their own.

    with ray_clusters(["alice", "bob"]) as addresses:
        sf.init(address=addresses["alice"], ...)

Token authentication is off unless `token_file` is given; drivers must agree, so start them with
`driver_environment`. Ends exactly the processes that it started: `ray stop` would end every cluster of
the machine. Also used by the examples and the benchmarks.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from parties import free_ports

START_S, END_S = 60.0, 5.0
STORE_BYTES = 256 << 20
LONGEST_ROOT = 32  # Ray's sockets lie deep below it, and a Unix socket's address has 107 bytes
MARK = "JUNTO_TEST_CLUSTER"  # every process of a cluster inherits it
RAY = "from ray.scripts.scripts import main; main()"


def driver_environment(token_file: str | os.PathLike[str] | None = None) -> dict[str, str]:
    """What a driver of such a cluster needs in its environment."""
    common = {"RAY_USAGE_STATS_ENABLED": "0"}
    if token_file is None:
        return {**common, "RAY_AUTH_MODE": "disabled"}
    return {**common, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": os.fspath(token_file)}


@contextmanager
def ray_clusters(
    names: Sequence[str],
    resources: Mapping[str, Mapping[str, float]] | None = None,
    *,
    token_file: str | os.PathLike[str] | None = None,
    num_cpus: int = 2,
) -> Iterator[dict[str, str]]:
    """Start one cluster a name, at the same time; yields their addresses, ``host:port``.

    Args:
        names: of the clusters.
        resources: custom resources of each, such as resource labels.
        token_file: None: token authentication is off.
        num_cpus: of each, as Ray counts them.
    """
    heads: dict[str, Head] = {}
    try:
        for name in names:
            heads[name] = Head(driver_environment(token_file), num_cpus, (resources or {}).get(name, {}))
        deadline = time.monotonic() + START_S
        yield {name: head.address(deadline) for name, head in heads.items()}
    finally:
        for head in heads.values():
            head.begin_end()
        for head in heads.values():
            head.end()


class Head:
    """One ``ray start --head --block`` and all that it starts."""

    def __init__(self, settings: Mapping[str, str], num_cpus: int, resources: Mapping[str, float]) -> None:
        root = tempfile.gettempdir()
        self._folder = Path(tempfile.mkdtemp(prefix="jr-", dir=root if len(root) < LONGEST_ROOT else "/tmp"))
        self._mark = secrets.token_hex(8)
        self._output = self._folder / "output"
        client, agent, autoscaler, dashboard = free_ports(4)
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("RAY_")},
            **settings,
            MARK: self._mark,
            "AUTOSCALER_METRIC_PORT": str(autoscaler),
            "DASHBOARD_METRIC_PORT": str(dashboard),
        }
        options = {
            "port": 0,
            "min-worker-port": 0,
            "max-worker-port": 0,
            "ray-client-server-port": client,
            "dashboard-agent-listen-port": agent,
            "include-dashboard": "false",
            "include-log-monitor": "true",
            "num-cpus": num_cpus,
            "num-gpus": 0,
            "object-store-memory": STORE_BYTES,
            "resources": json.dumps(dict(resources)),
            "temp-dir": self._folder,
        }
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", RAY, "start", "--head", "--block", "--disable-usage-stats"]
                + [f"--{key}={value}" for key, value in options.items()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def address(self, deadline: float) -> str:
        """Its ``host:port``, once it has said that it runs."""
        while True:
            text = self._output.read_text(errors="replace")
            found = re.search(r"--address='([^']+)'", text)
            if found and "Ray runtime started" in text:
                return found[1]
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"ray start did not come up:\n{text}")
            time.sleep(0.05)

    def begin_end(self) -> None:
        """SIGTERM, upon which it ends its own processes."""
        self._ours = self.processes()
        self._process.terminate()

    def end(self) -> None:
        """SIGKILL to whatever of it is left then."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_S)
        left = {*self._ours, *self.processes()}
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, END_S)
        self._process.wait(END_S)
        shutil.rmtree(self._folder, ignore_errors=True)

    def processes(self) -> list[psutil.Process]:
        """All that bear its mark."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(MARK) == self._mark:
                    found.append(process)
        return found

    def memory(self) -> int:
        """Bytes that its processes hold (each page once, where the system tells)."""
        total = 0
        for process in self.processes():
            with suppress(psutil.Error):
                full = process.memory_full_info()
                total += getattr(full, "pss", full.rss)
        return total

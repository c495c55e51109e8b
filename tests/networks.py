"""Two parties in network namespaces with a router between them, and what can be wrong on the way.

    alice 192.0.2.2 -- 192.0.2.1 router 198.51.100.1 -- 198.51.100.2 bob

Rules of nftables in any of the three stand for firewalls, address translation and whatever loses packets.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ALICE, BOB = "192.0.2.2", "198.51.100.2"
INSIDE, OUTSIDE = "192.0.2.1", "198.51.100.1"
"""The router, as alice and as bob see it."""

PORT = 9001
PLACES = ("alice", "router", "bob")


@dataclass(frozen=True, slots=True)
class Job:
    """A command of junto, or another role of `network_child`, at a place.

    An argument that is the name of a place becomes that of its namespace. `clock`: by how much its
    clock is wrong, as libfaketime takes it.
    """

    place: str
    arguments: Sequence[str]
    role: str = "junto"
    clock: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """One network: its rules by place, what runs before, and what is to be run."""

    rules: Mapping[str, str]
    helpers: Sequence[Job]
    jobs: Sequence[Job]


def missing() -> str:
    """Why this machine cannot make such networks; empty if it can."""
    for tool in ("ip", "nft"):
        if shutil.which(tool) is None:
            return f"there is no {tool} on this machine"
    name = f"junto-{os.getpid()}-try"
    if _ip(f"netns add {name}", check=False):
        return "this machine lets us make no network namespace"
    try:
        rules = subprocess.run(
            ["ip", "netns", "exec", name, "nft", "-f", "-"], input=_table(FORWARD), text=True, check=False
        )
        return "nftables cannot be used here" if rules.returncode else ""
    finally:
        _ip(f"netns del {name}")


FORWARD = "forward: tcp dport 1 drop"


def run(pairs: Sequence[Pair], folder: Path) -> list[list[str]]:
    """The output of each pair's jobs; all pairs at once, as far as the machine can."""
    with namespaces(len(pairs)) as names:
        for index, pair in enumerate(pairs):
            _connect({place: names[index][place] for place in PLACES}, pair.rules)
        orders = [
            {
                kind: [
                    _order(job, names[index], folder / f"{index}-{kind}-{n}") for n, job in enumerate(jobs)
                ]
                for kind, jobs in (("helpers", pair.helpers), ("jobs", pair.jobs))
            }
            for index, pair in enumerate(pairs)
        ]
        child = Path(__file__).with_name("network_child.py")
        subprocess.run(
            [sys.executable, str(child)], input=json.dumps(orders), text=True, timeout=250, check=True
        )
    return [[Path(str(job["out"])).read_text() for job in order["jobs"]] for order in orders]


def _order(job: Job, names: Mapping[str, str], out: Path) -> dict[str, object]:
    return {
        "namespace": names[job.place],
        "role": job.role,
        "arguments": [names.get(each, each) for each in job.arguments],
        "clock": job.clock,
        "out": str(out),
    }


@contextmanager
def namespaces(count: int) -> Iterator[list[dict[str, str]]]:
    """The names of the namespaces of so many pairs; they are gone afterwards."""
    names = [{place: f"junto-{os.getpid()}-{n}-{place}" for place in PLACES} for n in range(count)]
    every = [name for each in names for name in each.values()]
    try:
        _ip(*(f"netns add {name}" for name in every))
        yield names
    finally:
        _ip(*(f"netns del {name}" for name in every), check=False)


def _connect(names: Mapping[str, str], rules: Mapping[str, str]) -> None:
    """Both lines, addresses, routes and rules of one pair."""
    router = names["router"]
    _ip(
        f"link add eth0 netns {names['alice']} type veth peer name inside netns {router}",
        f"link add eth0 netns {names['bob']} type veth peer name outside netns {router}",
    )
    for place, here, gate in (("alice", ALICE, INSIDE), ("bob", BOB, OUTSIDE)):
        _ip(
            "link set lo up",
            f"addr add {here}/24 dev eth0",
            "link set eth0 up",
            f"route add default via {gate}",
            inside=names[place],
        )
    _ip(
        "link set lo up",
        f"addr add {INSIDE}/24 dev inside",
        f"addr add {OUTSIDE}/24 dev outside",
        "link set inside up",
        "link set outside up",
        inside=router,
    )
    _in(router, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
    for place, text in rules.items():
        _in(names[place], "nft", "-f", "-", text=_table(text))


def _table(rules: str) -> str:
    """Rules as chains: what follows ``hook:`` belongs to that hook, of the filter or of the translation."""
    kinds = {
        "input": "filter hook input priority 0",
        "output": "filter hook output priority 0",
        "forward": "filter hook forward priority 0",
        "prerouting": "nat hook prerouting priority -100",
        "postrouting": "nat hook postrouting priority 100",
    }
    chains: dict[str, list[str]] = {}
    for line in rules.splitlines():
        hook, _, rule = line.strip().partition(": ")
        if rule:
            chains.setdefault(hook, []).append(rule)
    text = "\n".join(
        f"chain {hook} {{\ntype {kinds[hook]};\n" + "\n".join(lines) + "\n}" for hook, lines in chains.items()
    )
    return f"table ip junto {{\n{text}\n}}\n"


def _ip(*lines: str, inside: str | None = None, check: bool = True) -> int:
    command = ["ip", *(("-n", inside) if inside else ()), "-force", "-batch", "-"]
    answer = subprocess.run(
        command, input="\n".join(lines) + "\n", text=True, check=False, capture_output=not check
    )
    if check and answer.returncode:
        raise OSError(f"`ip` failed: {lines}")
    return answer.returncode


def _in(namespace: str, *command: str, text: str = "") -> None:
    subprocess.run(["ip", "netns", "exec", namespace, *command], input=text, text=True, check=True)

"""What passes between two parties: first on gRPC, then, in the same run, on a bare socket."""

import os
import socket
import stat
import struct
import time

import numpy as np
from say import given, say

import junto as sf
from junto.config.model import Address
from junto.device.current import current
from junto.mpc.channel import Channel, Ends
from junto.mpc.link_options import LinkOptions
from junto.net.api import DirectAddress, DirectUse

SENT = struct.Struct("@120xQ")
"""In Linux's `tcp_info`: bytes that the other side has acknowledged."""


def same(array):
    return array


def one():
    return 1


def add(left, right):
    return left + right


def length(array):
    return array.shape[0]


def on_the_wire():
    """Bytes that this process has sent over TCP."""
    total = 0
    for number in os.listdir("/proc/self/fd"):
        try:
            if not stat.S_ISSOCK(os.fstat(int(number)).st_mode):
                continue  # a copy of its number would stay open
            with socket.socket(fileno=os.dup(int(number))) as one:
                total += SENT.unpack_from(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192))[0]
        except OSError:
            continue
    return total


def rounds(number, count):
    """Both send 8 bytes and await 8, on a stream: seconds of each, and bytes sent for one."""
    stream = gateway.stream(other, number, lambda: True)
    channel = Channel(stream, Ends(me, other), LinkOptions())
    channel.label(1)
    channel.exchange([bytes(8)], 8)
    seconds, before = [], on_the_wire()
    for _ in range(count):
        began = time.perf_counter()
        channel.exchange([bytes(8)], 8)
        seconds.append(time.perf_counter() - began)
    wire = (on_the_wire() - before) / count
    channel.close()
    return {"seconds": seconds, "wire": wire}


def tasks(count):
    """Three an iteration, whose result all see before the next begins: seconds."""
    began = time.perf_counter()
    for _ in range(count):
        if sf.reveal(alice(add)(alice(one)(), bob(one)().to(alice))) != 2:
            raise SystemExit("a wrong sum")
    return time.perf_counter() - began


def products(count):
    """As many products of secrets, each of the last one's result: seconds of one."""

    def chained(x, y):
        for _ in range(count):
            x = x * y
        return x

    x, y = alice(np.ones)(1).to(spu), bob(np.ones)(1).to(spu)
    seconds = []
    for _ in range(4):
        began = time.perf_counter()
        sf.reveal(spu(chained)(x, y))
        seconds.append((time.perf_counter() - began) / count)
    return seconds[1:]


def trips(count):
    """An array of one number from alice to bob and back."""
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        sf.reveal(bob(same)(alice(np.ones)(1).to(bob)).to(alice), to="alice")
        seconds.append(time.perf_counter() - began)
    return seconds


def moved(nbytes, count):
    seconds = []
    for _ in range(count):
        array = alice(np.ones)(nbytes // 8)
        sf.wait(array)
        began = time.perf_counter()
        sf.reveal(bob(length)(array.to(bob)), to="alice")
        seconds.append(time.perf_counter() - began)
    return seconds


sf.init()
alice, bob = sf.PYU("alice"), sf.PYU("bob")
dealt = {"runtime_config": {"insecure_first_party_dealer": True}}
spu = sf.SPU(parties=["alice", "bob"], cluster_def=dealt)
program = current().program
gateway = program._parts.gateway
me = program.settings.self_party
other = "bob" if me == "alice" else "alice"
arguments = given()
for number, carrier in enumerate(("gRPC", "bare socket"), 1):
    if number == 2:
        sf.barrier()
        places = {name: Address("127.0.0.1", port) for name, port in arguments["ports"].items()}
        direct = {name: DirectAddress(at, at) for name, at in places.items()}
        gateway.direct(direct, DirectUse("the bare socket", "")).run(20, lambda *_: None)
    sf.barrier()
    trips(20)
    say(carrier=carrier, what="round", **rounds(number, arguments["round_trips"]))
    sf.barrier()
    say(carrier=carrier, what="trip", seconds=trips(arguments["round_trips"]))
    sf.barrier()
    say(carrier=carrier, what="tasks", seconds=[tasks(arguments["iterations"])])
    say(carrier=carrier, what="product", seconds=products(50))
    for nbytes, count in arguments["sizes"]:
        say(carrier=carrier, what=str(nbytes), seconds=moved(nbytes, count))
sf.shutdown()

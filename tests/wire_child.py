"""Decodes what comes in, with little memory and processor time: run by `security/test_wire_costs.py`.

In: for each value its length (u32) and its bytes. Out: a line a value: how it ended, bytes by which the peak
of memory grew, seconds of the processor.
"""

from __future__ import annotations

import resource
import struct
import sys

import pandas
import polars
import pyarrow  # noqa: F401
import scipy.sparse  # noqa: F401

from junto.errors import MalformedBytes
from junto.wire.policy import WirePolicy
from wire_helpers import from_bytes, to_bytes

MEMORY = 512 << 20
"""What all inputs together may take beyond what the process has when it begins."""

SECONDS = 120


POLICY = WirePolicy(pickle={"collections": ("Counter", "OrderedDict", "deque")})


def kilobytes(name: str) -> int:
    """What the kernel says of this process's memory."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name))


def main() -> None:
    from_bytes(to_bytes(pandas.Series(["x"])))
    from_bytes(to_bytes(polars.Series(["x"])))
    now = kilobytes("VmSize") << 10
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, now + MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    while head := sys.stdin.buffer.read(4):
        data = bytearray(sys.stdin.buffer.read(struct.unpack("<I", head)[0]))
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # the peak of memory begins anew
        held, before = kilobytes("VmRSS"), resource.getrusage(resource.RUSAGE_SELF)
        try:
            from_bytes(data, POLICY)
            end = "decoded"
        except MalformedBytes as error:
            end = "expanded" if "MemoryError" in str(error) else "refused"
        after = resource.getrusage(resource.RUSAGE_SELF)
        took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(end, max(kilobytes("VmHWM") - held, 0) << 10, f"{took:.3f}", flush=True)


if __name__ == "__main__":
    main()

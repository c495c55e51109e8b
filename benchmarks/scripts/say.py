"""How the scripts are told what to do and say what they found; the harness reads it."""

import json
import sys
from pathlib import Path


def given():
    """The arguments, a dict."""
    return json.loads(sys.argv[1])


def say(**facts):
    """One line for the harness."""
    print("SAID " + json.dumps(facts), flush=True)


def memory():
    """Bytes of this process: resident, their peak, and the same with shared pages counted in part."""
    status = _fields("/proc/self/status")
    shares = _fields("/proc/self/smaps_rollup")
    return {"rss": status["VmRSS"], "peak": status["VmHWM"], "pss": shares["Pss"]}


def forget_peak():
    """Let the peak begin anew from what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")


def _fields(path):
    found = {}
    for line in Path(path).read_text().splitlines():
        name, _, rest = line.partition(":")
        if rest.endswith(" kB"):
            found[name] = int(rest.split()[0]) * 1024
    return found

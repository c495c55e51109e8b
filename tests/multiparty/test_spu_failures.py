"""An operation that fails in one of three real processes: all hear why, and the SPU goes on."""

from __future__ import annotations

import pytest

from parties import Job

SCRIPT = """
sf.init()
import numpy as np, jax.numpy as jnp
from junto.mpc import interpret
spu = sf.SPU(parties=PARTIES)
x = sf.PYU("alice")(lambda: np.arange(3, dtype=np.float32))().to(spu)
begin = interpret._Flow._results
async def broken(flow, step, *rest):
    if step.name == "exp":
        raise MemoryError("no room")
    return await begin(flow, step, *rest)
if PARTY == VICTIM:
    from junto.device.spu import plans
    plans.rehearse = lambda *_: None  # only what runs in the node is to fail
    interpret._Flow._results = broken
try:
    say(sf.reveal(spu(lambda x: jnp.exp(x) * (x > 1))(x)).tolist())
except Exception as error:
    say(type(error).__name__, error.origin.party, error.origin.error_type)
say(np.asarray(sf.reveal(spu(lambda x: x * x + 1)(x)), float).tolist())
sf.shutdown()
"""


@pytest.mark.parametrize("victim", ["bob"])
def test_all_parties_hear_why_and_go_on(tmp_path, victim):
    names = ["alice", "bob", "carol"]
    with Job(tmp_path, names) as job:
        job.start_all(f"PARTIES, VICTIM = {names}, {victim!r}\n{SCRIPT}")
        for party in job.running.values():
            assert party.next() == ["RemoteError", victim, "MemoryError"]
            assert party.next()[0] == pytest.approx([1, 2, 5], abs=1e-3)
        assert set(job.all_end().values()) == {0}

"""What one run of real processes has dumped, another one loads; and so does a simulation."""

from __future__ import annotations

import numpy as np
import pytest

import junto as sf
from parties import Job

PARTIES = ["alice", "bob", "carol"]

DUMP = """
import numpy as np, jax.numpy as jnp
sf.init()
spu = sf.SPU(parties=["alice", "bob", "carol"])
x = sf.PYU("alice")(lambda: np.arange(6.0).reshape(2, 3))()
model = spu(lambda v: {"w": v * v - 3, "ok": v > 2})(x)
spu.dump(model, {PARTY: PARTY + ".share"})
try:
    spu.dump(model, {PARTY: PARTY + (".share" if PARTY == "bob" else ".more")})
except sf.RemoteError as error:
    say(error.party, error.origin.error_type)
say(__import__("os").path.exists(PARTY + ".more"))
sf.shutdown()
"""

LOAD = """
import numpy as np
sf.init()
spu = sf.SPU(parties=["alice", "bob", "carol"])
model = spu.load([party + ".share" for party in ("alice", "bob", "carol")])
seen = sf.reveal(spu(lambda m: m["w"] * 2)(model))
say(seen.tolist(), sf.reveal(model)["ok"].tolist(), repr(model))
sf.shutdown()
"""


@pytest.mark.slow
def test_a_dump_outlives_its_run(tmp_path):
    with Job(tmp_path, PARTIES) as job:
        job.start_all(DUMP)
        for party in job.running.values():
            assert party.next() == ["bob", "DeviceError"]
            assert party.next() == [False]
        assert set(job.all_end().values()) == {0}
        job.start_all(LOAD)
        want = (np.arange(6.0).reshape(2, 3) ** 2 - 3) * 2
        for party in job.running.values():
            seen, flags, about = party.next()
            assert np.abs(np.array(seen) - want).max() < 1e-4
            assert flags == [[False, False, False], [True, True, True]]
            assert "load" in about
        assert set(job.all_end().values()) == {0}
    for debug in (False, True):
        sf.init(parties=PARTIES, address="local", debug_mode=debug, logging_level="error")
        model = sf.SPU(parties=PARTIES).load([tmp_path / f"{party}.share" for party in PARTIES])
        assert np.abs(sf.reveal(model)["w"] * 2 - want).max() < 1e-4
        sf.shutdown()

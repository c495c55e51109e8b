"""A party without a node shares in and reads results, so its settings are compared, too."""

from __future__ import annotations

import pytest

from parties import Job

PARTIES = ["alice", "bob", "carol", "dave"]

SCRIPT = """
import numpy as np
sf.init()
bits = 20 if PARTY == "dave" and {differ} else 18
try:
    runtime = {{"fxp_fraction_bits": bits}}
    spu = sf.SPU(cluster_def={{"runtime_config": runtime}}, parties=["alice", "bob", "carol"])
    say("built", "")
    hear()
    x = sf.PYU("dave")(lambda: np.array([1.5, -2.0]))().to(spu)
    say("result", sf.reveal(spu(lambda v: v * v)(x)).tolist())
    sf.shutdown()
except sf.HandshakeRefused as error:
    say("refused", str(error))
    hear()
    sys.exit(3)
"""


@pytest.fixture
def job(tmp_path):
    with Job(tmp_path, PARTIES) as job:
        yield job


@pytest.mark.slow
def test_settings_of_a_party_without_a_node_are_compared_by_all(job):
    job.start_all(SCRIPT.format(differ=True))
    dave = job.running["dave"]
    what, text = dave.next()
    assert what == "refused"
    assert "fxp_fraction_bits" in text
    assert {"18", "20"} <= set(text.split())
    for name in ("alice", "bob", "carol"):
        party = job.running[name]
        what, text = party.next()
        if what == "built":  # they wait for each other, not for dave
            party.tell()
            what, text = party.next()
        assert what == "refused"
        assert "dave" in text
        assert "fxp_fraction_bits" in text
    for party in job.running.values():
        party.tell()
    assert set(job.all_end().values()) == {3}


@pytest.mark.slow
def test_a_party_without_a_node_shares_in_and_reads(job):
    job.start_all(SCRIPT.format(differ=False))
    for party in job.running.values():
        assert party.next() == ["built", ""]
        party.tell()
    for party in job.running.values():
        assert party.next() == ["result", [2.25, 4.0]]
    assert set(job.all_end().values()) == {0}

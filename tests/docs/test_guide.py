"""The deployment guide's own snippets, with real addresses in place of its placeholders."""

import pytest

from parties import Job

CLUSTER = """
cluster_config ={
    'parties': {
        'alice': {
            # replace with alice's real address.
            'address': '%(alice)s',
            'listen_addr': '0.0.0.0:%(alice_port)s'
        },
        'bob': {
            # replace with bob's real address.
            'address': '%(bob)s',
            'listen_addr': '0.0.0.0:%(bob_port)s'
        },
    },
    'self_party': PARTY
}
"""

TLS = """
tls_config = {
    "ca_cert": "ca.pem",
    "cert": f"{PARTY}.pem",
    "key": f"{PARTY}.key",
}
"""

TLS_AS_TEXT = """
tls_config = {
    "ca_cert": open("ca.pem").read(),
    "cert": open(f"{PARTY}.pem").read(),
    "key": open(f"{PARTY}.key").read(),
}
"""

LIST = """
allowed_list =  {
    "numpy.core.numeric": ["*"],
    "numpy": ["dtype"],
}
"""

USE = """
import numpy as np
alice, bob = sf.PYU('alice'), sf.PYU('bob')
x = alice(lambda: np.arange(4.0))()
y = bob(lambda a: a.sum())(x.to(bob))
say(float(sf.reveal(y)))
"""

SNIPPETS = {
    "plain": "sf.init(cluster_config=cluster_config)\n",
    "tls": TLS + "sf.init(\n        cluster_config=cluster_config,\n        tls_config=tls_config\n)\n",
    "tls-as-text": TLS_AS_TEXT + "sf.init(cluster_config=cluster_config, tls_config=tls_config)\n",
    "allowed-list": LIST
    + "sf.init(\n        cluster_config=cluster_config,\n"
    + "        cross_silo_serializing_allowed_list=allowed_list\n)\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SNIPPETS)
def test_a_snippet_runs_as_written(tmp_path, name):
    with Job(tmp_path, ["alice", "bob"]) as job:
        places = {
            key: value
            for party, address in job.addresses.items()
            for key, value in ((party, address), (f"{party}_port", address.split(":")[1]))
        }
        job.start_all(CLUSTER % places + SNIPPETS[name] + USE)
        assert [party.next() for party in job.running.values()] == [[6.0], [6.0]]
        assert job.all_end() == {"alice": 0, "bob": 0}


ALLOWED = """
class Measured:
    def __init__(self, values):
        self.values = values
sys.modules["script"] = sys.modules["__main__"]
Measured.__module__ = "script"
sf.init(cross_silo_serializing_allowed_list={
    "numpy.core.numeric": ["*"],
    "numpy": ["dtype"],
    "script": ["Measured"],
})
import numpy as np
alice, bob = sf.PYU('alice'), sf.PYU('bob')
x = alice(lambda: Measured(np.arange(4.0)))()
say(float(sf.reveal(bob(lambda m: m.values.sum())(x.to(bob)))))
"""


def test_the_guide_s_list_lets_arrays_inside_other_objects_travel(tmp_path):
    with Job(tmp_path, ["alice", "bob"]) as job:
        job.start_all(ALLOWED)
        assert [party.next() for party in job.running.values()] == [[6.0], [6.0]]
        assert job.all_end() == {"alice": 0, "bob": 0}

"""What `junto[dp]` promises: a sum with noise, and what it has cost."""

import numpy as np

import junto as sf
from junto.federated import DifferentialPrivacy, FedAvg

sf.init(parties=["alice", "bob", "carol"], address="local")
parties = [sf.PYU(name) for name in ("alice", "bob", "carol")]
data = {party: party(lambda: np.full((20, 4), 0.5))() for party in parties}
privacy = DifferentialPrivacy(clip_norm=1.0, noise_multiplier=4.0, delta=1e-5)
trained = FedAvg(parties, lambda p, row: p + row, privacy=privacy).fit(np.zeros(4), data, rounds=1)
off = sf.reveal(trained.parameters[parties[0]]) - 0.5
if not 0 < np.abs(off).max() < 1 or trained.privacy is None or not 1.0 < trained.privacy.epsilon < 1.2:
    raise SystemExit("the noise or what it costs is wrong")
sf.shutdown()

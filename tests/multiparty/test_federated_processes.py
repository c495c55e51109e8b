"""Rows of three hospitals, each a process of its own, over mutual TLS; and a hospital that is gone."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from parties import KILL, Job

PARTIES = ["north", "south", "west"]
ROWS = {"north": 40, "south": 5, "west": 90}

SCRIPT = """
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from junto import learn
from junto.federated import FedAvg
from junto.frame import HorizontalFrame

sf.init(logging_level="warning")
homes = list(map(sf.PYU, ["north", "south", "west"]))

def patients(rows):
    x = np.random.default_rng(rows).normal(size=(rows, 2)).astype(np.float32)
    return x, x @ np.array([1.0, -2.0], np.float32)

data = {home: home(patients)(rows) for home, rows in zip(homes, %s)}

@jax.jit
def slope(w, x, y):
    return jax.grad(lambda w: jnp.mean((x @ w - y) ** 2))(w)

def train(parameters, rows):
    for _ in range(2):
        parameters = {"w": parameters["w"] - 0.1 * slope(parameters["w"], *rows)}
    return parameters
""" % list(ROWS.values())  # noqa: UP031 - the script has braces


@pytest.fixture
def job(tmp_path):
    with Job(tmp_path, PARTIES) as job:
        yield job


def patients(rows):
    x = np.random.default_rng(rows).normal(size=(rows, 2)).astype(np.float32)
    return x, x @ np.array([1.0, -2.0], np.float32)


@pytest.mark.slow
def test_all_have_the_average_and_the_model_of_all_rows(job):
    job.start_all(
        SCRIPT
        + """
trained = FedAvg(homes, train).fit({"w": jnp.zeros(2)}, data, rounds=2)
say(sf.reveal(trained.parameters[homes[0]])["w"].tolist(), [each.rows for each in trained.history])
as_table = lambda rows: pd.DataFrame(rows[0], columns=["age", "dose"]).assign(y=rows[1])
frame = HorizontalFrame({home: home(as_table)(rows) for home, rows in data.items()})
model = learn.Ridge(sf.SPU(parties=["north", "south", "west"])).fit(frame[["age", "dose"]], frame["y"])
say(sf.reveal(model.coef_of("south")).tolist())
sf.shutdown()
"""
    )
    w = np.zeros(2)
    tables = {name: patients(rows) for name, rows in ROWS.items()}
    for _ in range(2):
        after = []
        for x, y in tables.values():
            mine = w
            for _ in range(2):
                mine = mine - 0.1 * 2 * (x @ mine - y) @ x / len(x)
            after.append(mine)
        w = np.average(after, axis=0, weights=list(ROWS.values()))
    x, y = (np.concatenate(each) for each in zip(*tables.values(), strict=True))
    pipe = make_pipeline(StandardScaler(), Ridge()).fit(x, y)
    for party in job.running.values():
        said, rows = party.next()
        assert said == pytest.approx(w, abs=1e-5)
        assert rows == [sum(ROWS.values())] * 2
        assert party.next()[0] == pytest.approx(pipe[1].coef_ / pipe[0].scale_, rel=1e-6)
    assert set(job.all_end().values()) == {0}


@pytest.mark.slow
def test_a_hospital_that_is_killed_in_the_middle_is_named(job):
    job.start_all(
        SCRIPT
        + """
from junto.federated.averaging import Training
def told(self, number, found, real=Training.round):
    say("a round begins", number)
    return real(self, number, found)
Training.round = told
try:
    FedAvg(homes, train).fit({"w": jnp.zeros(2)}, data, rounds=100000)
except sf.JuntoError as error:
    say(type(error).__name__, str(error))
sys.exit(4)
""",
        peer_timeout_s=4.0,
    )
    for party in job.running.values():
        while party.next() != ["a round begins", 2]:
            pass
    job.running["south"].signal(KILL)
    for name in ("north", "west"):
        party = job.running[name]
        while (said := party.next(25))[0] == "a round begins":
            pass
        assert said[0] in ("PartyUnreachable", "RemoteError", "PartyAborted"), said
        assert "south" in said[1]
        assert party.ends(20) == 4

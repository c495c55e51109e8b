"""No value changes behind its handle's back, in any mode."""

import numpy as np
import pandas as pd
import pytest

import junto as sf
from junto.execute.isolation import owned, shielded


@pytest.fixture(params=[{"debug_mode": True}, {"address": "local"}], ids=["debug", "simulation"])
def alice(request):
    with sf.Session(["alice", "bob"], **request.param):
        yield sf.PYU("alice")


def spoil(array):
    array[:] = 7
    return array


def test_a_task_cannot_change_its_arguments(alice):
    x = alice(np.zeros)(3)
    with pytest.raises(sf.RemoteError) as caught:
        sf.reveal(alice(spoil)(x))
    assert isinstance(caught.value.__cause__, ValueError)
    assert sf.reveal(x).tolist() == [0, 0, 0]


def test_a_task_may_change_its_own_copy(alice):
    x = alice(np.zeros)(3)
    assert sf.reveal(alice(lambda a: spoil(a.copy()))(x)).tolist() == [7, 7, 7]


def test_a_column_added_by_a_task_is_not_in_the_table_of_others(alice):
    def add(table):
        table["b"] = 1
        return list(table.columns)

    table = alice(pd.DataFrame)({"a": [1, 2]})
    assert sf.reveal(alice(add)(table)) == ["a", "b"]
    assert sf.reveal(alice(lambda t: list(t.columns))(table)) == ["a"]


def test_an_actor_s_state_is_not_what_it_returned(alice):
    @sf.proxy(sf.PYUObject)
    class Model:
        def __init__(self):
            self.weights = np.zeros(2)

        def step(self):
            self.weights += 1
            return {"weights": self.weights}

    model = Model(device=alice)
    first, second = model.step(), model.step()
    assert sf.reveal(second)["weights"].tolist() == [2, 2]
    assert sf.reveal(first)["weights"].tolist() == [1, 1]


def test_the_script_s_own_array_may_change_after_the_call(alice):
    data = np.zeros(2)
    put = sf.to(alice, data)
    called = alice(lambda a: a.sum())(data)
    data += 1
    assert sf.reveal(put).tolist() == [0, 0]
    assert sf.reveal(called) == 0


def test_what_holds_no_array_is_passed_as_it_is():
    for value in (1, "x", [1, 2], {"a": 1}, (None,)):
        assert shielded(value) is value
        assert owned(value) is value

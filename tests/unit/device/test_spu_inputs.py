"""What may be put on an SPU, and how what may not is named."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from junto.device.spu.inputs import InputConversion, encoded
from junto.errors import DeviceError, NotComputable
from junto.mpc.settings import MpcSettings

NAMED = InputConversion(MpcSettings(), x64=False, name="args[0]")
PLAIN = InputConversion(MpcSettings(), x64=False)


def table(**columns):
    import pandas as pd

    return pd.DataFrame(columns)


def polars_table(**columns):
    import polars as pl

    return pl.DataFrame(columns)


REFUSED = {
    "nan": (np.array([1.0, np.nan]), r"^args\[0\] has NaN"),
    "infinity": ({"age": [np.float32(np.inf)]}, r"^args\[0\]\['age'\]\[0\] has infinity"),
    "range": ({"age": np.array([1e15])}, r"^args\[0\]\['age'\] has numbers of 8.8e\+12 or more"),
    "text": ([1, "text"], r"^args\[0\]\[1\] is of type str:"),
    "texts": (np.array(["a", "b"]), r"^args\[0\] is of type text:"),
    "objects": (np.array([{}, 1], object), r"^args\[0\] is of type object:"),
    "ragged": (np.array([[1, 2], [3]], object), r"^args\[0\] is of type object:"),
    "a date": (np.array(["2020-01-01"], "M8[D]"), r"^args\[0\] is of type datetime64"),
    "complex": (np.array([1j]), r"^args\[0\] is of type complex128:"),
    "a class": (object(), r"^args\[0\] is of type object:"),
    "a key": (jax.random.key(0), r"^args\[0\] is a PRNGKeyArray that is no array of numbers"),
    "wide integers": ((np.array([2**40]),), r"^args\[0\]\[0\] has integers of more than 32 bits"),
    "a column": (table(age=[1, 2], city=["x", "y"]), r"^args\[0\]\['city'\] is of type object|text"),
    "a column with nan": (table(age=[1, 2], dose=[1.0, None]), r"^args\[0\]\['dose'\] has NaN"),
    "a polars column": ({"t": polars_table(a=[1.0], b=["x"])}, r"^args\[0\]\['t'\]\['b'\] is of type"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_not_is_named_by_its_place(name):
    value, says = REFUSED[name]
    with pytest.raises((DeviceError, NotComputable)) as caught:
        encoded(value, NAMED)
    assert re.search(says, caught.value.message), caught.value.message


def test_no_number_is_in_a_message():
    for value in (np.array([123456.75, np.nan]), np.array([987654321e9]), {"a": np.array([2**40 + 4711])}):
        with pytest.raises(NotComputable) as caught:
            encoded(value, NAMED)
        assert not any(number in str(caught.value) for number in ("123456", "987654", "4711"))


def test_a_value_by_itself_has_no_name():
    with pytest.raises(NotComputable, match="the value has NaN"):
        encoded(np.nan, PLAIN)
    with pytest.raises(NotComputable, match=r"the value's part \['a'\]\[1\] has NaN"):
        encoded({"a": [0, np.nan]}, PLAIN)


@pytest.mark.parametrize(
    "value",
    [(), [], {}, {"a": ()}, 1, 2.5, True, np.float32(1), np.zeros(()), np.zeros((0, 3)), [[1, 2], [3]]],
    ids=repr,
)
def test_the_rest_is_as_in_jax(value):
    layout, arrays = encoded(value, PLAIN)
    leaves = [jnp.asarray(each) for each in jax.tree_util.tree_leaves(value)]
    assert [each.shape for each in arrays] == [each.shape for each in leaves]
    texts = [f"{each.dtype}[{','.join(map(str, each.shape))}]" for each in leaves]
    assert jax.tree_util.tree_leaves(layout) == texts
    assert jax.tree_util.tree_structure(layout) == jax.tree_util.tree_structure(value)

"""A value's class is known without importing its library, also while another thread imports it."""

import sys
import types

import numpy as np
import pandas as pd
import pytest

from junto.execute.isolation import owned, shielded
from junto.loaded import is_a


@pytest.mark.parametrize(
    ("value", "module", "name", "answer"),
    [
        (np.zeros(2), "numpy", "ndarray", True),
        (pd.DataFrame(), "pandas", "DataFrame", True),
        (pd.Series(dtype=float), "pandas", "DataFrame", False),
        (7, "no_such_module", "Table", False),
        (7, "numpy", "no_such_class", False),
        (7, "numpy", "zeros", False),
    ],
)
def test_a_class_is_known_by_name(value, module, name, answer):
    assert is_a(value, module, name) is answer


def test_while_a_library_is_being_imported_no_value_is_of_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", types.ModuleType("pandas"))  # in another thread
    assert shielded([7, "x"]) == [7, "x"]
    assert owned({"a": 7}) == {"a": 7}

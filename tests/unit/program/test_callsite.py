"""Where an operation was written, as a person would say it."""

import sys
from types import SimpleNamespace

import pytest

from junto.program.callsite import call_site

SCRIPT = compile("\nsite = call_site()", "there/fit.py", "exec")
CELL = compile("\nsite = call_site()", "ipykernel_1/2849342938.py", "exec")


def written(code):
    names = {"call_site": call_site, "__name__": "__main__"}
    exec(code, names)
    return names["site"]


@pytest.fixture
def notebook(monkeypatch):
    """As IPython names the code of a cell; of a file it says nothing."""
    names = {CELL.co_filename: ("Cell", "In[3]")}
    shell = SimpleNamespace(compile=SimpleNamespace(format_code_name=names.get))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


def test_a_script_is_named_by_file_and_line():
    assert written(SCRIPT) == "fit.py:2"
    assert written(CELL) == "2849342938.py:2"


def test_a_notebook_is_named_by_cell_and_line(notebook):
    assert written(CELL) == "cell 3, line 2"
    assert written(SCRIPT) == "fit.py:2"

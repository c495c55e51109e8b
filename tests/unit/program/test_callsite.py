"""Where an operation was written, as a person would say it."""

import sys
from types import SimpleNamespace

import pytest

from junto.mpc.plan import trace
from junto.program.callsite import AT_THE_END, call_site, line_of

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


def test_so_is_a_line_of_what_an_spu_computes(notebook):
    names = {}
    exec(compile("\ndef double(x): return x * 2.5", CELL.co_filename, "exec"), names)
    (step,) = trace(names["double"], [1.0], {}).block.steps
    assert step.line == "cell 3, line 2 (double)"


@pytest.mark.parametrize("caller", ["junto.cli.run", "threading"])
def test_what_is_done_when_a_script_is_over_is_at_its_end(caller):
    names = {"call_site": call_site, "__name__": caller}
    exec(SCRIPT, names)
    assert names["site"] == AT_THE_END == "the end of the script"


def test_an_error_is_at_the_line_of_the_script_that_it_came_to():
    """Where an interrupt outside of our calls found the script: not where its last operation was."""
    names = {"__name__": "__main__"}
    with pytest.raises(ZeroDivisionError) as caught:
        exec(compile("import json\ndef deep():\n    return 1 / 0\n\ndeep()", "there/fit.py", "exec"), names)
    raised = caught.value.with_traceback(caught.value.__traceback__.tb_next)
    assert line_of(raised) == "fit.py:5"
    assert line_of(ValueError()) == ""

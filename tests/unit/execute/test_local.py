"""A call whose arguments are all there: its results, or the one error that all of its outputs carry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from junto.execute.executor import TaskCall
from junto.execute.local import first_error, new_slots, outcome, references, settle
from junto.execute.slot import Slot


class Explained(Exception):
    """What the program makes of an error."""


def call(function: Any, *args: Any, returns: int | None = None, **kwargs: Any) -> TaskCall:
    return TaskCall(function, args, kwargs, returns, "task", lambda problem: Explained(repr(problem)))


def there(value: Any) -> Slot:
    slot = Slot()
    slot.set_value(value)
    return slot


def failed(error: BaseException) -> Slot:
    slot = Slot()
    slot.set_error(error)
    return slot


def test_references_are_found_wherever_they_stand_in_the_arguments():
    one, other = there(1), there(2)
    assert references(call(max, [one, {"a": (other,)}], 3, key=one)) == [one, other, one]


def test_values_take_the_place_of_references_and_results_are_split():
    made = outcome(
        call(lambda pair, plus: (pair[0] + plus, pair[1]), [there(1), 5], plus=there(2), returns=2)
    )
    assert made == (3, 5)
    assert outcome(call(lambda: (1, 2))) == ((1, 2),)


def test_an_error_of_an_argument_is_passed_on_unchanged_and_nothing_runs():
    ran, error = [], KeyError("first")
    assert outcome(call(ran.append, there(1), failed(error), failed(ValueError()))) is error
    assert ran == []
    assert first_error([there(1)]) is None


@pytest.mark.parametrize("problem", [ValueError("no"), SystemExit(3)])
def test_what_the_function_raises_is_explained_even_if_it_would_end_the_process(problem):
    def fail() -> None:
        raise problem

    error = outcome(call(fail))
    assert isinstance(error, Explained)
    assert str(error) == repr(problem)


def test_what_is_let_through_is_raised():
    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outcome(call(fail), through=(KeyboardInterrupt,))


def test_an_explanation_that_fails_is_itself_the_error_and_names_its_cause():
    def fail() -> None:
        raise ValueError("no")

    made = outcome(TaskCall(fail, (), {}, None, "task", lambda problem: {}[problem]))
    assert isinstance(made, KeyError)
    assert isinstance(made.__cause__, ValueError)


def test_a_method_is_called_on_its_instance_and_its_state_is_not_handed_out():
    kept = there(np.zeros(2))
    (first,) = outcome(call("__iadd__", 1), kept)
    first[:] = 7  # whoever got it does with it what he likes
    assert kept.value().tolist() == [1, 1]
    error = ValueError("never made")
    assert outcome(call("sum"), failed(error)) is error


@pytest.mark.parametrize(("returns", "slots"), [(None, 1), (1, 1), (3, 3)])
def test_there_are_as_many_slots_as_results_and_one_error_fills_all(returns, slots):
    made = new_slots(call(max, returns=returns))
    assert len(made) == slots
    error = ValueError("all")
    settle(made, error)
    assert [slot.error() for slot in made] == [error] * slots
    again = new_slots(call(max, returns=returns))
    settle(again, tuple(range(slots)))
    assert [slot.value() for slot in again] == list(range(slots))

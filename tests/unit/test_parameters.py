"""What a public callable is given is what its annotations say, or is refused at the call."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Protocol, TypeVar

import numpy as np
import pandas as pd
import pytest

import junto as sf
from junto import federated, frame, learn
from junto.device import boundary
from junto.frame.parametrized import Parametrized
from junto.learn import metrics
from junto.parameters import Consent, Misfit, declared, form_of, kind_of, shown

ROOMS = (frame, learn, metrics, federated)
NOTHING = object()


class Sized(Protocol):
    def size(self) -> int: ...


# -------------------------------------------------------------------- kinds

KINDS: list[tuple[Any, list[Any], list[Any]]] = [
    (bool, [True, np.True_], [1, 0, "yes", None]),
    (Consent, [True, False], [np.True_, 1, "yes", None, [True]]),
    (int, [3, np.int8(3), -(2**70)], [True, np.True_, 3.0, "3", None]),
    (float, [3, 0.5, np.float32(0.5), float("nan")], [True, "0.5", None, 1j]),
    (str, ["", "a", np.str_("a")], [b"a", 1, None]),
    (Annotated[int, "[1, 5)"], [1, 4], [0, 5, 2.5, True, float("nan")]),
    (Annotated[float, "(0, 1]"], [1e-9, 1], [0, 1.1, float("nan"), float("inf"), "a"]),
    (Annotated[float, "(0, inf]"], [float("inf")], [0, -1, float("nan")]),
    (Annotated[float, "[0, inf)"], [0, 1e300], [float("inf"), -1e-300]),
    (Annotated[str, ("a", "b")], ["a"], ["c", "A", None, 1]),
    (Annotated[str, ("a",)] | Annotated[int, "[2, inf)"] | None, ["a", 2, None], ["b", 1, 2.5]),
    (Literal["a", 1], ["a", 1], ["b", 1.0, True]),
    (
        str | Sequence[str],
        ["a", ["a", "b"], ("a",), np.array(["a"])],
        [{"a"}, {"a": 1}, ["a", 1], np.array([1]), iter([1]), 1],
    ),
    (tuple[float, float], [(0, 1), [0, 1]], [(0,), (0, 1, 2), ("a", 1), 5]),
    (Mapping[str, int], [{}, {"a": 1}], [{"a": "b"}, {1: 1}, [("a", 1)], "a"]),
    (Callable[..., Any] | None, [len, None, str], [3, "len"]),
    (sf.PYU | str, [sf.PYU("alice"), "alice"], [3, None, sf.PYU]),
    (type[Exception], [ValueError], [ValueError(), "ValueError"]),
]


@pytest.mark.parametrize(("hint", "taken", "refused"), KINDS, ids=[str(row[0]) for row in KINDS])
def test_a_kind_takes_what_it_says_and_nothing_else(hint: Any, taken: list[Any], refused: list[Any]) -> None:
    kind = kind_of(hint)
    assert kind is not None
    for value in taken:
        kept = kind.take(value)
        assert kept is value or kept == value or kept != kept or np.array_equal(kept, value)
        assert type(kept).__module__ != "numpy" or isinstance(value, np.ndarray | str)
    for value in [*refused, NOTHING]:
        with pytest.raises(Misfit):
            kind.take(value)


class Word(str, enum.Enum):  # noqa: UP042 - as scripts that run before Python 3.11 write it
    A = "a"


class Count(enum.IntEnum):
    ONE = 1


class Pair(NamedTuple):
    one: Any
    other: Any


class UserWords(list[Any]):
    pass


TEXTS = ["a", np.str_("a"), Word.A]
ONES = [1, np.int8(1), np.uint64(1), Count.ONE]
HOLDERS: list[Callable[[Any], Any]] = [
    lambda each: [each],
    lambda each: (each,),
    lambda each: UserWords([each]),
    lambda each: {each: None}.keys(),
    lambda each: {None: each}.values(),
    lambda each: iter([each]),
    lambda each: (one for one in [each]),
    lambda each: np.array([each], object)[::-1],
    lambda each: pd.Index([each]),
    lambda each: pd.Series([each]),
]


LIKE: list[tuple[Any, Any, list[Any]]] = [
    (str, "a", TEXTS),
    (Literal["a", "b"], "a", TEXTS),
    (Annotated[str, ("a", "b")], "a", TEXTS),
    (int, 1, ONES),
    (Annotated[int, "[1, 5)"], 1, ONES),
]


@pytest.mark.parametrize(("hint", "plain", "values"), LIKE, ids=[str(row[0]) for row in LIKE])
def test_what_is_as_good_as_a_word_or_a_number_becomes_it_wherever_it_stands(
    hint: Any, plain: Any, values: list[Any]
) -> None:
    """Parties may not differ in what they say of one parameter: by its class, or by what it stands in."""
    hints = (hint, bool | Sequence[bool] | Sequence[hint], Mapping[hint, Sequence[hint]])
    one, many, mapping = [kind for kind in map(kind_of, hints) if kind is not None]
    for value in values:
        assert repr(one.take(value)) == repr(plain)
        for make in HOLDERS:
            kept = many.take(make(value))
            assert repr(kept) == repr((plain,) if type(kept) is tuple else [plain])
        assert repr(mapping.take({value: [value]})) == repr({plain: [plain]})
        assert [repr(each) for each in many.take(Pair(value, plain))] == [repr(plain)] * 2
    with pytest.raises(Misfit):
        many.take({plain})


def test_anything_is_anything() -> None:
    for hint in (Any, object, Any | None, TypeVar("T"), Sized | str):
        assert kind_of(hint) is None


def test_an_error_shows_words_and_numbers_but_no_data() -> None:
    secret = [NOTHING, np.array([41.0]), {"salary": 41}, b"41", (1, [41])]
    assert all("41" not in shown(value) for value in secret)
    assert [shown(value) for value in ("a", 3, None, int, ["a", 2])] == [
        "'a'",
        "3",
        "None",
        "int",
        "['a', 2]",
    ]
    assert len(shown("x" * 999)) < 60
    assert "41" not in shown(["x" * 99, 41])


# -------------------------------------------------------------------- everything that scripts call


def members() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Each public function, class and method."""
    for room in (sf, *ROOMS):
        for name in room.__all__:
            thing = getattr(room, name)
            if inspect.isfunction(thing) and boundary._mistake(thing):
                yield f"{room.__name__}.{name}", thing
            if inspect.isclass(thing) and boundary._mistake(thing) and not issubclass(thing, BaseException):
                if isinstance(thing, boundary.Scripted):
                    yield name, thing
                for method, function in inspect.getmembers(thing, inspect.isfunction):
                    opened = not method.startswith("_") or method in boundary.OPERATORS
                    if opened and getattr(function, "__wrapped__", None) and boundary._mistake(function):
                        yield f"{name}.{method}", function


MEMBERS = dict(members())
ASKED = [
    (name, parameter)
    for name, member in MEMBERS.items()
    for parameter, kind in declared(member)
    if kind is not None and parameter != "self"
]


def call(name: str, parameter: str, value: Any) -> Any:
    """It is called with this alone, for what is wrong is said before what is missing."""
    member = MEMBERS[name]
    if inspect.isclass(member):
        return member(**{parameter: value})
    first = next(iter(inspect.signature(member).parameters))
    itself = [NOTHING] if first == "self" else []
    return member(*itself, **{parameter: value})


@pytest.mark.parametrize(("name", "parameter"), ASKED)
def test_a_wrong_argument_is_refused_at_the_call_by_its_name(name: str, parameter: str) -> None:
    member = MEMBERS[name]
    if parameter not in form_of(member).names:
        pytest.skip("passed by place")
    with pytest.raises(sf.JuntoError, match=rf"(?s){parameter} is an? object.*{parameter} takes ") as caught:
        call(name, parameter, NOTHING)
    assert type(caught.value) is boundary._mistake(member)


def test_whatever_declares_limits_is_held_to_them() -> None:
    for room in (sf, *ROOMS):
        for name in room.__all__:
            thing = getattr(room, name)
            made = inspect.isclass(thing) and not isinstance(thing, boundary.Scripted)
            assert not made or "Annotated" not in str(inspect.get_annotations(thing)), name


FREE = {
    # what must be there on other devices is judged by the methods themselves
    "X", "y", "init", "param_grid", "cv", "scoring", "classes", "fill_value", "sample_weight",
    "eval_set", "xgb_model", "parameters",
}  # fmt: skip


def estimators() -> list[type[Parametrized]]:
    things = {getattr(room, name) for room in ROOMS for name in room.__all__}
    return sorted(
        (each for each in things if inspect.isclass(each) and issubclass(each, Parametrized)),
        key=lambda each: each.__name__,
    )


JUDGED = {"columns", "strategy", "scoring", "unknown_value", "base_score"}
"""What depends on other parameters, or may be any."""


@pytest.mark.parametrize("estimator", estimators(), ids=lambda each: each.__name__)
def test_an_estimator_says_of_each_parameter_what_it_may_be(estimator: type[Parametrized]) -> None:
    """Numbers have an interval, words a list: a new parameter without one fails here."""
    for name, kind in declared(estimator):
        if kind is None:
            assert name in FREE, name
            continue
        words = {"a number", "a whole number", "a text"} & set(kind.text.split(" or "))
        assert not words or name in JUDGED, (name, kind.text)


@pytest.mark.parametrize("estimator", estimators(), ids=lambda each: each.__name__)
def test_no_estimator_takes_numbers_that_are_none(estimator: type[Parametrized]) -> None:
    for name, kind in declared(estimator):
        for value in (float("nan"), -1e9) if kind is not None and name not in JUDGED else ():
            with pytest.raises(estimator.mistake, match=f"{name} is "):
                estimator(**{name: value})

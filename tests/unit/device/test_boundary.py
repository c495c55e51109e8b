"""What a script sees of a failure inside the library: its own lines."""

from __future__ import annotations

import errno
import inspect
import traceback
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import junto as sf
from junto import frame, join, learn
from junto.device import boundary
from junto.device.pyu import PYUObject
from junto.frame import StandardScaler, VerticalFrame, correlation, train_test_split
from junto.learn import KMeans, LinearRegression, metrics

ALICE, BOB = sf.PYU("alice"), sf.PYU("bob")
ROOMS = (frame, learn, metrics, join)


@pytest.fixture(scope="module")
def spu() -> Iterator[sf.SPU]:
    with sf.Session(["alice", "bob", "carol"], debug_mode=True):
        yield sf.SPU(parties=["alice", "bob", "carol"])


def public() -> Iterator[tuple[str, Any]]:
    for room in (sf, *ROOMS):
        for name in room.__all__:
            thing = getattr(room, name)
            if inspect.isfunction(thing) and not thing.__module__.startswith("junto.mpc."):
                yield f"{room.__name__}.{name}", thing
            elif inspect.isclass(thing) and isinstance(thing, boundary.Scripted):
                for kind in thing.__mro__:
                    for method, member in vars(kind).items():
                        if kind.__module__.startswith("junto.") and not method.startswith("_"):
                            yield f"{kind.__name__}.{method}", member


def test_all_that_a_script_calls_stands_at_the_edge() -> None:
    """Functions of the rooms, and methods and properties of their classes with behaviour."""
    plain = set()
    for name, member in public():
        function = member.fget if isinstance(member, property) else member
        if inspect.isfunction(function) and function.__code__.co_filename != boundary.__file__:
            plain.add(name)
    assert plain == set()


def test_classes_with_methods_are_of_that_kind() -> None:
    kinds = {getattr(room, name) for room in ROOMS for name in room.__all__}
    asked = {kind for kind in kinds if inspect.isclass(kind) and kind.__module__.startswith("junto.")}
    plain = {kind.__name__ for kind in asked if not isinstance(kind, boundary.Scripted)}
    assert plain == {"Column", "Facts"}  # what is known of a table, and nothing else


def vertical() -> VerticalFrame:
    tables = {ALICE: {"a": np.arange(9.0)}, BOB: {"b": np.arange(9.0), "t": ["x"] * 9}}
    return VerticalFrame({party: party(pd.DataFrame)(columns) for party, columns in tables.items()})


CALLS = {
    "a parameter": lambda spu: KMeans(spu, n_clusters=0),
    "another": lambda spu: LinearRegression(spu).with_params(colour=1),
    "fit": lambda spu: LinearRegression(spu).fit({ALICE: ALICE(np.ones)((3, 1))}, BOB(np.ones)(4)),
    "predict": lambda spu: LinearRegression(spu).predict(vertical()),
    "coef_": lambda spu: LinearRegression(spu).coef_,
    "a column": lambda spu: vertical()["c"],
    "a filter": lambda spu: vertical().filter("a", lambda a: a > 1),
    "a scaler": lambda spu: StandardScaler(columns=["t"]).fit(vertical()),
    "not fitted": lambda spu: StandardScaler().transform(vertical()),
    "mean_": lambda spu: StandardScaler().mean_,
    "a split": lambda spu: train_test_split(vertical(), test_size=3.5),
    "statistics": lambda spu: correlation(vertical(), spu),
    "a metric": lambda spu: metrics.ks(ALICE(np.ones)(3), BOB(np.ones)(3)),
    "a frame": lambda spu: VerticalFrame({}),
    "a truth": lambda spu: bool(vertical()),
    "a join": lambda spu: join.join({}, on="id"),
    "a handle": lambda spu: iter(ALICE(len)("ab")),
    "a shape": lambda spu: ALICE(lambda: {"x": 1, "y": 2})().to(spu).shape,
    "a party": lambda spu: sf.PYU(3),
    "arithmetic": lambda spu: 1 + ALICE(len)("ab"),
    "a comparison": lambda spu: ALICE(len)("ab") == 2,
    "an option": lambda spu: spu(len, num_returns_policy="all"),
    "an explanation": lambda spu: sf.explain(LinearRegression(spu).fit)({ALICE: (3, 1)}, {BOB: (4,)}),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_traceback_has_the_lines_of_the_script_alone(spu: sf.SPU, name: str) -> None:
    with pytest.raises(sf.JuntoError) as caught:
        CALLS[name](spu)
    files = {each.filename for each in traceback.extract_tb(caught.value.__traceback__)}
    assert files == {__file__}


@pytest.mark.parametrize("wrong", [lambda v: 1 / 0, lambda v: v @ v[:2], lambda v: v.undefined])
def test_so_has_that_of_what_a_function_of_the_script_raises_when_it_is_traced(
    spu: sf.SPU, wrong: Any
) -> None:
    with pytest.raises((ZeroDivisionError, TypeError, AttributeError)) as caught:
        spu(wrong)(ALICE(np.ones)(3))
    files = {each.filename for each in traceback.extract_tb(caught.value.__traceback__)}
    assert files == {__file__}


@pytest.mark.parametrize("name", ["fit", "statistics"])
def test_so_has_that_of_an_interrupt(spu: sf.SPU, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(PYUObject, "disclose", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        CALLS[name](spu)
    files = {each.filename for each in traceback.extract_tb(caught.value.__traceback__)}
    assert files == {__file__}


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), OSError(errno.EMFILE, "no", "/a")])
def test_what_the_machine_refuses_is_said_with_what_to_do(error: Exception) -> None:
    """And is not the script's own exception: `exit_code_of` goes by the class."""

    @boundary.public
    def call() -> None:
        raise error

    with pytest.raises(sf.ExecutorError, match="this machine refuses what a run needs: ") as caught:
        call()
    assert "ulimit" in caught.value.fix
    assert caught.value.__cause__ is error


def test_what_else_a_call_raises_stays_what_it_is() -> None:
    @boundary.public
    def call() -> None:
        raise RuntimeError("no thread of yours")

    with pytest.raises(RuntimeError, match="of yours"):
        call()

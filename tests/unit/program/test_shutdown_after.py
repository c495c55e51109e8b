"""`shutdown` raises what nobody saw, and nothing that the script was told of before."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

import junto as sf
from junto.device.boundary import public
from junto.errors import PartyUnreachable

GONE = PartyUnreachable("nothing was heard of bob", party="bob")


def bad() -> None:
    raise ValueError("of the task")


def look(step: Callable[[], object]) -> None:
    """As a script that goes on after a failure."""
    with suppress(sf.JuntoError):
        step()


@public
def wrapped(session: sf.Session) -> object:
    """A call of ours that fails because of the run, in words of its own."""
    try:
        session.program.check()
    except sf.JuntoError as error:
        raise sf.DeviceError("this part of it is over") from error


LOOKS: dict[str, Callable[[sf.Session], object]] = {
    "nobody": lambda session: None,
    "reveal": lambda session: sf.reveal(sf.PYU("alice")(int)(1)),
    "wait": lambda session: sf.wait(sf.PYU("alice")(int)(1)),
    "a call": lambda session: sf.PYU("bob")(int)(1),
    "in other words": wrapped,
}


@pytest.mark.parametrize("form", ["with", "bare"])
@pytest.mark.parametrize(
    ("looked", "failed", "seen"),
    [*itertools.product(LOOKS, [False], [False]), *itertools.product(LOOKS, [True], [False, True])],
)
def test_what_is_raised_at_the_end(looked: str, failed: bool, seen: bool, form: str) -> None:
    """The run's fault, where no call raised it; else an operation's failure that no call raised."""
    expected: type[sf.JuntoError] | None = PartyUnreachable if looked == "nobody" else None
    if expected is None and failed and not seen:
        expected = sf.RemoteError
    said: sf.JuntoError | None = None
    try:
        if form == "with":
            with sf.Session(["alice", "bob"], address="local", logging_level="critical") as session:
                play(session, looked, failed, seen)
        else:
            play(sf.init(["alice", "bob"], address="local", logging_level="critical"), looked, failed, seen)
            sf.shutdown()
    except sf.JuntoError as error:
        said = error
    assert type(said) is (type(None) if expected is None else expected)
    sf.shutdown()  # the second time it says nothing


def play(session: sf.Session, looked: str, failed: bool, seen: bool) -> None:
    if failed:
        handle = sf.PYU("alice")(bad)()
        if seen:
            look(lambda: sf.reveal(handle))
        else:
            assert session.program._parts.office.outstanding.wait_idle(60)
    session.program.fail(GONE)
    look(lambda: LOOKS[looked](session))


@pytest.mark.parametrize("kind", [PartyUnreachable, sf.PartyAborted])
def test_what_only_follows_from_what_was_told_is_not_raised(kind: type[sf.JuntoError]) -> None:
    """An operation that fails since a party is gone says nothing that the script does not know."""

    def follows() -> None:
        raise kind("bob is gone", party="bob")

    session = sf.init(["alice", "bob"], address="local", logging_level="critical")
    sf.PYU("alice")(follows)()
    assert session.program._parts.office.outstanding.wait_idle(60)
    session.program.fail(GONE)
    look(lambda: sf.reveal(sf.PYU("alice")(int)(1)))
    sf.shutdown()


def test_nothing_is_carried_when_devices_let_their_work_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    session = sf.init(["alice", "bob"], address="local", logging_level="critical")
    monkeypatch.setattr(session.program._parts.exchange, "close", lambda: order.append("exchange"))
    session.program.on_close(lambda: order.append("device"))
    session.abort(KeyboardInterrupt())
    assert order == ["exchange", "device"]


@pytest.mark.parametrize("patience_s", [0.05, 0.5])
def test_the_end_waits_for_work_as_long_as_any_wait_may_take(patience_s: float) -> None:
    release = threading.Event()
    session = sf.init(["alice"], address="local", wait_timeout_s=patience_s)
    sf.PYU("alice")(release.wait)(60)
    try:
        with pytest.raises(
            sf.DeadlineExceeded, match=r"to end, for operation 1 alice\(Event.wait\) at test_shut"
        ):
            session.shutdown()
    finally:
        release.set()
        session.abort(ValueError())

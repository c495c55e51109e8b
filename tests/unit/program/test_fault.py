"""Why a session cannot go on: heard at once, or waited for."""

import threading

import pytest

from junto.errors import PartyUnreachable
from junto.program.fault import SessionFault

GONE = PartyUnreachable("bob is out of reach", party="bob")


def test_it_is_waited_for():
    fault = SessionFault()
    assert fault.within(0.0) is None
    threading.Timer(0.05, fault.set, (GONE,)).start()
    assert fault.within(20.0) is GONE
    assert fault.within(0.0) is GONE


def test_the_first_one_stays():
    fault = SessionFault()
    assert fault.set(GONE)
    assert not fault.set(PartyUnreachable("carol, too", party="carol"))
    with pytest.raises(PartyUnreachable, match="bob"):
        fault.check()

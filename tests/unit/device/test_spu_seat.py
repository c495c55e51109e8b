"""A seat never gives the same keystream twice."""

from __future__ import annotations

import os

import numpy as np
import pytest

from junto.device.spu.node_context import NodeContext
from junto.mpc.memory_pipe import memory_pair
from junto.net.api import Stamp

NAMES = ("alice", "bob", "carol")


def seat(role, device="1", secret=None):
    others = [name for name in NAMES if name != role]
    channels = {name: memory_pair((role, name))[0] for name in others}
    secrets = dict.fromkeys(others, secret or os.urandom(32))
    return NodeContext(device, role, role, ("alice", "bob"), "carol", channels, secrets)


def stamp(operation):
    return Stamp(operation, b"", "compute", "here.py:1")


@pytest.mark.parametrize("role", NAMES)
def test_each_operation_draws_once_and_in_order(role):
    one = seat(role)
    first = one.role(stamp(4)).mask((8,))
    second = one.role(stamp(6)).mask((8,))
    assert not (first == second).any()
    for again in (6, 5, 4):
        with pytest.raises(RuntimeError, match="a second time"):
            one.role(stamp(again))
    one.role(stamp(7))


@pytest.mark.parametrize("role", NAMES)
def test_each_device_draws_from_keystreams_of_its_own(role):
    """Even if two had the same secrets."""
    one, other = (seat(role, device, bytes(range(32))) for device in ("1", "2"))
    assert not (one.role(stamp(4)).mask((8,)) == other.role(stamp(4)).mask((8,))).any()
    if role != "carol":
        noise = [each.noise(stamp(4), to, 0).words(8) for each in (one, other) for to in ("dave", "erin")]
        assert len(np.unique(noise)) == 32


@pytest.mark.parametrize("role", ["alice", "bob"])
def test_a_reading_role_draws_nothing(role):
    reading = seat(role).reading()
    assert reading.first == (role == "alice")
    for draw in (
        lambda: reading.mask((2,)),
        lambda: reading.mask_planes(1, 3),
        lambda: reading.mask_by(reading.index, (2,)),
    ):
        with pytest.raises(RuntimeError, match="only reads"):
            draw()


def test_reading_goes_beside_drawing():
    one = seat("bob")
    one.role(stamp(3))
    one.reading()
    one.reading()
    one.role(stamp(4))


def test_its_secrets_are_not_shown():
    assert "secrets" not in repr(seat("alice"))

"""The table of moves: each pair of kinds has one, by one door; another pair is an error that lists them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from junto.device.handle import Device
from junto.device.moves import MOVES, move
from junto.errors import DeviceError

KINDS = ("PYU", "SPU")


class Somewhere(Device):
    def __init__(self, kind):
        self._kind = kind

    kind = property(lambda self: self._kind)
    tree_key = property(lambda self: self._kind)


def value(kind, said):
    """A handle on a device of a kind, and a device, that both write down what they are asked."""

    def asked(name):
        return lambda device: said.append(name) or name

    doors = {name: asked(name) for name in ("moved_to", "shown_to")}
    return SimpleNamespace(device=Somewhere(kind), **doors)


@pytest.mark.parametrize(
    ("source", "target", "door"),
    [
        ("PYU", "PYU", "moved_to"),
        ("PYU", "SPU", "take"),
        ("SPU", "PYU", "shown_to"),
        ("SPU", "SPU", "receive"),
    ],
)
def test_each_pair_goes_through_its_door(source, target, door):
    said: list[str] = []
    device = Somewhere(target)
    device.take = lambda value: said.append("take")
    device.receive = lambda value: said.append("receive")
    move(value(source, said), device)
    assert said == [door]


def test_there_are_no_other_moves():
    assert set(MOVES) == {(a, b) for a in KINDS for b in KINDS}
    for pair in (("PYU", "TEE"), ("TEE", "PYU"), ("TEE", "TEE")):
        with pytest.raises(DeviceError, match=f"no move {pair[0]} -> {pair[1]}; there are: PYU -> PYU"):
            move(value(pair[0], []), Somewhere(pair[1]))


@pytest.mark.parametrize("device", ["bob", None, 3, object()])
def test_what_is_no_device_is_refused(device):
    with pytest.raises(DeviceError, match="takes a device"):
        move(value("PYU", []), device)

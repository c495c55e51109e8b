"""Points of the curve, base transfers, trees of seeds."""

from __future__ import annotations

import numpy as np
import pytest

from junto.mpc.ot import base_transfers, curve_points
from junto.mpc.ot.hashing import Hash
from junto.mpc.ot.seed_trees import Grower, correction_bytes
from junto.mpc.prg import Stream, derive


def stream(name: str) -> Stream:
    return Stream(derive(bytes(32), name))


def multiple(k: int, point: curve_points.Point) -> curve_points.Point:
    """k times a point, k > 0, by doubling and adding."""
    made = None
    while k:
        if k & 1:
            made = point if made is None else curve_points.add([made], [point])[0]
        k >>= 1
        if k:
            point = curve_points.double([point])[0]
    return made


# -------------------------------------------------------------------- the curve


def test_a_key_s_point_is_the_multiple_of_the_base():
    random = bytes(range(32))
    scalar = 2**251 + int.from_bytes(random, "little") % 2**251
    point = curve_points.ScalarKey(random).point
    assert curve_points.on_curve(point)
    assert point == multiple(8 * scalar, curve_points._BASE)


def test_keys_at_the_ends_of_what_x25519_takes():
    for random in (bytes(32), b"\xff" * 32):
        assert curve_points.on_curve(curve_points.ScalarKey(random).point)


def test_sums_are_associative_and_have_opposites():
    p, q, r = (curve_points.ScalarKey(bytes([i]) * 32).point for i in (1, 2, 3))
    (left,) = curve_points.add(curve_points.add([p], [q]), [r])
    (right,) = curve_points.add([p], curve_points.add([q], [r]))
    assert left == right
    assert curve_points.add([left], curve_points.negative([r])) == curve_points.add([p], [q])
    assert curve_points.add(curve_points.double([p]), [p])[0] == multiple(3, p)


def test_two_keys_agree():
    one, two = curve_points.ScalarKey(b"1" * 32), curve_points.ScalarKey(b"2" * 32)
    assert one.shared(two.point[0]) == two.shared(one.point[0])


def test_points_there_and_back():
    points = [curve_points.ScalarKey(bytes([i]) * 32).point for i in range(3)]
    assert curve_points.from_bytes(memoryview(curve_points.to_bytes(points))) == points


@pytest.mark.parametrize("place", [0, 40, 63])
def test_what_is_no_point_is_refused(place):
    data = bytearray(curve_points.to_bytes([curve_points.ScalarKey(bytes(32)).point]))
    data[place] ^= 1
    with pytest.raises(ValueError, match="should be points"):
        curve_points.from_bytes(memoryview(data))


def test_a_point_with_a_coordinate_that_is_not_reduced_is_refused():
    assert not curve_points.on_curve((curve_points.P, 0))
    assert curve_points.on_curve((0, 0))


def test_sums_that_are_no_point_are_refused():
    point = curve_points.ScalarKey(bytes(32)).point
    with pytest.raises(ValueError, match="equal or opposite"):
        curve_points.add([point], curve_points.negative([point]))


def test_nothing_of_a_key_is_shown():
    key = curve_points.ScalarKey(b"\x07" * 32)
    assert repr(key) == "<Key>"


def test_hashes_are_in_the_subgroup_of_prime_order():
    order = 2**252 + 27742317777372353535851937790883648493
    for point in curve_points.hash_to_curve([b"a", b"b"], b"test"):
        assert multiple(order - 1, point) == curve_points.negative([point])[0]


# -------------------------------------------------------------------- base transfers


def transfers(
    choices: list[int], session: bytes = b"s"
) -> tuple[base_transfers.BaseReceiver, base_transfers.BaseSender]:
    return base_transfers.BaseReceiver(stream("r"), choices, session), base_transfers.BaseSender(
        stream("s"), len(choices), session
    )


def test_the_receiver_has_the_keys_that_he_chose():
    choices = [0, 1, 1, 0, 1]
    receiver, sender = transfers(choices)
    keys = receiver.keys(memoryview(sender.message))
    both = np.stack(sender.keys(memoryview(receiver.message)))
    assert (keys == both[choices, range(5)]).all()
    assert len({key.tobytes() for side in both for key in side}) == 10


def test_another_session_has_other_keys():
    receiver, sender = transfers([0, 1])
    other = base_transfers.BaseSender(stream("s"), 2, b"t")
    assert other.message == sender.message
    zero, one = other.keys(memoryview(receiver.message))
    keys = receiver.keys(memoryview(sender.message))
    assert not (keys == zero).any()
    assert not (keys == one).any()


def test_the_other_key_needs_the_other_choice():
    """With the same randomness and the other choice he sends something else, and gets the other key."""
    (zero, sender), (one, _) = transfers([0]), transfers([1])
    assert zero.message != one.message
    both = sender.keys(memoryview(zero.message))
    assert (zero.keys(memoryview(sender.message)) == both[0]).all()
    assert not (one.keys(memoryview(sender.message)) == both[1]).any()


def test_both_values_of_a_function_are_hashed_apart():
    """A receiver who could make one mask serve both would have both keys."""
    message = transfers([0])[0].message
    head = message[: curve_points.POINT_BYTES]
    names = [base_transfers._name(b"s", number, b) for number in (0, 1) for b in (0, 1)]
    assert len({base_transfers._pad(name, head) for name in names}) == 4
    inner = [
        name + base_transfers._xor(message[curve_points.POINT_BYTES :], base_transfers._pad(name, head))
        for name in names
    ]
    assert len(set(curve_points.hash_to_curve(inner, base_transfers._DOMAIN))) == 4


@pytest.mark.parametrize("reply", [bytes(32), (1).to_bytes(32, "little")])
def test_a_key_of_small_order_is_refused(reply):
    receiver, _ = transfers([0, 1])
    with pytest.raises(ValueError, match="small order"):
        receiver.keys(memoryview(reply))


def test_a_function_with_a_false_point_is_refused():
    receiver, sender = transfers([0, 1])
    message = bytearray(receiver.message)
    message[base_transfers.FUNCTION_BYTES] ^= 1
    with pytest.raises(ValueError, match="should be points"):
        sender.keys(memoryview(message))


def test_a_change_of_the_mask_changes_both_keys():
    receiver, sender = transfers([0, 1])
    message = bytearray(receiver.message)
    message[curve_points.POINT_BYTES] ^= 1
    before, after = sender.keys(memoryview(receiver.message)), sender.keys(memoryview(message))
    assert not any((b[0] == a[0]).any() for b, a in zip(before, after, strict=True))
    assert all((b[1] == a[1]).all() for b, a in zip(before, after, strict=True))


# -------------------------------------------------------------------- trees


@pytest.mark.parametrize("depth", range(1, 9))
def test_every_leaf_can_be_the_missing_one(depth):
    rng = np.random.default_rng(depth)
    zero, one = (rng.integers(0, 2**64, (depth, 2), dtype=np.uint64) for _ in range(2))
    leaves, message = Grower(Hash(bytes(16))).grow(zero, one)
    assert leaves.shape == (2**depth, 2)
    assert len(np.unique(leaves, axis=0)) == 2**depth
    assert len(message) == correction_bytes(depth)
    for missing in range(2**depth):
        choices = [1 - (missing >> level & 1) for level in reversed(range(depth))]
        keys = np.where(np.array(choices)[:, None] == 1, one, zero)
        others, number = Grower(Hash(bytes(16))).puncture(choices, keys, memoryview(message))
        assert number == missing
        assert not others[missing].any()
        kept = np.arange(2**depth) != missing
        assert (others[kept] == leaves[kept]).all()


def test_trees_of_one_grower_differ():
    keys = np.zeros((3, 2), np.uint64)
    grower = Grower(Hash(bytes(16)))
    assert not (grower.grow(keys, keys)[0] == grower.grow(keys, keys)[0]).any()

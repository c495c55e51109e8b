"""All inputs and all randomness of a gate on a small ring: what each party sees does not depend on the
inputs.

The gates are polynomials, so reduced modulo 4 (and modulo 2 for bits) they are the gates of a small ring, on
which every random choice can be tried. A party's view is what it draws, what is dealt to it, and what it
receives; for every input, the views of all random choices together must be the same, each as often.
"""

from __future__ import annotations

import itertools
import queue
import threading
from collections import Counter

import numpy as np
import pytest

from junto.mpc import bits
from junto.mpc.protocol.multiply import multiply
from junto.mpc.protocol.planes import MaskedPlanes, conjunction, reshare
from junto.mpc.protocol.role import Role
from junto.mpc.protocol.shares import Masked, hold, piece
from junto.mpc.rounds import Rounds


class Scripted(Role):
    """A role whose randomness is given, for all cases at once: one lane a case."""

    def __init__(self, index, draws, modulus, wires=None, dealt=None):
        super().__init__()
        self.index = index
        self._draws = iter(draws)
        self._modulus = modulus
        self._wires = wires
        self.dealt = dealt if dealt is not None else []
        self._next = iter(self.dealt)
        self.view = []

    def _note(self, array):
        self.view.append(np.asarray(array) % self._modulus)
        return array

    def mask(self, shape):
        return self._note(next(self._draws))

    def deal(self, shape, demand):
        if self.deals:
            value = demand.whole()
            self.dealt.append((value - next(self._draws)) % self._modulus)
            return value
        return self._note(next(self._draws) if self.index == 0 else next(self._next))

    def mask_by(self, owner, shape):
        raise NotImplementedError

    mask_planes_by = mask_by

    def mask_planes(self, count, lanes):
        return bits.pack(self._note(next(self._draws)).astype(np.bool_))[None]

    def deal_planes(self, count, lanes, demand):
        if self.deals:
            value = demand.whole()
            rest = bits.unpack(value[0], lanes) ^ next(self._draws).astype(np.bool_)
            self.dealt.append(rest.astype(np.uint64))
            return value
        given = self._note(next(self._draws) if self.index == 0 else next(self._next))
        return bits.pack(given.astype(np.bool_))[None]

    def _flush(self, asked):
        if self.deals:
            return [None] * len(asked)
        opened = []
        for share in asked:
            mine = share.words if hasattr(share, "words") else bits.unpack(share.planes[0], share.lanes)
            self._wires[0].put(mine)
            other = self._wires[1].get(timeout=240)
            self._note(other.astype(np.uint64))
            if hasattr(share, "words"):
                opened.append((mine + other) % self._modulus)
            else:
                opened.append(bits.pack(mine ^ other)[None])
        return opened


def views(program, draws, modulus):
    """The views of P0 and P1, a row a case, and the result."""
    helper = Scripted(None, draws[2], modulus)
    Rounds(helper.flush).run(program(helper))
    one, two = queue.Queue(), queue.Queue()
    roles = [
        Scripted(0, draws[0], modulus, (one, two)),
        Scripted(1, draws[1], modulus, (two, one), helper.dealt),
    ]
    results = [None, None]

    def play(index):
        with np.errstate(over="ignore"):
            results[index] = Rounds(roles[index].flush).run(program(roles[index]))

    threads = [threading.Thread(target=play, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [np.stack(role.view, axis=1) for role in roles], results


def product_of(x, y, modulus):
    """All cases of one product of masked values whose result is masked again."""
    cases = np.array(list(itertools.product(range(modulus), repeat=7)), np.uint64).T
    mx0, mx1, my0, my1, d0, r0, r1 = cases
    mx, my = (mx0 + mx1) % modulus, (my0 + my1) % modulus
    dx, dy = (x + mx) % modulus, (y + my) % modulus

    async def program(role):
        masks = {0: (mx0, my0), 1: (mx1, my1), None: (mx, my)}[role.index]
        public = (None, None) if role.deals else (dx, dy)
        if not role.deals:
            role.view += [*masks, dx, dy]
        a, b = (Masked(p, m) for p, m in zip(public, masks, strict=True))
        product = await multiply(role, a, b)
        if role.deals:
            role._draws = iter([(r0 + r1) % modulus])
        held = await hold(role, product)
        share = piece(role, held)
        return None if share is None else share % modulus

    draws = ([d0, r0], [r1], [d0])
    return views(program, draws, modulus)


def conjunction_of(a, b):
    """All cases of one conjunction of masked bits whose result is masked again."""
    cases = np.array(list(itertools.product(range(2), repeat=7)), np.uint64).T
    ra0, ra1, rb0, rb1, d0, r0, r1 = cases
    lanes = cases.shape[1]
    pack = lambda values: bits.pack(values.astype(np.bool_))[None]  # noqa: E731

    async def program(role):
        masks = {0: (ra0, rb0), 1: (ra1, rb1), None: (ra0 ^ ra1, rb0 ^ rb1)}[role.index]
        ea, eb = a ^ ra0 ^ ra1, b ^ rb0 ^ rb1
        if not role.deals:
            role.view += [*masks, ea, eb]
        left = MaskedPlanes(None if role.deals else pack(ea), pack(masks[0]), lanes)
        right = MaskedPlanes(None if role.deals else pack(eb), pack(masks[1]), lanes)
        share = conjunction(role, left, right)
        if role.deals:
            role._draws = iter([r0 ^ r1])
        result = await reshare(role, share, 1, lanes)
        if role.deals:
            return None
        return (bits.unpack(result.public[0], lanes), bits.unpack(result.mask[0], lanes))

    return views(program, ([d0, r0], [r1], [d0]), 2)


def counted(view: np.ndarray) -> Counter:
    return Counter(map(bytes, view.astype(np.uint8)))


@pytest.mark.parametrize("modulus", [2, 4])
def test_the_views_of_a_product_do_not_depend_on_its_factors(modulus):
    seen = []
    for x, y in itertools.product(range(modulus), repeat=2):
        (first, second), results = product_of(np.uint64(x), np.uint64(y), modulus)
        assert ((results[0] + results[1]) % modulus == x * y % modulus).all()
        seen.append((counted(first), counted(second)))
    assert all(each == seen[0] for each in seen)


def test_the_views_of_a_conjunction_do_not_depend_on_its_bits():
    seen = []
    for a, b in itertools.product(range(2), repeat=2):
        (first, second), results = conjunction_of(np.uint64(a), np.uint64(b))
        (public, r0), (_, r1) = results
        assert (public ^ r0 ^ r1 == bool(a & b)).all()
        seen.append((counted(first), counted(second)))
    assert all(each == seen[0] for each in seen)


def test_the_check_finds_a_product_that_is_opened_without_a_mask():
    """The same with the last mask left out: the views differ."""
    modulus, seen = 2, []
    for x, y in itertools.product(range(modulus), repeat=2):
        (first, _), results = product_of(np.uint64(x), np.uint64(y), modulus)
        unmasked = np.concatenate(
            [first, results[1][:, None]], axis=1
        )  # P1's piece of the product, in the clear
        seen.append(counted(unmasked))
    assert any(each != seen[0] for each in seen)

"""Products of shares, element by element: few from oblivious transfer, others by homomorphic encryption.

Which they are follows from each demand's shape and the settings, so both parties do the same, and what a plan
sends can be counted demand by demand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod

import numpy as np

from junto.mpc.gates import Words
from junto.mpc.lattice.slot_lwe import SLOTS
from junto.mpc.lattice.slot_products import KEY_MESSAGE, SlotGroups, SlotProducts, quickest
from junto.mpc.ot import products
from junto.mpc.ot.extension import Extension, OtSettings
from junto.mpc.preprocess.matrices import matrices_bytes
from junto.mpc.protocol.demands import Product, crosses, no_product
from junto.mpc.ring128 import ring_bits as bits_of_ring


def groups_for(size: int, count: int, settings: OtSettings, ring_bits: int) -> SlotGroups:
    """Of the first of so many elements, the groups that are multiplied by homomorphic encryption.

    Args:
        size: of one demand.
        count: products of one party's number and the other one's for an element: 1 or 2.
        settings: of the transfers.
        ring_bits: of the elements.
    """
    transfers = count * sum(products.matmul_bytes((1, 1, 1), 1, settings, ring_bits))
    return quickest(size, count, transfers, ring_bits)


def elements_bytes(
    size: int, ways: Sequence[bool], party: int, settings: OtSettings, ring_bits: int
) -> float:
    """What a party sends for products of so many elements.

    Args:
        size: of one demand.
        ways: whether there are products of P0's left share and P1's right one, and the other way round.
        party: 0 or 1.
        settings: of the transfers.
        ring_bits: of the elements.
    """
    groups = groups_for(size, sum(ways), settings, ring_bits)
    chosen, offered = products.matmul_bytes((1, 1, 1), size - covered(groups, size), settings, ring_bits)
    return groups.sent(party) + ways[party] * chosen + ways[1 - party] * offered


def broadcast_bytes(demand: Product, party: int, settings: OtSettings) -> tuple[float, bool]:
    """What a party sends for a product of arrays whose shapes differ, and whether each element is made alone.

    If not, it is made of products of columns and rows: see `products.by_matrices`.
    """
    ways, bits, shapes = crosses(*demand.held), bits_of_ring(demand.left), []

    def product(a: Words, b: Words) -> Words:
        shapes.append((a.shape, b.shape))
        return no_product(a, b)

    products.by_matrices(demand.left, demand.right, product)
    size = prod(demand.shape)
    single = [elements_bytes(size, ways, each, settings, bits) for each in (0, 1)]
    several = [
        float(sum(matrices_bytes(*each, ways, one, settings, bits) for each in shapes)) for one in (0, 1)
    ]
    slots = groups_for(size, sum(ways), settings, bits).count > 0 and sum(single) + 2 * KEY_MESSAGE < sum(
        several
    )
    return (single if slots else several)[party], slots


def covered(groups: SlotGroups, size: int) -> int:
    """How many elements are in the groups."""
    return min(size, groups.count * SLOTS)


class ElementProducts:
    """One party's end.

    Args:
        extension: with the other party.
        slots: with the other party.
    """

    def __init__(self, extension: Extension, slots: SlotProducts) -> None:
        self._extension = extension
        self._slots = slots

    def takes(self, demand: Product) -> bool:
        """Whether a product of arrays whose shapes differ is to be made here: see `broadcast_bytes`."""
        return broadcast_bytes(demand, 0, self._extension.settings)[1]

    def multiply(self, owners: products.Owners, pairs: Sequence[tuple[Words, Words]]) -> list[Words]:
        """Our shares of products of flat arrays, of one demand each: see `products.multiply`."""
        ways = products.ways(owners, self._extension.index)

        def slots(x: Words, y: Words, groups: SlotGroups) -> Words:
            return x * y + self._slots.products(x, y, ways, groups)

        def transfers(x: Words, y: Words) -> Words:
            return products.multiply(self._extension, x, y, owners)

        return self._made(pairs, sum(ways), slots, transfers)

    def squares(self, numbers: Sequence[Words]) -> list[Words]:
        """Our shares of squares of flat arrays, of one demand each."""

        def slots(x: Words, _: Words, groups: SlotGroups) -> Words:
            both = self._slots.crosses(x[None], x[None], groups)
            return x * x + both + both

        def transfers(x: Words, _: Words) -> Words:
            return products.square(self._extension, x)

        return self._made([(each, each) for each in numbers], 1, slots, transfers)

    def _made(
        self,
        pairs: Sequence[tuple[Words, Words]],
        count: int,
        slots: Callable[[Words, Words, SlotGroups], Words],
        transfers: Callable[[Words, Words], Words],
    ) -> list[Words]:
        """Of each demand what fits into its groups, and then the rest of all of them."""
        made, rest = [], []
        for x, y in pairs:
            groups = groups_for(len(x), count, self._extension.settings, bits_of_ring(x))
            size = covered(groups, len(x))
            made.append(slots(x[:size], y[:size], groups) if size else x[:0])
            rest.append((x[size:], y[size:]))
        left, right = (np.concatenate(each) for each in zip(*rest, strict=True))
        ends = np.cumsum([0, *(len(x) for x, _ in rest)])
        whole = transfers(left, right)
        return [
            np.concatenate([first, whole[start:end]])
            for first, (start, end) in zip(made, pairwise(ends), strict=True)
        ]

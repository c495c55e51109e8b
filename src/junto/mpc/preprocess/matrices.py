"""Products of matrices of shares: small ones from oblivious transfer, others by homomorphic encryption.

What sends less is taken: which that is follows from shapes and settings, so both parties take the same.
The polynomials of `block_packing` have coefficients of 64 bits. Of matrices of 128 bits all products of two
elements are made in slots, and added up.
"""

from __future__ import annotations

from math import prod

import numpy as np

from junto.mpc import ring
from junto.mpc.gates import BITS, Words
from junto.mpc.lattice.block_packing import Blocks
from junto.mpc.lattice.lattice_products import LatticeProducts, quickest
from junto.mpc.lattice.slot_products import SlotGroups, SlotProducts, all_of
from junto.mpc.ot import products
from junto.mpc.ot.extension import Extension, OtSettings
from junto.mpc.ring128 import ring_bits as bits_of_ring


def blocks_for(
    left: tuple[int, ...], right: tuple[int, ...], settings: OtSettings, ring_bits: int
) -> Blocks | None:
    """How matrices of these shapes, batches before them, are cut; None: oblivious transfers send less."""
    sizes, batch = (left[-2], left[-1], right[-1]), prod(np.broadcast_shapes(left[:-2], right[:-2]))
    if not batch * prod(sizes) or ring_bits > BITS:
        return None
    return quickest(sizes, batch, sum(products.matmul_bytes(sizes, batch, settings)))


def groups_for(
    left: tuple[int, ...],
    right: tuple[int, ...],
    ways: tuple[bool, bool],
    settings: OtSettings,
    ring_bits: int,
) -> SlotGroups | None:
    """How all products of two elements of such matrices lie in slots; None: they do not.

    Args:
        left, right, ways, settings, ring_bits: see `matrices_bytes`.
    """
    sizes, batch = (left[-2], left[-1], right[-1]), prod(np.broadcast_shapes(left[:-2], right[:-2]))
    if ring_bits <= BITS or not any(ways) or not batch * prod(sizes):
        return None
    transfers = sum(ways) * sum(products.matmul_bytes(sizes, batch, settings, ring_bits))
    return all_of(batch * prod(sizes), sum(ways), transfers, ring_bits)


def matrices_bytes(
    left: tuple[int, ...],
    right: tuple[int, ...],
    ways: tuple[bool, bool],
    party: int,
    settings: OtSettings,
    ring_bits: int,
) -> int:
    """What a party sends for products of matrices of these shapes.

    Args:
        left, right: batches before rows and columns.
        ways: whether there are products of P0's left share and P1's right one, and the other way round.
        party: 0 or 1.
        settings: of the transfers.
        ring_bits: of the elements.
    """
    batch = prod(np.broadcast_shapes(left[:-2], right[:-2]))
    m, k, n = left[-2], left[-1], right[-1]
    groups = groups_for(left, right, ways, settings, ring_bits)
    if groups is not None:
        return groups.sent(party)
    blocks, total = blocks_for(left, right, settings, ring_bits), 0
    for left_at, way in enumerate(ways):
        if not way:
            continue
        if blocks is not None:
            holds = (left_at == party) != blocks.turned
            total += blocks.fresh_bytes(batch) if holds else blocks.answer_bytes(batch)
        else:
            chooses = (left_at == party) == (m <= n)
            total += products.matmul_bytes((m, k, n), batch, settings, ring_bits)[0 if chooses else 1]
    return total


class MatrixProducts:
    """One party's end.

    Args:
        extension: with the other party.
        lattice: with the other party.
        slots: with the other party.
    """

    def __init__(self, extension: Extension, lattice: LatticeProducts, slots: SlotProducts) -> None:
        self._extension = extension
        self._lattice = lattice
        self._slots = slots

    def matmul(self, owners: products.Owners, x: Words, y: Words) -> Words:
        """Our share of x @ y: see `products.matmul`."""
        settings, ring_bits = self._extension.settings, bits_of_ring(x)
        blocks = blocks_for(x.shape, y.shape, settings, ring_bits)
        ways = products.ways(owners, self._extension.index)
        groups = groups_for(x.shape, y.shape, ways, settings, ring_bits)
        if groups is not None:
            return self._by_elements(x, y, ways, groups)
        if blocks is None or not any(ways):
            return products.matmul(self._extension, x, y, owners)
        made = ring.matmul(x, y)
        batch = made.shape[:-2]
        left, right = (np.broadcast_to(each, (*batch, *each.shape[-2:])) for each in (x, y))
        left, right = (each.reshape(-1, *each.shape[-2:]) for each in (left, right))
        return made + self._lattice.crosses(left, right, blocks, ways).reshape(made.shape)

    def _by_elements(self, x: Words, y: Words, ways: tuple[bool, bool], groups: SlotGroups) -> Words:
        """Each product of two elements, in [..., rows, inner, columns], summed over the inner ones."""
        left, right = np.broadcast_arrays(x[..., None], y[..., None, :, :])
        made = self._slots.products(left.reshape(-1), right.reshape(-1), ways, groups)
        return np.asanyarray(ring.matmul(x, y) + made.reshape(left.shape).sum(-2, np.uint64))

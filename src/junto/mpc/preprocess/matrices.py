"""Products of matrices of shares: small ones from oblivious transfer, others by homomorphic encryption.

What sends less is taken: which that is follows from shapes and settings, so both parties take the same.
"""

from __future__ import annotations

from math import prod

import numpy as np

from junto.mpc import ring
from junto.mpc.gates import BITS, Words
from junto.mpc.lattice.block_packing import Blocks
from junto.mpc.lattice.lattice_products import LatticeProducts, quickest
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
    """

    def __init__(self, extension: Extension, lattice: LatticeProducts) -> None:
        self._extension = extension
        self._lattice = lattice

    def matmul(self, owners: products.Owners, x: Words, y: Words) -> Words:
        """Our share of x @ y: see `products.matmul`."""
        blocks = blocks_for(x.shape, y.shape, self._extension.settings, bits_of_ring(x))
        ways = products.ways(owners, self._extension.index)
        if blocks is None or not any(ways):
            return products.matmul(self._extension, x, y, owners)
        made = ring.matmul(x, y)
        batch = made.shape[:-2]
        left, right = (np.broadcast_to(each, (*batch, *each.shape[-2:])) for each in (x, y))
        left, right = (each.reshape(-1, *each.shape[-2:]) for each in (left, right))
        return made + self._lattice.crosses(left, right, blocks, ways).reshape(made.shape)

"""Tables, without a helper.

Paper:     Rathee et al., "SiRnn: A math library for secure RNN inference", IEEE S&P 2021, section 3.3 (a
           table look-up by one oblivious transfer out of 2**width), with pads made ahead of time.
Computes:  [T[digit of x]] from <x>, x = a - b with a = D - m0 at P0 and b = m1 at P1.
Parties:   P0, P1.
Secure:    semi-honest, one of two corrupted.
Learns:    P1 sees the entries for each value of its digit, all but its own under pads that it has not, its
           own under a mask of P0's.
Cost:      1 round, 8 bytes P0 -> P1 for each entry of each table; offline `width` oblivious transfers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from junto.mpc.gates import Digit, Words
from junto.mpc.protocol.demands import WordPads
from junto.mpc.protocol.pair.leaves import private
from junto.mpc.protocol.role import Role
from junto.mpc.protocol.shares import Additive, Masked
from junto.mpc.ring128 import bit_field, element_bytes, elements, from_octets, is_wide, wide_from, zeros


async def lookup(role: Role, x: Masked, digit: Digit, tables: Sequence[Words], block: int) -> list[Additive]:
    """For each table the entry at the digit of x, `block` elements at a time.

    The digits of a and b differ by that of x, or by one more where the lower bits of b are the larger ones.
    """
    own = private(role, x)
    shares = zeros((len(tables), own.size), role.width)
    for start in range(0, own.size, block):
        part = slice(start, start + block)
        made = await _entries(role, own[part], digit, tables)
        if made is not None:
            shares[:, part] = made
    if role.deals:
        return [Additive(None, x.shape) for _ in tables]
    return [Additive(share.reshape(x.shape), x.shape) for share in shares]


def rest(role: Role, x: Masked, digit: Digit) -> Additive:
    """What is below that digit: its part of a less that of b, without a message."""
    own = elements(bit_field(private(role, x), 0, digit.low), role.width).reshape(x.shape)
    return Additive(None if role.deals else own if role.first else 0 - own, x.shape)


async def _entries(role: Role, own: Words, digit: Digit, tables: Sequence[Words]) -> Words | None:
    """A party's pieces: [tables, lanes]."""
    rows, lanes, octets = 1 << digit.width, len(own), element_bytes(role.width)
    mask = role.mask((len(tables), lanes))
    words = role.pads(WordPads(own, digit, len(tables) * octets // 8))
    place = bit_field(own, digit.low, digit.width)
    sent: Words | None = None
    if role.first:
        sent = zeros((rows, len(tables), lanes), role.width)
        for row in range(rows):
            index = (place - np.uint64(row)) & np.uint64(rows - 1)
            for number, table in enumerate(tables):
                sent[row, number] = table[index]
        sent += _elements(words, role.width)
        sent -= mask
    told = None if sent is None else sent.reshape(-1).view(np.uint8).data
    heard = await role.tell(0, told, octets * rows * len(tables) * lanes)
    if heard is None:
        return None if role.deals else mask
    entries: Words = from_octets(heard, role.width).reshape(rows, len(tables), lanes)
    return np.asanyarray(entries[place, :, np.arange(lanes)].T - _elements(words, role.width))


def _elements(words: Words, width: int) -> Words:
    """Pads [..., tables, lanes] of words, as many for each table as an element has, as elements."""
    if not is_wide(width):
        return words
    pairs = words.reshape(*words.shape[:-2], -1, 2, words.shape[-1])
    return wide_from(np.moveaxis(pairs, -2, -1))

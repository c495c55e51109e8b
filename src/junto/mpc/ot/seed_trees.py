"""Trees of seeds: all leaves for the one, all but a leaf of his choice for the other.

Paper:     Boyle, Gilboa, Ishai, "Function secret sharing: improvements and extensions", CCS 2016, section 3
           (the punctured tree of Goldreich, Goldwasser, Micali); as in Roy, "SoftSpokenOT", CRYPTO 2022,
           section 4.
Computes:  2**k seeds for the grower; the same without number a for the other, who chose a.
Parties:   the grower was the sender of k base transfers, the other the receiver, whose choices were the bits
           of `not a`, the highest first.
Secure:    against one who deviates: a grower's leaves are the same for every number a, or the other notices;
           whom he deceives for some a only by guessing that it is none of these. Each level's children come
           from TMMO under a public key, the last one's and what proves them from SHA-512.
Learns:    nobody anything else.
Cost:      half a round, 32 (k - 1) bytes from the grower, and 64 for the proof. With k = 1 the keys
           themselves are the leaves, and there is nothing to prove.

The proof is that of Boyle et al., "Efficient two-round OT extension and silent non-interactive secure
computation", CCS 2019, which SoftSpokenOT takes over: from each last node comes a second value, too; the
grower sends the sum of these, from which the other finds the missing one, and a digest of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256, sha512
from hmac import compare_digest
from typing import Final

import numpy as np

from junto.mpc.gates import Words
from junto.mpc.ot.hashing import Hash

PROOF_BYTES: Final = 64
_LEAF: Final = b"junto mpc ot leaf, version 1"


def correction_bytes(depth: int) -> int:
    """What the grower sends."""
    return 32 * (depth - 1) + (PROOF_BYTES if depth > 1 else 0)


class Grower:
    """Makes trees, one after the other.

    Args:
        hash: for all nodes of these trees, and nothing else.
    """

    def __init__(self, hash: Hash) -> None:
        self._hash = hash
        self._numbered = 0

    def grow(self, zero: Words, one: Words) -> tuple[Words, bytes]:
        """A tree of as many levels as there are keys.

        Args:
            zero, one: both keys of each base transfer, [levels, 2].

        Returns:
            The leaves [2**levels, 2], and the message for the other party.
        """
        nodes = np.stack([zero[0], one[0]])
        sums = []
        for left, right in zip(zero[1:], one[1:], strict=True):
            nodes = self._children(nodes)
            sums += [_sum(nodes[0::2]) ^ left, _sum(nodes[1::2]) ^ right]
        if not sums:
            return nodes, b""
        leaves, proofs = self._leaves(nodes)
        sums += [_sum(proofs), np.frombuffer(_digest(proofs), np.uint64)]
        return leaves, b"".join(each.tobytes() for each in sums)

    def puncture(self, choices: Sequence[int], keys: Words, message: memoryview) -> tuple[Words, int]:
        """The same tree, without the leaf whose number has the bits `not choices`, the highest first.

        Args:
            choices: in the base transfers, [levels].
            keys: received in them, [levels, 2].
            message: the grower's.

        Returns:
            The leaves [2**levels, 2], with 0 for the missing one, and its number.

        Raises:
            ValueError: the grower has deviated.
        """
        levels = len(keys)
        sums = np.frombuffer(message, np.uint64, 4 * (levels - 1)).reshape(-1, 2, 2)
        missing = 1 - int(choices[0])
        nodes = np.zeros((2, 2), np.uint64)
        nodes[1 - missing] = keys[0]
        for choice, key, both in zip(choices[1:], keys[1:], sums, strict=True):
            nodes = self._children(nodes)
            nodes[2 * missing : 2 * missing + 2] = 0
            nodes[2 * missing + choice] = both[choice] ^ key ^ _sum(nodes[choice::2])
            missing = 2 * missing + 1 - int(choice)
        if levels == 1:
            return nodes, missing
        leaves, proofs = self._leaves(nodes)
        total, digest = np.frombuffer(message[-PROOF_BYTES:], np.uint64).reshape(2, -1)
        leaves[missing] = proofs[missing] = 0
        proofs[missing] = _sum(proofs) ^ total
        if not compare_digest(_digest(proofs), digest.tobytes()):
            raise ValueError("its trees contradict each other, as those of no honest party do")
        return leaves, missing

    def _children(self, nodes: Words) -> Words:
        left, right = self._hash.blocks(nodes, 2, first=self._numbered)
        self._numbered += len(nodes)
        return np.stack([left, right], 1).reshape(-1, 2)

    def _leaves(self, nodes: Words) -> tuple[Words, Words]:
        """From the last level's nodes the leaves, and of each a value that proves it: [n, 2] and [n, 4]."""
        first, self._numbered = self._numbered, self._numbered + len(nodes)
        made = [
            sha512(_LEAF + number.to_bytes(8, "big") + node.tobytes()).digest()
            for number, node in enumerate(nodes, first)
        ]
        words = np.frombuffer(b"".join(made), np.uint64).reshape(-1, 8)
        return words[:, :2].copy(), words[:, 2:6].copy()


def _digest(proofs: Words) -> bytes:
    return sha256(np.ascontiguousarray(proofs).data).digest()


def _sum(nodes: Words) -> Words:
    made: Words = np.bitwise_xor.reduce(nodes, axis=0)
    return made

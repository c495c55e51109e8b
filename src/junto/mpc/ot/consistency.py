"""Whether the receiver of an extension uses the same choices everywhere.

Paper:     the consistency check of Roy, "SoftSpokenOT", CRYPTO 2022, for its subspace VOLE with the
           repetition code: a linear universal hash of rows and choices. (The check of Keller, Orsini, Scholl,
           CRYPTO 2015, had a proof that the paper refutes.) The hash is GHASH, NIST SP 800-38D, section 6.4.
Computes:  h(x) and a digest of all h(t_i) for the sender, who has q_i = t_i + d_i x; i counts the bits of D.
Parties:   the receiver proves, the sender judges.
Secure:    against a receiver who deviates: whose choices differ from x in the rows of b bits of D, he passes
           with probability 2**-b, which is that of guessing those bits, and less than 2**-100 more for all
           hashes that he can try. Then he knows these b bits and no others. In the random-oracle model.
Learns:    the sender: h(x), uniform, for the first 128 bits of x are uniform and serve nothing else.
Cost:      48 bytes from the receiver in the message that he sends anyway, so no round; 128 transfers more.

The hash is linear: h(q_i) = h(t_i) + d_i h(x) for all i, exactly if q_i = t_i + d_i x, up to its error: a
polynomial over GF(2**128), of a degree below 2**14, at a point that is drawn from all that the receiver has
said (Fiat and Shamir, CRYPTO 1986).
"""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray

from junto.mpc.gates import Words

EXTRA: Final = 2
"""Words of choices, the first ones of a block, that hide the hash of the others: as long as a hash."""
PROOF_WORDS: Final = 6

_DOMAIN: Final = b"junto mpc ot consistency, version 1"
_HASH_WORDS: Final = 2
_NONCE: Final = bytes(12)
"""Nothing is encrypted: of GCM only the hash is wanted."""


class Challenge:
    """A linear universal hash that nobody knows before all of `said` is said.

    Args:
        said: by the receiver, and what names the block.
    """

    __slots__ = ("_cipher",)

    def __init__(self, *said: bytes | memoryview) -> None:
        state = sha256(_DOMAIN)
        for part in said:
            state.update(memoryview(part).nbytes.to_bytes(8, "big"))
            state.update(part)
        self._cipher = AESGCM(state.digest()[:16])

    def hashes(self, rows: Words) -> Words:
        """Of each row of bits [n, width] two words: [n, 2]."""
        blank = self._tag(bytes(8 * rows.shape[1]))  # a tag is the hash plus what is the same for all
        tags = b"".join([self._tag(row.data) for row in np.ascontiguousarray(rows).view(np.uint8)])
        return np.frombuffer(tags, np.uint64).reshape(-1, _HASH_WORDS) ^ np.frombuffer(blank, np.uint64)

    def proof(self, rows: Words, choices: Words) -> Words:
        """What the receiver sends.

        Args:
            rows: t, [bits of D, width].
            choices: x, [width]; the first EXTRA words are uniform and serve nothing else.
        """
        digest = sha256(self.hashes(rows).data).digest()
        return np.concatenate([self.hashes(choices[None])[0], np.frombuffer(digest, np.uint64)])

    def holds(self, rows: Words, flags: NDArray[np.bool_], proof: Words) -> bool:
        """Whether the sender may go on.

        Args:
            rows: q, [bits of D, width].
            flags: the bits of D.
            proof: the receiver's.
        """
        hashes = self.hashes(rows)
        hashes[flags] ^= proof[:_HASH_WORDS]
        return compare_digest(sha256(hashes.data).digest(), proof[_HASH_WORDS:].tobytes())

    def _tag(self, row: bytes | memoryview) -> bytes:
        return self._cipher.encrypt(_NONCE, b"", row)

"""Masks that two parties share, one of which adds what the other one subtracts.

Paper:     Bonawitz et al., "Practical secure aggregation for privacy-preserving machine learning", ACM CCS
           2017, section 4.0.1; X25519 (RFC 7748), HKDF-SHA256 (RFC 5869), AES-128 in counter mode.
Computes:  x_p + sum of m_pq over q after p - sum of m_qp over q before p (mod 2**(64 words)), at each party
           p; over all parties the masks add up to 0.
Parties:   those that add. Public keys travel over the parties' own connections, which are authenticated: no
           server stands between two of them.
Secure:    semi-honest; whoever adds, with all but two of the parties, learns of these two the sum alone.
           Masks are made once it is known who takes part, so that no seed has to be recovered (sections 4.0.2
           and 5 are not needed). Each sum has a number, and with it masks of its own.
Learns:    each other's public keys; whoever adds sees x + mask, uniform and fresh.
Cost:      1 round and 32 bytes each way for the keys, once; a sum 1 word for each word of a number.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from junto.errors import ProtocolViolation
from junto.federated.fixed_words import Words, negative, plus
from junto.mpc.prg import Stream, derive

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

SECRET_BYTES: Final = 32
PUBLIC_BYTES: Final = 32
_PURPOSE: Final = b"junto-federated/1 pairwise mask"


class OwnKey:
    """A party's secret key, which never leaves it.

    Args:
        party: whose it is.
    """

    __slots__ = ("_secret", "party")

    def __init__(self, party: str) -> None:
        self.party: str = party
        self._secret = os.urandom(SECRET_BYTES)

    def public(self) -> bytes:
        """What the others may see."""
        return self._key().public_key().public_bytes_raw()

    def _key(self) -> X25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        return X25519PrivateKey.from_private_bytes(self._secret)

    def common(self, other: str, theirs: Any) -> bytes:
        """32 bytes that only this party and `other` know.

        Raises:
            ProtocolViolation: what the other party sent is no public key.
        """
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        sound = isinstance(theirs, bytes) and len(theirs) == PUBLIC_BYTES and theirs != self.public()
        try:
            if not sound:
                raise ValueError
            shared = self._key().exchange(X25519PublicKey.from_public_bytes(theirs))
        except ValueError:  # also a point of small order: the result would not depend on our key
            raise ProtocolViolation(f"{other} sent no public key for its masks") from None
        ends = sorted([(self.party.encode(), self.public()), (other.encode(), theirs)])
        parts = [_PURPOSE, *(part for end in ends for part in end)]
        info = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return HKDF(hashes.SHA256(), SECRET_BYTES, salt=None, info=info).derive(shared)

    def __repr__(self) -> str:
        return f"<OwnKey of {self.party}>"


class PairSecrets:
    """What a party shares with each of the others. It never leaves the party.

    Args:
        key: the party's own.
        publics: the others' public keys, by party.

    Raises:
        ProtocolViolation: one of them is none.
    """

    __slots__ = ("_secrets", "party")

    def __init__(self, key: OwnKey, publics: Mapping[str, Any]) -> None:
        self.party: str = key.party
        self._secrets = {other: key.common(other, theirs) for other, theirs in publics.items()}

    def mask(self, words: Words, number: int, among: tuple[str, ...]) -> Words:
        """[words, numbers] plus this party's masks.

        Args:
            words: what is masked.
            number: of the sum; no two may have the same.
            among: who takes part, this party too.
        """
        masked = words
        for other in among:
            if other == self.party:
                continue
            key = derive(self._secrets[other], "mask", number)
            mask = Stream(key).words(words.size).reshape(words.shape)
            masked = plus(masked, mask if self.party < other else negative(mask))
        return masked

    def __repr__(self) -> str:
        return f"<PairSecrets of {self.party} with {', '.join(self._secrets)}>"


def own_key(party: str) -> OwnKey:
    """A new key, at its party."""
    return OwnKey(party)


def public_of(key: OwnKey) -> bytes:
    """What the others may see of a key."""
    return key.public()


def agreed(key: OwnKey, publics: Mapping[str, Any]) -> PairSecrets:
    """What a key's party shares with the others."""
    return PairSecrets(key, publics)


def added(parts: Mapping[str, Any], shape: tuple[int, int]) -> Words:
    """The sum of what the parties have masked, in which no mask is left.

    Args:
        parts: by party.
        shape: that each must have.

    Raises:
        ProtocolViolation: one sent something else.
    """
    total = np.zeros(shape, np.uint64)
    for party, part in parts.items():
        require_words(f"what {party} sent", part, shape)
        total = plus(total, part)
    return total


def require_words(what: str, given: Any, shape: tuple[int, int]) -> None:
    """Go on if it is [words, numbers] of this shape.

    Raises:
        ProtocolViolation: it is not.
    """
    if not isinstance(given, np.ndarray) or given.dtype != np.uint64 or given.shape != shape:
        raise ProtocolViolation(f"{what} is no vector of the shape that was agreed on")

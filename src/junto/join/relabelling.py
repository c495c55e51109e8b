"""Other names for the ranks of a left join, so that whoever compares cannot tell which rank is which.

The party that compares knows of each rank who has a key there. In a left join it is also the one whose keys
all have ranks; were it given those, it would know of each of its keys who else has it. So another party draws
an order that all know who get ranks, save the one that compares. That party opens the ranks of the comparing
party's set, which are all the ranks there are, and passes them on by their new names.
"""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from junto.errors import ProtocolViolation

Ranks = npt.NDArray[np.int64]
SEED_BYTES = 32


def new_seed() -> bytes:
    """What an order is made of."""
    return secrets.token_bytes(SEED_BYTES)


def order_of_seed(seed: Any, total: int) -> Ranks:
    """The new name of each of `total` ranks: an order that is random to whoever has not the seed.

    Raises:
        ProtocolViolation: it is no seed.
    """
    if not isinstance(seed, bytes) or len(seed) != SEED_BYTES:
        raise ProtocolViolation("what new names of ranks are made of is no seed")
    stream = Cipher(algorithms.AES(seed), modes.CTR(bytes(16))).encryptor().update(bytes(8 * total))
    return np.argsort(np.frombuffer(stream, "<u8"), kind="stable").astype(np.int64)


def relabelled(ranks: Ranks, order: Ranks) -> Ranks:
    """Ranks by their new names; -1 stays.

    Raises:
        ProtocolViolation: there is no such rank.
    """
    if len(ranks) and (ranks.max() >= len(order) or ranks.min() < -1):
        raise ProtocolViolation("the ranks of shared keys are not what they should be")
    return np.where(ranks < 0, ranks, np.append(order, 0)[ranks])

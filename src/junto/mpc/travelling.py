"""Ring elements as parties send them to each other outside of a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from junto.mpc.gates import Words
from junto.mpc.ring128 import WideArray, is_wide, wide_from, words_of_wide


def travelling(x: Any) -> Words:
    """Ring elements as they travel: of 128 bits as two words, the lower one first, in a new last axis."""
    return words_of_wide(x) if isinstance(x, WideArray) else x.astype(np.uint64, copy=False)


def travelled(words: Any, width: int) -> Any:
    """The inverse, of what `is_travelling` has let pass: elements of the ring modulo 2**width."""
    plain = words.astype(np.uint64, copy=False)
    return wide_from(plain) if is_wide(width) else plain


def is_travelling(given: Any, shape: tuple[int, ...], width: int) -> bool:
    """Whether what another party sent is ring elements of this shape."""
    shape = (*shape, 2) if is_wide(width) else shape
    return isinstance(given, np.ndarray | np.generic) and given.dtype == np.uint64 and given.shape == shape

"""What is to be made of one block of transfers: the seam between the extension and its uses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from junto.mpc.gates import Words
from junto.mpc.ot.pads import Chosen, Offered


class TransferJob(ABC):
    """Transfers of one block, in both directions.

    Both parties do the same jobs in the same order: what one chooses the other offers.

    Attributes:
        chooses: transfers in which we choose.
        offers: transfers in which the other party chooses.
        due: bytes that the other party's `give` makes for us.
    """

    chooses: int
    offers: int
    due: int

    def choices(self) -> Words:
        """Our choices, a bit each, packed into whole words. Called if `chooses`.

        May be called from another thread, before earlier jobs are done.
        """
        raise TypeError(f"{type(self).__name__} chooses nothing")

    @abstractmethod
    def give(self, pads: Offered) -> Sequence[memoryview]:
        """What the other party needs to make something of the pads that it has. Called if `offers`."""

    @abstractmethod
    def take(self, pads: Chosen, data: memoryview) -> None:
        """Make something of the pads that we have, by the other party's `give`. Called if `chooses`."""


def parts(size: int, step: int) -> Iterator[slice]:
    """`size` things, `step` at a time."""
    return (slice(start, min(size, start + step)) for start in range(0, size, step))


def octets(words: NDArray[Any]) -> memoryview:
    """An array's bytes, as they lie in memory."""
    return words.reshape(-1).view("u1").data

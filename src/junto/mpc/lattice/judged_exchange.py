"""The other party's messages: of the sizes that are due, and what they hold is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from junto.errors import LinkError

Exchange = Callable[[Sequence[memoryview], int], memoryview]


class JudgedExchange:
    """Between two parties.

    Args:
        exchange: sends parts as one message, and gives the other party's, of so many bytes.
        peer: the other party, for errors.
        subject: what is computed, for errors.
    """

    def __init__(self, exchange: Exchange, peer: str, subject: str) -> None:
        self._exchange = exchange
        self._peer = peer
        self._subject = subject

    def __call__(self, parts: Sequence[memoryview], size: int) -> memoryview:
        """Sends parts as one message, and gives the other party's, of so many bytes.

        Raises:
            LinkError: it has another size.
        """
        data = self._exchange(parts, size)
        if len(data) != size:
            raise self._broken(f"a message of {len(data)} bytes came where one of {size} is due")
        return data

    @contextmanager
    def reading(self) -> Iterator[None]:
        """What the other party has sent is judged: a ValueError becomes a LinkError."""
        try:
            yield
        except ValueError as error:
            raise self._broken(str(error)) from None

    def _broken(self, problem: str) -> LinkError:
        return LinkError(
            f"{self._subject} with {self._peer}: {problem}",
            party=self._peer,
            fix="see that both parties run the same version of junto with the same settings of the SPU",
        )

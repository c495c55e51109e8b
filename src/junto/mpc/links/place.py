"""Where in the program a channel is, for its errors and for the check in its frames."""

from __future__ import annotations

from junto.errors import LinkError
from junto.net.header import check_of, text_of, text_of_check


class Place:
    """The operation that a channel serves; one for each channel, changed by its `label`.

    Attributes:
        peer: the node at the other end.
        operation, line: what is computed, and its line in the source.
        check: the operation as a number in a frame's header.
    """

    __slots__ = ("check", "line", "operation", "peer")

    def __init__(self, peer: str) -> None:
        self.peer: str = peer
        self.enter("before the first operation", "")

    def enter(self, operation: int | str, line: str) -> None:
        """Another operation begins. Raises ValueError for a number that is none."""
        self.check: int = check_of(operation)
        self.operation: int | str = operation
        self.line: str = line

    def error(self, text: str, fix: str = "") -> LinkError:
        """An error of this channel, here."""
        operation = text_of(self.operation)
        where = f"{operation} at {self.line}" if self.line else operation
        return LinkError(
            f"{self.peer}: {text} ({where})", party=self.peer, operation=operation, line=self.line, fix=fix
        )

    def differs(self, what: str, check: int) -> str:
        """The sentence for something that belongs to another operation."""
        return f"{what} is for {text_of_check(check)}; {text_of(self.operation)} is due"

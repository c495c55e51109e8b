"""What the error that ends a script follows from."""

from __future__ import annotations

from junto.errors import DeadlineExceeded, PeerError, ProgramError


def cause_of(error: BaseException, told: BaseException | None) -> PeerError | ProgramError | None:
    """The failure of an operation, of a party or of the run that `error` is or follows from, if any.

    Args:
        error: what ended the script. What was raised while another error was handled follows from that one;
            an interrupt follows from nothing.
        told: the first failure that the script was told of. A script that exits afterwards does so for it.
    """
    each: BaseException | None = None if isinstance(error, KeyboardInterrupt) else error
    while each is not None:
        if isinstance(each, PeerError | ProgramError):
            return each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    follows = isinstance(error, SystemExit) and isinstance(told, PeerError | ProgramError)
    return told if follows else None  # type: ignore[return-value]


def party_of(cause: PeerError | ProgramError) -> str | None:
    """Whose failure it is; None where that cannot be told."""
    return None if isinstance(cause, DeadlineExceeded) else getattr(cause, "party", None)

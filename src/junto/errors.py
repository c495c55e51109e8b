"""Every error junto raises on purpose.

    JuntoError
    ├── UsageError                    our own program or settings are wrong
    │   ├── ConfigError        J101   a setting is missing, unknown or contradictory
    │   ├── CertificateError   J102   our own certificate, key or CA cannot be used
    │   ├── ListenError        J103   the listen address cannot be bound
    │   ├── SessionError       J104   there is no session, or it is over
    │   ├── DeviceError        J105   a value is not on the device that the call needs
    │   ├── ExecutorError      J106   the executor (Ray) cannot do what is asked
    │   ├── CannotTravel       J107   a value that may not cross a silo's edge (also a WireError)
    │   ├── NotComputable      J108   what an SPU is asked for cannot be computed on secrets
    │   ├── JoinError          J110   tables that cannot be joined as asked
    │   ├── FrameError         J111   a table is not what a method of a frame needs
    │   ├── LearnError         J112   what a model is given, or asked for, makes no sense
    │   └── MissingLibrary     J113   a library that comes with an extra is not installed
    ├── PeerError                     another party, or whoever claims to be one, did wrong
    │   ├── PartyUnreachable   J201   nothing heard from a party for too long
    │   ├── HandshakeRefused   J202   version, job, parties or settings differ
    │   │   └── IdentityError  J203   a certificate does not name the party it should
    │   ├── ProtocolViolation  J204   a message the protocol does not allow
    │   ├── MalformedBytes     J205   bytes that are no value of ours (also a WireError)
    │   └── LinkError          J206   the link between two nodes of an SPU failed
    └── ProgramError                  the joint program cannot go on
        ├── ProgramDivergence  J301   the parties run different programs
        ├── DeadlineExceeded   J302   a wait lasted longer than its deadline
        ├── PartyAborted       J303   a party ended the run before its end
        └── RemoteError        J304   an operation failed, here or at another party

`WireError` is the common base of `CannotTravel` and `MalformedBytes`. Misuse by the caller and
misbehaviour of a peer are different branches on purpose: the first is yours to repair, the second
is evidence. Every class with a code has a page `docs/errors/<code>.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

UNREADABLE: Final = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)
"""What reading raises where a text, of whatever kind, does not say what it should: also numbers that are too
large for a float, and lists in lists in lists."""


class JuntoError(Exception):
    """Base of all errors of junto. `code` is stable; `fix` says what to do next (may be empty)."""

    code: ClassVar[str] = "J000"

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        text = f"[{self.code}] {self.message}"
        return f"{text}\n  fix: {self.fix}" if self.fix else text

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.fix, self.__dict__.copy()))


def _rebuild(kind: type[JuntoError], message: str, fix: str, state: dict[str, object]) -> JuntoError:
    error = kind.__new__(kind)
    JuntoError.__init__(error, message, fix=fix)
    error.__dict__.update(state)
    return error


class UsageError(JuntoError):
    """Our own program or settings are wrong."""


class ConfigError(UsageError):
    """A setting is missing, unknown, of the wrong type, or contradicts another."""

    code = "J101"


class CertificateError(UsageError):
    """Our own certificate, key or CA file cannot be read or does not fit together."""

    code = "J102"


class ListenError(UsageError):
    """The listen address cannot be bound (taken, not ours, not permitted)."""

    code = "J103"


class SessionError(UsageError):
    """There is no current session, or it is over, or a second one was started."""

    code = "J104"


class DeviceError(UsageError):
    """A value is not on the device that the call needs, or there is no such move."""

    code = "J105"


class ExecutorError(UsageError):
    """The executor cannot do what is asked (Ray missing, unreachable, without the resource)."""

    code = "J106"


class WireError(JuntoError):
    """A value or its bytes are not of the closed set that may cross a silo's edge."""


class CannotTravel(WireError, UsageError):
    """Raised at the sender: this value may not cross a silo's edge."""

    code = "J107"


class NotComputable(UsageError):
    """What an SPU is asked for it cannot compute: an operation, a loop's condition, a number out of range."""

    code = "J108"


class JoinError(UsageError):
    """Tables cannot be joined as asked: a column or file is missing, keys differ in type or repeat."""

    code = "J110"


class FrameError(UsageError):
    """A table is not what a frame needs: a column missing, text for numbers, unequal rows, one class."""

    code = "J111"


class LearnError(UsageError):
    """What a model is given, or asked for, makes no sense: text for numbers, one class, unequal rows."""

    code = "J112"


class MissingLibrary(UsageError, ModuleNotFoundError):
    """A library that comes with an extra of junto is not installed; the fix names the extra."""

    code = "J113"


class PeerError(JuntoError):
    """Another party, or whoever claims to be one, did something wrong."""

    party: str | None = None


class PartyUnreachable(PeerError):
    """Nothing was heard from `party` for longer than the peer timeout."""

    code = "J201"

    def __init__(self, message: str, *, party: str, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.party: str = party


class HandshakeRefused(PeerError):
    """Version, job name, parties, settings or run differ between the parties."""

    code = "J202"


class IdentityError(HandshakeRefused):
    """A certificate does not name the party that it should name, or is not trusted."""

    code = "J203"


class ProtocolViolation(PeerError):
    """A message that the protocol does not allow at this point."""

    code = "J204"


class MalformedBytes(WireError, PeerError):
    """Raised at the receiver: these bytes are no value of ours."""

    code = "J205"


class LinkError(PeerError):
    """A link between two nodes of an SPU failed: a message was late, cut off, or not the one that is due.

    Attributes:
        party: the node at the other end.
        operation: what this node was computing, ``operation 17``.
        line: the source line of it, ``fit.py:31``; may be empty.
    """

    code = "J206"

    def __init__(
        self, message: str, *, party: str, operation: str = "", line: str = "", fix: str = ""
    ) -> None:
        super().__init__(message, fix=fix)
        self.party: str = party
        self.operation = operation
        self.line = line


class ProgramError(JuntoError):
    """The joint program cannot go on."""


class ProgramDivergence(ProgramError):
    """The parties run different programs; the message shows both call sites."""

    code = "J301"


class DeadlineExceeded(ProgramError):
    """A wait lasted longer than the deadline that was set for it. `party` is one that never came, if so."""

    code = "J302"

    def __init__(self, message: str, *, party: str = "", fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.party: str = party


class PartyAborted(ProgramError):
    """A party ended the run before its end (exception, Ctrl-C, exit without shutdown)."""

    code = "J303"

    def __init__(self, message: str, *, party: str, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.party = party


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a failed operation failed, as everybody may know it.

    Attributes:
        party: its owner.
        operation: its number.
        text: what it is, ``alice(train)``.
        call_site: ``fit.py:31``.
        error_type: class name of the exception.
        incident: finds the error in the owner's log.
        detail: message and traceback where the owner exposes them; of junto's own errors the message; else
            empty.
        fix: what junto's own error says is to be done.
    """

    party: str
    operation: int
    text: str
    call_site: str
    error_type: str
    incident: str
    detail: str = ""
    fix: str = ""


class RemoteError(ProgramError):
    """An operation failed at `origin.party`; raised by everything that depends on it, everywhere.

    The same class is raised at the owner, so that a script's `except` takes the same branch
    at every party; only at the owner `__cause__` is the original exception. Elsewhere the
    original's message and traceback are absent unless its owner set `expose_remote_errors`.
    """

    code = "J304"

    def __init__(self, origin: Origin) -> None:
        detail = f"\n{origin.detail}" if origin.detail else ""
        log = f"{origin.party}'s log has more under incident {origin.incident}"
        super().__init__(
            f"operation {origin.operation} {origin.text} at {origin.call_site} failed at "
            f"{origin.party}: {origin.error_type}{detail}",
            fix=f"{origin.fix}; {log}" if origin.fix else log,
        )
        self.origin = origin

    @property
    def party(self) -> str:
        """The party where it failed."""
        return self.origin.party


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP, in place of the process's silent end: the other parties are told first."""

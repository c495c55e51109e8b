"""The law of values between two parties: which go and when, which are taken, and each exactly once.

Pure: events in, instructions out; no socket, no thread, no clock. Each party has an `outbox` of what it
sends to the other one, and a `mailbox` of what comes from there. `connection` gives them a lock and lines.

* A value is sent once it lies within the receiver's window: its operation is at most `WINDOW` ahead of the
  receiver's position, and at most `AHEAD` values lie ahead of that position. Values up to the position are
  demanded: they always go. What must wait goes in the order of operations, so nobody waits for a value
  that is stuck behind another one.
* A transfer gets its number when it is first sent, and keeps it when it is sent again after a break. The
  receiver takes each number once.
* A small value goes whole. A large one is offered, and its chunks follow once it is accepted, several
  large ones in turn, at most `IN_FLIGHT_BYTES` of all of them together unacknowledged, and no more than
  the line brings in about a second (`pace`).
* At most `ABOARD` transfers are begun and not over, so the receiver's set of them has few gaps. Those ahead
  of the receiver's position are fewer (`AHEAD`); the others it takes without waiting for what is not begun.
* What the receiver's program expects is always taken, large ones at most `ABREAST` at a time, in the order of
  keys. What comes before its time is kept if it lies in the window, and if it fits into the quota; else its
  bytes are let go and asked for once they are expected (a small one then comes as chunks, like a large one).
  Bytes that are in memory and that the program has not got yet count against the quota; an expected value
  beyond it is received into a file.
* Whatever has arrived is acknowledged without anything more having to come: at once when `ACK_BYTES` have
  come since the last time, over all transfers, else a moment later. So a sender that waits for
  acknowledgements never waits for what waits for it.
* What is of an operation that lies behind the receiver and is expected by nobody is declined; so is a second
  value for a key, and a value beyond the size limit. Each of these, and each message that the protocol does
  not allow, raises `Refusal`, which the peer counts. A value that nobody expects most often means that the
  programs differ. Its sender is told a little later (`tick`), so that it hears of that first.
* After a break the receiver says what it has (`Resumed`); the rest is sent again from there.
* Ordered streams have a window of their own (`ordered`) and do not wait for values, nor values for them: the
  two go in turn. A stream that is not open here carries nothing.
"""

from __future__ import annotations

WINDOW = 1024
AHEAD = 16_384
IN_FLIGHT_BYTES = 32 << 20
ABOARD = 65_536

AT_HAND = 65_536
"""Values of our present operation that may arrive before the program has said that it expects them."""

ACK_BYTES = IN_FLIGHT_BYTES // 8
"""A good part of what the sender may have unacknowledged, so that it need not stop; of all transfers
together, because its limit is one of all transfers."""

ABREAST = 32
"""Large values that arrive at a time: beyond the quota each holds a file open, and a process has few."""

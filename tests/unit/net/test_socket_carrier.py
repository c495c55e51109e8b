"""What is sent in the thread that has it leaves the connection's own thread asleep."""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Iterator

import pytest

from gateways import until
from junto.net.line import Line
from junto.net.message_socket import MessageSocket
from junto.net.socket_carrier import carry


class Counted(Line):
    """A line that counts how often its carrier's thread goes to sleep, and for how long the last time."""

    def __init__(self) -> None:
        self.due = deque[bytes]()
        self.answers: float | None = None
        self.sleeps: list[float | None] = []
        super().__init__(lambda _: self.due.popleft() if self.due else self.answers)
        self.open = True

    def sleep(self, seconds: float | None) -> None:
        self.sleeps.append(seconds)
        super().sleep(seconds)


@pytest.fixture
def line() -> Iterator[Counted]:
    far, near = socket.socketpair()
    made, sock = Counted(), MessageSocket(near)
    reads = threading.Thread(target=lambda: list(sock.messages()), daemon=True)  # and so hears the end
    thread = threading.Thread(target=carry, args=(sock, made), daemon=True)
    reads.start()
    thread.start()
    until(lambda: made.sleeps)
    yield made
    made.close()
    far.close()
    for each in (thread, reads):
        each.join(10)
        assert not each.is_alive()


def said(line: Counted, count: int) -> None:
    for _ in range(count):
        line.due.append(b"message")
        line.wake()
        assert not line.due, "it was sent at once"


def test_messages_wake_nobody(line: Counted) -> None:
    said(line, 50)
    assert line.sleeps == [None]


def test_an_answer_that_waits_for_more_wakes_it_once_however_many_messages_follow(line: Counted) -> None:
    line.answers = 600.0
    line.wake()
    until(lambda: len(line.sleeps) == 2)
    said(line, 50)
    assert line.sleeps == [None, 600.0]


def test_an_answer_that_is_due_sooner_wakes_it_again(line: Counted) -> None:
    line.answers = 600.0
    line.wake()
    until(lambda: len(line.sleeps) == 2)
    line.answers = 500.0
    said(line, 1)
    until(lambda: len(line.sleeps) == 3)
    assert line.sleeps == [None, 600.0, 500.0]

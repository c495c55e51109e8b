"""Who waits for a frame reads the socket itself; all else, and what nobody waits for, its own thread."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from junto.net import message_socket
from junto.net.frames import MESSAGE_BYTES
from junto.net.message_socket import _AT_ONCE as AT_ONCE
from junto.net.message_socket import _COPIED as COPIED
from junto.net.message_socket import MessageSocket

FRAME = b"\x02frame"


class Ends:
    """A message socket with its thread, and the other end."""

    def __init__(self) -> None:
        self.far, near = socket.socketpair()
        self.near = MessageSocket(near)
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.thread = threading.Thread(target=self._read, name="its own", daemon=True)
        self.thread.start()

    def _read(self) -> None:
        for message in self.near.messages():
            self._hear(message)

    def _hear(self, message: bytes) -> bool:
        self.heard.put((threading.current_thread().name, message))
        return True

    def send(self, *messages: bytes) -> None:
        self.far.sendall(b"".join(len(each).to_bytes(4, "big") + each for each in messages))

    def attend(self, timeout_s: float = 30.0) -> bool:
        """As a stream of frames that waits does."""
        return self.near.attend(lambda it: it[:1] == b"\x02" and self._hear(it), time.monotonic() + timeout_s)


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ends]:
    monkeypatch.setattr(message_socket, "LEASE_S", 60.0)  # nothing below may depend on its end
    made = Ends()
    yield made
    made.near.kill()
    made.far.close()
    made.thread.join(10)
    assert not made.thread.is_alive()


def waits(ends: Ends) -> None:
    """Until its own thread leaves the socket to us."""
    while not ends.near._polls:
        time.sleep(0.001)
    while ends.near._polls:
        ends.attend(0.001)


def test_a_frame_is_heard_in_the_thread_that_waits_for_it(ends: Ends) -> None:
    waits(ends)
    for number in range(20):
        timer = threading.Timer(0.0, ends.send, [FRAME + b"%d" % number])
        timer.start()
        while ends.heard.empty():
            ends.attend()
        assert ends.heard.get() == (threading.current_thread().name, FRAME + b"%d" % number)
        timer.join(10)


def test_what_is_no_frame_and_what_follows_is_heard_by_its_own_thread_in_order(ends: Ends) -> None:
    waits(ends)
    ends.send(b"\x00other", FRAME)
    while ends.heard.empty() and ends.attend(0.05):
        continue
    assert ends.heard.get(timeout=10) == ("its own", b"\x00other")
    assert ends.heard.get(timeout=10)[1] == FRAME


@pytest.mark.parametrize("parked", [False, True])
def test_what_was_read_beyond_the_frame_waits_for_who_comes_next(ends: Ends, parked: bool) -> None:
    if parked:
        waits(ends)
    ends.send(FRAME + b"1", FRAME + b"2", FRAME + b"3")
    while ends.heard.empty():
        ends.attend(0.05)
    ends.near.rest()
    heard = [ends.heard.get(timeout=10)[1] for _ in range(3)]
    assert heard == [FRAME + b"1", FRAME + b"2", FRAME + b"3"]


@pytest.mark.parametrize("size", [0, 1, *range(COPIED - 1, COPIED + 2), AT_ONCE + COPIED, MESSAGE_BYTES])
def test_a_message_of_any_size_is_one_message(ends: Ends, size: int) -> None:
    message = bytes(range(256)) * (size // 256) + bytes(size % 256)
    far = MessageSocket(ends.far.dup())
    try:
        sender = threading.Thread(
            target=lambda: [far.send(each, lambda: 30.0) for each in (message, b"next")]
        )
        sender.start()
        assert [ends.heard.get(timeout=30)[1] for _ in range(2)] == [message, b"next"]
        sender.join(10)
        assert not far.busy
    finally:
        far.kill()


def test_an_alarm_ends_a_wait_and_two_do_not_wait_at_once(ends: Ends) -> None:
    waits(ends)
    results: queue.Queue[bool] = queue.Queue()
    waiting = threading.Thread(target=lambda: results.put(ends.attend()))
    waiting.start()
    while not ends.near._attending:
        time.sleep(0.001)
    assert not ends.attend()
    ends.near.alarm()
    assert results.get(timeout=10)
    waiting.join(10)


def test_the_end_is_heard_by_its_own_thread(ends: Ends) -> None:
    waits(ends)
    ends.far.close()
    while ends.attend(0.05) and ends.thread.is_alive():
        continue
    ends.thread.join(10)
    assert not ends.thread.is_alive()

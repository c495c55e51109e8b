"""The parties compare what they were told of an SPU, before the first byte of its protocol.

The gateways have authenticated each other, so a node is who its party is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial

from junto.errors import JuntoError, LinkError, PartyUnreachable
from junto.locks import Condition
from junto.mpc.greeting import Greeting, NodeHello, difference
from junto.mpc.link_options import LinkOptions
from junto.net.api import Delivery, OnWait
from junto.program.aside import Aside

STATUS_S = 1.0


class Introductions:
    """One attempt to hear that all other nodes have the same SPU.

    Args:
        me: this node.
        greeting: what all nodes have to have in common.
        ways: to the other nodes.
        options: how long a late node is awaited.
        on_wait: told once a second of each node that is missing.
    """

    def __init__(
        self, me: str, greeting: Greeting, ways: Mapping[str, Aside], options: LinkOptions, on_wait: OnWait
    ) -> None:
        self._me = me
        self._greeting = greeting
        self._ways = ways
        self._options = options
        self._on_wait = on_wait
        self._changed = Condition()
        self._heard: dict[str, memoryview | Exception] = {}
        self._delivered: set[str] = set()
        self._stop: JuntoError | None = None

    def cancel(self, error: JuntoError) -> None:
        """End `run`, in another thread, with `error`."""
        with self._changed:
            self._stop = self._stop or error
            self._changed.notify_all()

    def run(self) -> None:
        """Greet all others, and hear their greetings.

        Raises:
            PartyUnreachable: a node did not come within the time that the options give it.
            HandshakeRefused: nodes differ in what they were told; all of them raise this.
            LinkError: what a node sent is no greeting.
        """
        for name, way in self._ways.items():
            way.hear(partial(self._hear, name))
            way.greet(self._hello(name).pack()).add_done_callback(partial(self._gone, name))
        self._wait(lambda: len(self._heard) == len(self._ways), self._options.patience_s, self._tell)
        if self._missing():
            raise self._nobody_came()
        for name in self._ways:
            error = self._compare(name)
            if error is not None:
                # Whoever differs has to learn it from us, before it learns that our program ends for it.
                seconds = self._options.handshake_timeout_ms / 1000
                self._wait(lambda: len(self._delivered) == len(self._ways), seconds, lambda _: None)
                raise error

    def _hello(self, other: str) -> NodeHello:
        return NodeHello(self._me, other, self._greeting)

    def _hear(self, name: str, message: memoryview | Exception) -> None:
        with self._changed:
            self._heard[name] = message
            self._changed.notify_all()

    def _gone(self, name: str, _: Delivery) -> None:
        with self._changed:
            self._delivered.add(name)
            self._changed.notify_all()

    def _wait(self, condition: Callable[[], bool], seconds: float, tell: Callable[[float], None]) -> None:
        start = time.monotonic()
        while True:
            with self._changed:
                passed = time.monotonic() - start
                if self._changed.wait_for(lambda: condition() or self._stop, min(STATUS_S, seconds - passed)):
                    if not condition() and self._stop is not None:
                        raise self._stop
                    return
            passed = time.monotonic() - start
            if passed >= seconds:
                return
            tell(passed)

    def _missing(self) -> list[str]:
        return [name for name in self._ways if name not in self._heard]

    def _tell(self, seconds: float) -> None:
        for name in self._missing():
            self._on_wait(name, seconds)

    def _nobody_came(self) -> PartyUnreachable:
        missing = self._missing()
        return PartyUnreachable(
            f"{', '.join(missing)} did not come to the link of the SPU within {self._options.patience_s:g} s",
            party=missing[0],
            fix="see where its program is, or raise connect_retry_times in link_desc",
        )

    def _compare(self, name: str) -> Exception | None:
        return compared(self._hello(name), self._heard[name])


class Onlookers:
    """The parties without a node. What they were told is compared whenever they come: nobody waits for them.

    Like a node's, their settings say how a result is to be read. An onlooker itself meets the nodes by
    `Introductions`.

    Args:
        me: this node.
        greeting: what all have to have in common.
        ways: to them.
        refuse: called with the error, from any thread, when one of them differs.
    """

    def __init__(
        self, me: str, greeting: Greeting, ways: Mapping[str, Aside], refuse: Callable[[JuntoError], None]
    ) -> None:
        self._me = me
        self._greeting = greeting
        self._ways = ways
        self._refuse = refuse

    def greet(self) -> None:
        """Greet them all; returns at once."""
        for name, way in self._ways.items():
            hello = NodeHello(self._me, name, self._greeting)
            way.hear(partial(self._hear, hello))
            way.greet(hello.pack())

    def _hear(self, hello: NodeHello, message: memoryview | Exception) -> None:
        error = compared(hello, message)
        if isinstance(error, JuntoError):
            self._refuse(error)


def compared(hello: NodeHello, heard: memoryview | Exception) -> Exception | None:
    """What is wrong with what another party answers to `hello`; None: nothing."""
    name = hello.wanted
    if isinstance(heard, Exception):
        return heard
    try:
        answer = NodeHello.parse(bytes(heard))
    except ValueError as error:
        return LinkError(f"{name}: {error}", party=name)
    if (answer.sender, answer.wanted) != (name, hello.sender):
        return LinkError(f"{name}: its greeting is not one of {name} to {hello.sender}", party=name)
    return difference(hello, answer)

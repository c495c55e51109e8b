"""The bare socket beside a party's usual connection (`socket_address`), as a doctor looks at it.

Of two parties the one whose name comes first listens there. Its session does, or its doctor meanwhile, which
says who it is and turns everybody away.
"""

from __future__ import annotations

import time

from junto.config.model import Settings
from junto.doctor.findings import Finding
from junto.errors import ListenError
from junto.net import frames as f
from junto.net.carrier import Listener
from junto.net.line import Line
from junto.net.socket_carrier import SocketCarrier


class SocketListener:
    """Listens at our own socket while the doctor looks, if the job has such and it is free.

    Enter it before the doctor answers at the usual address: whoever is answered there looks here, too.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._listener: Listener | None = None
        self.findings: list[Finding] = []

    def __enter__(self) -> SocketListener:
        settings, me = self._settings, self._settings.self_party or ""
        if me not in settings.sockets:
            return self
        _, listen = settings.sockets[me]
        try:
            self._listener = _carrier(settings).listen(listen, lambda *_: _turned_away())
        except ListenError as error:
            text = f"{error.message}: a session of ours may hold it, which then answers there"
            self.findings = [Finding("socket listen", "note", text, fix=error.fix or "")]
            return self
        self._listener.start()
        self.findings = [Finding("socket listen", "ok", f"{listen} is free")]
        return self

    def __exit__(self, *error: object) -> None:
        if self._listener is not None:
            self._listener.stop()


def examine_socket(settings: Settings, party: str, ends: float) -> list[Finding]:
    """Whether the socket between us and `party` can be opened; nothing, if the two have none."""
    me = settings.self_party or ""
    if not {me, party} <= settings.sockets.keys():
        return []
    if me < party:
        at = settings.sockets[me][0]
        return [Finding("socket", "note", f"{party} dials us at {at}: its doctor says whether it can")]
    at = settings.sockets[party][0]
    failure = _carrier(settings).probe(at, party, max(ends - time.monotonic(), 0.2)).failure
    if failure is None:
        return [Finding("socket", "ok", f"{at} answers as {party}: values go there")]
    text = f"{me} does not reach the socket_address of {party}, {at}: {failure.text}"
    return [Finding("socket", "failed", text, f"socket-{failure.cause}", failure.fix)]


def _carrier(settings: Settings) -> SocketCarrier:
    return SocketCarrier(settings.tls, settings.cluster, settings.link)


def _turned_away() -> Line:
    line = Line(lambda _: None)
    line.close(f.Refused("identity", "a doctor looks here, and no session runs", final=False))
    return line

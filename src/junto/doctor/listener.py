"""The doctor's own listener: answers the other parties' doctors while ours is at work."""

from __future__ import annotations

import errno
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from junto.config.model import Address, Settings
from junto.doctor.findings import Finding
from junto.doctor.service import DoctorClient, DoctorService
from junto.doctor.views import Views
from junto.errors import MalformedBytes
from junto.net.grpc_carrier import grpc, guard_options
from junto.reach.dial import ProbeFailed, resolve
from junto.reach.probe import probe

_OWN_S: Final = 1.0


class DoctorListener:
    """Our own listener, if the address is free: answers the others' doctors while ours works."""

    def __init__(self, settings: Settings, views: Views) -> None:
        self._settings = settings
        self._views = views
        self._server: Any = None
        self.finding: Finding = Finding("listen", "ok", "")

    def __enter__(self) -> DoctorListener:
        listen = self._settings.cluster[self._settings.self_party or ""].listen
        self.finding = _can_bind(listen)
        if self.finding.state == "ok":
            self._serve(listen)
        elif self.finding.state == "note" and not self._is_ours(listen):
            self.finding = Finding(
                "listen",
                "failed",
                f"another program, or a session of ours that hangs, answers on {listen}",
                "in-use",
                "end what holds the port, or take another port",
            )
        return self

    def _is_ours(self, listen: Address) -> bool:
        """Whether what holds our address answers doctors as we, with a certificate of ours."""
        settings, me = self._settings, self._settings.self_party or ""
        report = probe(listen, settings.tls, me, settings.cluster, _OWN_S)
        if not report.ok:
            return False
        client = DoctorClient(str(listen), settings.tls, report.accepted_name)
        try:
            return client.describe(_OWN_S).description.party == me
        except (grpc.RpcError, MalformedBytes):
            return False
        finally:
            client.close()

    def _serve(self, listen: Address) -> None:
        tls = self._settings.tls
        guard = guard_options(len(self._settings.parties), self._settings.link.peer_timeout_s)
        server = grpc.server(
            ThreadPoolExecutor(8, "junto-doctor"), options=[("grpc.so_reuseport", 0), *guard]
        )
        service = DoctorService(self._settings, "doctor", self._views.answer)
        server.add_generic_rpc_handlers(service.handlers())
        try:
            if tls is None:
                port = server.add_insecure_port(str(listen))
            else:
                credentials = grpc.ssl_server_credentials([(tls.key, tls.cert)], tls.ca_cert, True)
                port = server.add_secure_port(str(listen), credentials)
        except RuntimeError:
            port = 0
        if port == 0:
            self.finding = Finding("listen", "failed", f"{listen} cannot be bound", "not-bound")
            return
        server.start()
        self._server = server

    @property
    def answers(self) -> bool:
        """Whether other doctors are answered here: by us, not by a session of ours."""
        return self._server is not None

    def __exit__(self, *error: object) -> None:
        if self._server is not None:
            self._server.stop(1.0).wait(1.5)


def _can_bind(listen: Address) -> Finding:
    """Whether the listen address is ours to bind, by binding it for a moment."""
    try:
        _, places = resolve(listen, 2.0)
    except ProbeFailed as failed:
        return Finding("listen", "failed", failed.text, failed.cause, "give an address of this machine")
    family, place = places[0]
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(place)
            trial.listen(1)
        except OSError as error:
            return _not_bound(error, listen)
    return Finding("listen", "ok", f"{listen} is free; the others' doctors are answered there meanwhile")


def _not_bound(error: OSError, listen: Address) -> Finding:
    if error.errno == errno.EADDRINUSE:
        text = f"{listen} is in use: by a session of ours, which then answers the others"
        return Finding("listen", "note", text, fix="if no session runs here, end what holds the port")
    if error.errno == errno.EADDRNOTAVAIL:
        fix = f"set listen_addr to 0.0.0.0:{listen.port} or to an address of this machine"
        return Finding("listen", "failed", f"{listen.host} is no address of this machine", "not-ours", fix)
    if error.errno == errno.EACCES:
        return Finding(
            "listen",
            "failed",
            f"this user may not bind port {listen.port}",
            "not-permitted",
            "take one above 1023",
        )
    return Finding(
        "listen", "failed", f"{listen} cannot be bound: {error.strerror}", "not-bound", "check listen_addr"
    )

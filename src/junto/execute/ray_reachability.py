"""Is a Ray head there, and does it want a token? Asked over its own gRPC port, without importing ray.

Ray's head answers `GetClusterId` to whoever asks, unless token authentication is on. Whether our own
side would send a token follows from Ray's environment variables and its token file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from junto.config.addresses import parse_address
from junto.config.model import Address
from junto.net.grpc_carrier import grpc
from junto.reach.dial import ProbeFailed, connect, resolve

_METHOD = "/ray.rpc.NodeInfoGcsService/GetClusterId"
Metadata = tuple[tuple[str, str], ...]
Line = tuple[str, str, str, str, str]
"""(rung, state, text, cause, fix), as `doctor.Finding` takes them."""


def check_ray(address: str, timeout_s: float) -> list[Line]:
    """Two lines: whether the head at `address` answers, and whether both sides agree about tokens."""
    head = parse_address("address", address)
    try:
        _knock(head, timeout_s)
    except ProbeFailed as failed:
        fix = "start it (`ray start --head`), or correct address to what it printed"
        return [("ray", "failed", f"Ray at {address}: {failed.text}", failed.cause, fix)]
    wants, detail = _wants_token(address, timeout_s, ())
    if wants is None:
        fix = "correct address: it is the head's port (6379 by default), not the client's or dashboard's"
        return [("ray", "failed", f"what answers at {address} is no Ray head ({detail})", "no-ray", fix)]
    refused = partial(_refuses_ours, address, timeout_s)
    return [("ray", "ok", f"its head answers at {address}", "", ""), _agreement(wants, refused)]


def head_listens(address: str, timeout_s: float) -> bool:
    """Whether anybody accepts connections at `address`."""
    try:
        _knock(parse_address("address", address), timeout_s)
    except ProbeFailed:
        return False
    return True


def _knock(head: Address, timeout_s: float) -> None:
    _, places = resolve(head, timeout_s)
    _, (_, connection, _) = connect(head, places, "your Ray head", lambda: timeout_s)
    connection.close()


def _wants_token(address: str, timeout_s: float, metadata: Metadata) -> tuple[bool | None, str]:
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        ask: Any = channel.unary_unary(_METHOD, None, None)
        try:
            ask(b"", timeout=timeout_s, metadata=metadata)
        except grpc.RpcError as error:
            code = error.code()
            if code is grpc.StatusCode.UNAUTHENTICATED:
                return True, ""
            return None, code.name
    return False, ""


def _refuses_ours(address: str, timeout_s: float) -> bool:
    token = _own_token()
    if token is None:
        return True
    wants, _ = _wants_token(address, timeout_s, (("authorization", f"Bearer {token}"),))
    return wants is True


def _agreement(wants: bool, refuses_ours: Callable[[], bool]) -> Line:
    ours, why = _own_mode()
    there = "wants a token" if wants else "wants no token"
    if wants and ours and refuses_ours():
        fix = "RAY_AUTH_TOKEN_PATH must name a copy of the token file that `ray start` had"
        return ("ray token", "failed", f"it {there}, but not the one we have ({why})", "ray-token", fix)
    if wants == ours:
        return ("ray token", "ok", f"it {there}, and we send {'one' if ours else 'none'} ({why})", "", "")
    if wants:
        fix = "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH as for `ray start`"
        return ("ray token", "failed", f"it {there}, but we would send none ({why})", "ray-token", fix)
    fix = "set RAY_AUTH_MODE=disabled here, or token for `ray start` too"
    return ("ray token", "failed", f"it {there}, but we would send one ({why})", "ray-token", fix)


def _own_mode() -> tuple[bool, str]:
    """Whether our Ray driver would use a token, and what decides it (names of variables, no values)."""
    mode = os.environ.get("RAY_AUTH_MODE", "").lower()
    if mode:
        return mode == "token", f"RAY_AUTH_MODE={'token' if mode == 'token' else 'disabled'}"
    for variable in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        if os.environ.get(variable):
            return True, f"{variable} is set"
    if (Path.home() / ".ray" / "auth_token").is_file():
        return True, "a token file is in ~/.ray"
    return False, "no token here"


def _own_token() -> str | None:
    """The token that Ray would send from here; None: there is none, or it cannot be read."""
    token = os.environ.get("RAY_AUTH_TOKEN")
    if token:
        return token.strip()
    path = os.environ.get("RAY_AUTH_TOKEN_PATH")
    try:
        text = (Path(path) if path else Path.home() / ".ray" / "auth_token").read_text()
    except (OSError, UnicodeDecodeError):
        return None
    return text.strip() or None

"""Is a Ray head there, and does it want a token? Asked over its own gRPC port, without importing ray.

Ray's head answers `GetClusterId` to whoever asks, unless token authentication is on. Whether our own
side would send a token follows from Ray's environment variables and its token file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import grpc

from junto.config.addresses import parse_address
from junto.silo.dial import Failed, connect, resolve

_METHOD = "/ray.rpc.NodeInfoGcsService/GetClusterId"
Line = tuple[str, str, str, str, str]
"""(rung, state, text, cause, fix), as `doctor.Finding` takes them."""


def check_ray(address: str, timeout_s: float) -> list[Line]:
    """Two lines: whether the head at `address` answers, and whether both sides agree about tokens."""
    head = parse_address("address", address)
    try:
        _, places = resolve(head, timeout_s)
        _, (_, connection, _) = connect(head, places, "your Ray head", lambda: timeout_s)
        connection.close()
    except Failed as failed:
        fix = "start it (`ray start --head`), or correct address to what it printed"
        return [("ray", "failed", f"Ray at {address}: {failed.text}", failed.cause, fix)]
    wants, detail = _wants_token(address, timeout_s)
    if wants is None:
        fix = "correct address: it is the head's port (6379 by default), not the client's or dashboard's"
        return [("ray", "failed", f"what answers at {address} is no Ray head ({detail})", "no-ray", fix)]
    return [("ray", "ok", f"its head answers at {address}", "", ""), _agreement(wants)]


def _wants_token(address: str, timeout_s: float) -> tuple[bool | None, str]:
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        ask: Any = channel.unary_unary(_METHOD, None, None)
        try:
            ask(b"", timeout=timeout_s)
        except grpc.RpcError as error:
            code = error.code()
            if code is grpc.StatusCode.UNAUTHENTICATED:
                return True, ""
            return None, code.name
    return False, ""


def _agreement(wants: bool) -> Line:
    ours, why = _own_mode()
    there = "wants a token" if wants else "wants no token"
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

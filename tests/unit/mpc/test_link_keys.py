"""The shared secret: equal at both ends, different everywhere else."""

from __future__ import annotations

import pytest

from junto.errors import LinkError
from junto.mpc.channel import Channel
from junto.mpc.channel_keys import shared_secret
from junto.mpc.memory_pipe import memory_pair
from link_helpers import both, good


def secrets_of(pair: tuple[Channel, Channel]) -> list[bytes]:
    return good(both(lambda: shared_secret(pair[0]), lambda: shared_secret(pair[1])))


def test_both_ends_get_the_same_and_every_call_another_one() -> None:
    pair = memory_pair()
    seen = [secrets_of(pair) for _ in range(3)]
    assert all(left == right and len(left) == 32 for left, right in seen)
    assert len({left for left, _ in seen}) == 3


def test_the_operation_of_the_channel_is_as_before() -> None:
    pair = memory_pair()
    pair[0].label(4, "fit.py:2")
    secrets_of(pair)
    assert (pair[0].operation, pair[0].line) == (4, "fit.py:2")


def test_who_agreed_on_something_else_or_has_another_name_gets_another_secret() -> None:
    # The same two keys on both sides, so that only the binding and the names can make the difference.
    def end(names: tuple[str, str], binding: bytes, mirror: bool) -> Channel:
        pair = memory_pair(names, binding=binding)
        return pair[1] if mirror else pair[0]

    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    keys = [X25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2)]

    def secret(names: tuple[str, str], binding: bytes, who: int) -> bytes:
        channel = end(names, binding, mirror=who == 1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(X25519PrivateKey, "generate", lambda: keys[who])
            public = keys[1 - who].public_key().public_bytes_raw()
            patch.setattr(channel, "exchange", lambda parts, size: memoryview(public))
            return shared_secret(channel)

    one = secret(("a", "b"), b"run 1", 0)
    assert secret(("a", "b"), b"run 1", 1) == one
    others = [
        secret(("a", "b"), b"run 2", 0),
        secret(("a", "c"), b"run 1", 0),
        secret(("b", "a"), b"run 1", 0),
    ]
    assert len({one, *others}) == 4


def test_a_public_key_that_makes_the_secret_known_is_refused() -> None:
    alice, bob = memory_pair()
    bob.label("key agreement")
    error = both(lambda: shared_secret(alice), lambda: bob.exchange([bytes(32)], 32))[0]
    assert isinstance(error, LinkError)
    assert "no public key" in error.message

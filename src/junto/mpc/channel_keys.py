"""A secret that exactly the two ends of a channel know.

Paper:     X25519, RFC 7748, section 6.1; HKDF-SHA256, RFC 5869.
Computes:  HKDF(X25519(own secret key, other public key)), bound to what both agreed on, and to their names.
Parties:   the two ends of a channel, which has authenticated them.
Secure:    against all who control neither end now; fresh keys, so also if one is broken into later.
Learns:    each other's public keys, fresh and used once.
Cost:      1 round, 32 bytes each way.
"""

from __future__ import annotations

from junto.errors import LinkError
from junto.mpc.channel import Channel

SECRET_BYTES = 32
_PURPOSE = b"junto-spu/1 shared secret"
_PUBLIC_BYTES = 32


def shared_secret(channel: Channel) -> bytes:
    """32 bytes that only the two ends know, new at every call; both have to call it at the same point.

    Raises LinkError like every exchange, and if the other side's public key is none.
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    key = X25519PrivateKey.generate()
    mine = key.public_key().public_bytes_raw()
    before = channel.operation, channel.line
    channel.label("key agreement")
    theirs = bytes(channel.exchange([mine], _PUBLIC_BYTES))
    channel.label(*before)
    try:
        common = key.exchange(X25519PublicKey.from_public_bytes(theirs))
    except ValueError:  # a point of small order: the result would not depend on our key
        raise LinkError(
            f"{channel.peer}: what it sent is no public key (key agreement)",
            party=channel.peer,
            operation="key agreement",
        ) from None
    info = _joined([_PURPOSE, channel.binding, *_by_name((channel.me, mine), (channel.peer, theirs))])
    return HKDF(hashes.SHA256(), SECRET_BYTES, salt=None, info=info).derive(common)


def _by_name(*ends: tuple[str, bytes]) -> list[bytes]:
    return [part for name, public in sorted(ends) for part in (name.encode(), public)]


def _joined(parts: list[bytes]) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)

"""What all nodes of an SPU have to have in common, as one party tells it to another. Pure: no socket.

It goes as an ordinary value on the parties' connection, which has authenticated both: a difference ends it at
both with the same lines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from junto.errors import ConfigError, HandshakeRefused
from junto.log import printable

_DIGEST_BYTES = 64
_TEXT_BYTES = 8 << 10


@dataclass(frozen=True, slots=True, repr=False)
class Greeting:
    """What all nodes of one SPU have in common.

    Args:
        digest: of everything that has to be equal: job, run, device, settings. At most 64 bytes, not secret.
        text: the part of it that people can compare, one ``name: value`` a line; at most 8 KiB.
    """

    digest: bytes
    text: str = ""

    def __post_init__(self) -> None:
        if not 0 < len(self.digest) <= _DIGEST_BYTES or len(self.text.encode()) > _TEXT_BYTES:
            raise ConfigError(
                "a link's greeting has a digest of 1 to 64 bytes and a text of at most 8 KiB",
                fix="report it: junto itself has made it",
            )


@dataclass(frozen=True, slots=True)
class NodeHello:
    """A greeting on its way: who says it to whom."""

    sender: str
    wanted: str
    greeting: Greeting

    def pack(self) -> bytes:
        """As bytes."""
        greeting = self.greeting
        return _joined(self.sender.encode(), self.wanted.encode(), greeting.digest, greeting.text.encode())

    @staticmethod
    def parse(data: bytes) -> NodeHello:
        """From bytes. Raises ValueError."""
        sender, wanted, digest, text = _split(data, 4)
        try:
            return NodeHello(sender.decode(), wanted.decode(), Greeting(digest, text.decode()))
        except ConfigError as error:
            raise ValueError(error.message) from None


def difference(mine: NodeHello, theirs: NodeHello) -> HandshakeRefused | None:
    """The error for two greetings that are not the same, or None; both nodes print the same lines."""
    if mine.greeting == theirs.greeting:
        return None
    names = sorted((mine.sender, theirs.sender))
    texts = {each.sender: each.greeting.text for each in (mine, theirs)}
    lines = list(_differing(names, texts))
    if lines:
        what = "do not have the same SPU:\n" + "\n".join(lines)
        fix = "make them equal at both parties, then start again"
    else:
        what = "have the same settings, but belong to different runs or devices"
        fix = "start all parties of the job anew; they have to construct their SPUs in the same order"
    error = HandshakeRefused(f"{' and '.join(names)} {what}", fix=fix)
    error.party = theirs.sender
    return error


def binding(mine: NodeHello, theirs: NodeHello) -> bytes:
    """What the two nodes of a connection agreed on, as 32 bytes; the same at both."""
    names = sorted((mine.sender.encode(), theirs.sender.encode()))
    return hashlib.sha256(_joined(b"junto-spu/1 binding", *names, mine.greeting.digest)).digest()


def _differing(names: list[str], texts: dict[str, str]) -> Iterable[str]:
    tables = {name: dict(_entry(line) for line in texts[name].splitlines() if line) for name in names}
    width = max(map(len, names))
    for what in dict.fromkeys(key for name in names for key in tables[name]):
        values = [tables[name].get(what) for name in names]
        if values[0] != values[1]:
            yield f"  {printable(what)}"
            for name, value in zip(names, values, strict=True):
                yield f"    {name:<{width}}  {'-' if value is None else printable(value)}"


def _entry(line: str) -> tuple[str, str]:
    what, _, value = line.partition(":")
    return what.strip(), value.strip()


def _joined(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def _split(data: bytes, count: int) -> list[bytes]:
    parts = []
    for _ in range(count):
        size = int.from_bytes(data[:2], "big")
        parts.append(data[2 : 2 + size])
        if len(data) < 2 or len(parts[-1]) != size:
            raise ValueError("a greeting is cut off")
        data = data[2 + size :]
    if data:
        raise ValueError("a greeting is too long")
    return parts

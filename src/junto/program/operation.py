"""Operations and the rolling digest over them.

Every device call of the script is one operation. All parties run the same script, so they derive
the same sequence; the digest after operation n covers operations 1..n, hence two parties whose
digests agree at n have issued the same n operations.

What enters the digest: kind, device, function name, the handles used and where they stand in the
arguments, and the number of results. What does not: plain arguments (a path may differ between
the parties; a subtree without handles counts as one plain argument), call sites (a comment more
at one party is no other program), resources.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from junto.silo.api import Stamp

DIGEST_BYTES = 16
START = Stamp(operation=0, digest=bytes(DIGEST_BYTES), text="start", site="")


@dataclass(frozen=True, slots=True)
class Description:
    """What an operation is, before it has a number.

    Attributes:
        kind: ``call``, ``actor``, ``method``, ``move``, ``reveal``, ``wait``, ``barrier``, ``put``,
            ``spu``, ``share``, ``compute``, ``shutdown``.
        device: ``alice``, or empty for operations of all parties.
        function: its qualified name, or empty.
        structure: see `structure`.
        results: number of results.
    """

    kind: str
    device: str = ""
    function: str = ""
    structure: str = ""
    results: int = 1

    @property
    def text(self) -> str:
        """For a person: ``alice(train)``, ``reveal``, ``alice -> bob``."""
        if self.kind in ("call", "actor", "method", "compute"):
            return f"{self.device}({self.function})"
        if self.kind in ("move", "share"):
            return f"{self.device} -> {self.function}"
        return f"{self.kind} {self.device}".rstrip()


def follow(previous: Stamp, description: Description, site: str) -> Stamp:
    """The stamp of the operation after `previous`."""
    parts = (
        description.kind,
        description.device,
        description.function,
        description.structure,
        str(description.results),
    )
    state = hashlib.blake2b(previous.digest, digest_size=DIGEST_BYTES)
    state.update("\x1f".join(parts).encode())
    return Stamp(previous.operation + 1, state.digest(), description.text, site)


def structure(tree: Any, handle: type) -> str:
    """The places of the handles in `tree`, as text; ``*`` stands for a subtree without any.

    Args:
        tree: arguments, as `junto.tree` knows them.
        handle: class of the leaves that are handles; they have an `identity` (operation, index).
    """
    if isinstance(tree, handle):
        operation, index = tree.identity  # type: ignore[attr-defined]
        return f"#{operation}.{index}"
    kind = type(tree)
    if kind is dict:
        items = [(str(key), structure(item, handle)) for key, item in tree.items()]
        kept = sorted(item for item in items if item[1] != "*")
        return "{" + ",".join(f"{key}:{text}" for key, text in kept) + "}" if kept else "*"
    if kind is list or isinstance(tree, tuple):
        if not tree:
            return "*"
        texts = [structure(item, handle) for item in tree]
        return "[" + ",".join(texts) + "]" if any(text != "*" for text in texts) else "*"
    return "*"

"""Operations and the rolling digest over them.

Every device call of the script is one operation. All parties run the same script, so they derive
the same sequence; the digest after operation n covers operations 1..n, hence two parties whose
digests agree at n have issued the same n operations.

What enters the digest: kind, device, function name, the handles used and where they stand in the
arguments, and the number of results. Each part enters with its length before it, and arguments as a text
that no other arguments have. What does not: plain arguments (a path may differ between the parties; a subtree
without handles counts as one plain argument), call sites (a comment more at one party is no other program),
resources.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from junto.net.api import Stamp
from junto.tree import children, leaves, text_of

DIGEST_BYTES = 16
PLAIN = "*"
LONGEST = 400
"""Characters of an operation's full text; fewer than what may travel of a stamp's."""

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
        device, function = shown(self.device), shown(self.function)
        if self.kind in ("call", "actor", "method", "compute"):
            return f"{device}({function})"
        if self.kind in ("move", "share"):
            return f"{device} -> {function}"
        return f"{self.kind} {device}".rstrip()

    @property
    def full_text(self) -> str:
        """All that the digest covers, so that two operations that differ can be seen to differ."""
        kind = "" if self.kind in ("call", "move") or self.text.startswith(self.kind) else f"{self.kind} "
        of = "" if self.structure in ("", PLAIN) else f" of {self.structure}"
        results = "" if self.results == 1 else f", {self.results} results"
        text = f"{kind}{self.text}{of}{results}"
        if len(text) <= LONGEST:
            return text
        name = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        return f"{text[: LONGEST // 2]} ... (all of it: {name}){results}"


def follow(previous: Stamp, description: Description, site: str) -> Stamp:
    """The stamp of the operation after `previous`."""
    state = hashlib.blake2b(previous.digest, digest_size=DIGEST_BYTES)
    for part in (
        description.kind,
        description.device,
        description.function,
        description.structure,
        str(description.results),
    ):
        data = part.encode("utf-8", "surrogatepass")
        state.update(len(data).to_bytes(8, "big") + data)
    return Stamp(previous.operation + 1, state.digest(), description.text, site)


def structure(tree: Any, handle: type) -> str:
    """The places of the handles in `tree`, as text; ``*`` stands for a subtree without any.

    Two trees whose handles differ, or stand in different places, have different texts.

    Args:
        tree: arguments, as `junto.tree` knows them.
        handle: class of the leaves that are handles; they have an `identity` (operation, index).

    Raises:
        DeviceError: handles are where they have no order; see `junto.tree`.
    """
    for _ in leaves(tree):  # refuses what has no order
        pass
    return _structure(tree, handle)


def _structure(tree: Any, handle: type) -> str:
    if isinstance(tree, handle):
        operation, index = tree.identity  # type: ignore[attr-defined]
        return f"#{operation}.{index}"
    parts = children(tree)
    texts = [_structure(part, handle) for part in parts or ()]
    return PLAIN if all(text == PLAIN for text in texts) else text_of(tree, texts)


def shown(name: str) -> str:
    """A name that a script gives, fit for a line of text."""
    return name if name.isprintable() and name[:1] not in ("'", '"') else repr(name)

"""Private set intersection with a helper that sees tags only.

Paper:     Kamara, Mohassel, Raykova, Sadeghian, "Scaling private set intersection to billion-element sets",
           Financial Cryptography 2014, section 3 (server-aided, semi-honest).
Computes:  ranks for equal keys, from one set of keys an owner.
Parties:   two owners or more, and a helper that owns none of the sets.
Secure:    semi-honest; the helper colludes with no owner; AES as a pseudo-random permutation, SHA-256 as a
           function without collisions.
Learns:    see `Helped.learns`. Everybody: the number of keys of each set. The helper: how many keys any of
           the owners have in common.
Cost:      for a set of n keys: 16 * n bytes to the helper, 4 * n back to an owner that gets rows; one key of
           16 bytes from the first owner to each other one.

The owners share a fresh cipher key, and each sends the tags of its keys to the helper, in an order that
says nothing. The helper finds equal tags and gives each one of the result a number. It has not the cipher
key, so a tag tells it nothing, and a second join has other tags; the owners have no tag of each other. The
helper numbers them in the order of a cipher of its own: else a gap in the numbers that an owner gets of a
left join would tell how many keys of the other lie between two of its own tags.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from junto.device.current import current
from junto.device.proxies import proxy
from junto.device.pyu import PYU, PYUObject
from junto.join.comparing import Matching
from junto.join.protocol import FoundKeys, Goal, Intersection, KeySet, names, of_count, of_own_keys
from junto.join.tags import new_key, tagged
from junto.join.travel import in_step, shown

_Matching = proxy(PYUObject, num_cpus=0)(Matching)


class Helped(Intersection):
    """Matching of tags by `helper`; see the module."""

    def __init__(self, helper: PYU) -> None:
        self._helper = helper

    def run(self, sources: Mapping[PYU, KeySet], goal: Goal) -> FoundKeys:
        compared, matching = self._compared(sources, goal, goal.receivers)
        in_step([_back(sources[owner], matching) for owner in goal.receivers])
        return FoundKeys(compared, [matching.close()])

    def count(self, sources: Mapping[PYU, KeySet], goal: Goal) -> FoundKeys:
        """Find no ranks, only how many keys all parties have."""
        compared, matching = self._compared(sources, goal, [])
        return FoundKeys(compared, [matching.close()])

    def _compared(
        self, sources: Mapping[PYU, KeySet], goal: Goal, receivers: Sequence[PYU]
    ) -> tuple[PYUObject, Any]:
        """How many ranks there are, at the helper; and its `Matching`."""
        first, *others = sources
        made = first(new_key)()
        keys = {first: made} | {owner: made.to(owner) for owner in others}
        counts = {owner.party: source.count for owner, source in sources.items()}
        spill = current().settings.link.spill_dir
        matching = _Matching(counts, goal.how, goal.base.party, spill, device=self._helper)
        with shown(sum(len(source.sizes()) for source in sources.values())) as seen:
            in_step([_there(source, keys[owner], matching) for owner, source in sources.items()], seen)
        return matching.compare([owner.party for owner in receivers]), matching

    def learns(self, sources: Sequence[PYU], goal: Goal) -> Mapping[PYU, str]:
        learned = {self._helper: self._learned(sources)}
        for party in sources:
            others = [each for each in sources if each != party]
            facts = [f"how many different keys {names(others)} {'has' if len(others) == 1 else 'have'}"]
            facts += of_own_keys(party, others, goal) if party in goal.receivers else []
            learned[party] = f"{party.party} learns {'; '.join(facts)}."
        return learned

    def learns_of_count(self, sources: Sequence[PYU], goal: Goal) -> Mapping[PYU, str]:
        """The same of `count`."""
        return {self._helper: self._learned(sources)} | {
            party: of_count(party, sources, goal) for party in sources
        }

    def _learned(self, owners: Sequence[PYU]) -> str:
        pair = len(owners) == 2
        common = "how many they have in common" if pair else "how many any of them have in common"
        return (
            f"{self._helper.party} helps, and learns how many different keys {names(owners)} have; {common}, "
            f"not which. {self._helper.party} and {names(owners, 'or')} together could try which keys the "
            f"{'other has' if pair else 'others have'}."
        )


def _there(source: KeySet, key: PYUObject, matching: Any) -> Iterator[PYUObject]:
    """Carry the tags of a set to the helper, batch by batch."""
    owner = source.device
    for index, size in enumerate(source.sizes()):
        tags = owner(tagged)(key, source.keys(index)).to(matching.device)
        yield matching.add(owner.party, tags, size, owner.party)


def _back(source: KeySet, matching: Any) -> Iterator[PYUObject]:
    """Carry the ranks of a set to its owner."""
    owner, sizes = source.device, source.sizes()
    for index, (start, size) in enumerate(zip(accumulate(sizes, initial=0), sizes, strict=False)):
        yield source.place(index, matching.ranks(owner.party, start, size).to(owner))

"""SPUs and values on them, for tests that run in one process."""

from __future__ import annotations

from typing import Any

import junto as sf

PARTIES = ["alice", "bob", "carol"]


def at(party: str, value: Any) -> sf.PYUObject:
    """A value that stands at a party in the clear."""
    return sf.PYU(party)(lambda: value)()


def is_debug(spu: sf.SPU) -> bool:
    """Whether the SPU computes in the clear, without protocols: the cheap place for many tries."""
    return spu.session.program.settings.mode.name == "DEBUG"


def spu_of(*parties: str, bits: int | None = None, **runtime: Any) -> sf.SPU:
    """An SPU of these parties; `bits`: after the point; `runtime`: further settings of it."""
    runtime |= {"fxp_fraction_bits": bits} if bits else {}
    return sf.SPU(cluster_def={"runtime_config": runtime}, parties=list(parties))


def secret(spu: sf.SPU, value: Any, owner: str = "alice") -> sf.SPUObject:
    """A value of `owner`, on the SPU."""
    return at(owner, value).to(spu)

"""SPUs and values on them, for tests that run in one process."""

from __future__ import annotations

from typing import Any

import junto as sf

PARTIES = ["alice", "bob", "carol"]


def spu_of(*parties: str, bits: int | None = None, **runtime: Any) -> sf.SPU:
    """An SPU of these parties; `bits`: after the point; `runtime`: further settings of it."""
    runtime |= {"fxp_fraction_bits": bits} if bits else {}
    return sf.SPU(cluster_def={"runtime_config": runtime}, parties=list(parties))


def secret(spu: sf.SPU, value: Any, owner: str = "alice") -> sf.SPUObject:
    """A value of `owner`, on the SPU."""
    return sf.PYU(owner)(lambda: value)().to(spu)

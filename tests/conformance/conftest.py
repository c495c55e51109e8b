"""What the conformance tests of the SPU start from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import junto as sf
from spu_values import PARTIES

OF_TWO = pytest.param("simulation of two", marks=pytest.mark.slow)


@pytest.fixture(scope="module", params=["debug", "simulation", OF_TWO])
def spu(request: pytest.FixtureRequest) -> Iterator[sf.SPU]:
    """An SPU of three parties in each mode that runs in one process, and of two without a helper."""
    sf.init(parties=PARTIES, address="local", debug_mode=request.param == "debug", logging_level="error")
    yield sf.SPU(parties=PARTIES[:2] if request.param.endswith("two") else PARTIES)
    sf.shutdown()

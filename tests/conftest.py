"""What all tests share. The fixtures for Ray start real clusters, and end them."""

from __future__ import annotations

import ctypes
import gc
import logging
import math
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import running
from running import (  # noqa: F401 - pytest finds its hooks here
    pytest_collection_modifyitems,
    pytest_runtest_makereport,
    pytest_runtest_setup,
    pytest_terminal_summary,
    pytest_xdist_make_scheduler,
)

# No time is lost on making jax's code fast, here and in the processes that tests start.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

# No test depends on the machine's speed or on luck: what measures time is off, tries are the same each time.
STEADY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
# Of 100 tries: half in the suite, few in `make test-fast`; many, and others each time, in `make search`.
settings.register_profile("steady", STEADY, max_examples=50)
settings.register_profile("fast", STEADY, max_examples=10)
settings.register_profile("search", STEADY, derandomize=False, max_examples=400)
settings.load_profile("steady")


def pytest_configure() -> None:
    """A shell's background job ignores Ctrl-C, and so would every program that a test starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """What is imported stays: the collector need not search half a gigabyte of modules again and again,
    nor look at what is new as often as where memory is short."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)
    running.begins()


MOST_RESIDENT = 1_200_000_000
"""So many bytes a process of tests may take up before it forgets what jax has compiled."""
STATM = Path("/proc/self/statm")


def resident() -> float:
    """Bytes of memory that this process takes up; infinity where the system does not say."""
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if STATM.exists() else math.inf


@pytest.fixture(scope="module", autouse=True)
def forget_compiled() -> Iterator[None]:
    """What jax compiled for one file serves the next ones too, but adds up to gigabytes."""
    yield
    if "jax" in sys.modules and resident() > MOST_RESIDENT:
        sys.modules["jax"].clear_caches()
        if (trim := getattr(ctypes.pythonapi, "malloc_trim", None)) is not None:
            trim(0)  # glibc's allocator gives back what was freed in pieces only when it is asked


@pytest.fixture(scope="module", autouse=True)
def every_level_is_heard() -> None:
    """A session sets the level of junto's records: what one file has set is not the next one's."""
    logging.getLogger("junto").setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def ray_environment() -> Iterator[None]:
    """This process, and those it starts, talk to the clusters below: without tokens."""
    from ray_clusters import driver_environment

    with pytest.MonkeyPatch.context() as patch:
        for key, value in driver_environment().items():
            patch.setenv(key, value)
        yield


@pytest.fixture(scope="session")
def ray_cluster(ray_environment: None) -> Iterator[str]:
    """The address of one cluster that stands for alice, bob and carol (simulation)."""
    from ray_clusters import ray_clusters

    labels = {"alice": 1, "bob": 1, "carol": 1}
    with ray_clusters(["all"], {"all": labels}) as addresses:
        yield addresses["all"]


@pytest.fixture(scope="module")
def ray_silos(ray_environment: None) -> Iterator[dict[str, str]]:
    """The addresses of three clusters, one a party (production); an idle one takes processor time, too."""
    from ray_clusters import ray_clusters

    with ray_clusters(["alice", "bob", "carol"]) as addresses:
        yield addresses


@pytest.fixture(params=["grpc", "socket"])
def every_carrier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What uses this runs on both carriers."""
    import gateways

    monkeypatch.setitem(gateways.USED, "carrier", request.param)
    return str(request.param)

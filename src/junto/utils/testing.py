"""Settings for trying an SPU on one machine, under the name that SecretFlow gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from junto.errors import ConfigError

__path__: Sequence[
    str
] = ()  # so that Python asks `junto.secretflow` for a name that is imported and not here


def cluster_def(parties: Sequence[str], runtime_config: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A `cluster_def` for `sf.SPU` whose nodes are these parties and talk over the parties' own connections.

    SecretFlow's function of this name gives each node a port on loopback; here an SPU needs none.

    Args:
        parties: two or more names: the first two compute, a third helps.
        runtime_config: of the SPU; default: what `sf.SPU` takes without one.

    Raises:
        ConfigError: fewer than two parties, or one twice.
    """
    if isinstance(parties, str) or len(parties) < 2 or len(set(parties)) < len(parties):
        raise ConfigError(
            f"an SPU needs two different parties or more, not {parties!r}",
            fix='cluster_def(["alice", "bob"])',
        )
    return {"nodes": [{"party": party} for party in parties], "runtime_config": dict(runtime_config or {})}


def __getattr__(name: str) -> Any:
    from junto.secretflow import found

    return found(f"utils.testing.{name}")

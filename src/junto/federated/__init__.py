"""Sums and models of parties that have the same columns for different rows; see ``docs/how-to/federated.md``.

    from junto.federated import FedAvg

    data = {alice: hers, bob: his, carol: theirs}
    trained = FedAvg(list(data), step).fit(parameters, data, rounds=10)

What the parties add up they mask in pairs, so that nobody sees more of it than the sum. There is no SPU, and
no helper. Names are imported when first used.
"""

from __future__ import annotations

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from junto.federated.averaging import FedAvg, FederatedModel, FederatedRound
    from junto.federated.privacy import DifferentialPrivacy, PrivacySpent
    from junto.federated.secure_sum import SecureAggregator

_HOME_OF = MappingProxyType(
    {
        "DifferentialPrivacy": "junto.federated.privacy",
        "FedAvg": "junto.federated.averaging",
        "FederatedModel": "junto.federated.averaging",
        "FederatedRound": "junto.federated.averaging",
        "PrivacySpent": "junto.federated.privacy",
        "SecureAggregator": "junto.federated.secure_sum",
    }
)

__all__ = [
    "DifferentialPrivacy",
    "FedAvg",
    "FederatedModel",
    "FederatedRound",
    "PrivacySpent",
    "SecureAggregator",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'junto.federated' has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return list(__all__)

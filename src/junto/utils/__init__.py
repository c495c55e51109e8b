"""Helpers for trying things out, and names of SecretFlow's that are elsewhere here."""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if name == "testing":
        return importlib.import_module("junto.utils.testing")
    from junto.secretflow import found

    return found(f"utils.{name}")

"""Devices: where values live, and how they move."""

from junto.config.spu_model import SPUCompilerNumReturnsPolicy

__all__ = ["SPUCompilerNumReturnsPolicy"]

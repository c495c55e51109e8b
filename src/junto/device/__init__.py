"""Devices: where values live, and how they move."""

"""What has to be equal for one function to become one plan is part of what the nodes compare."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import pytest

from junto.device.spu import traced
from junto.device.spu.traced import SETTINGS, WITHOUT, tracing_text


def lines() -> dict[str, str]:
    return dict(line.split(": ", 1) for line in tracing_text().splitlines())


def test_settings_are_in_it_and_versions_are_not():
    assert lines().keys() >= {"jax_enable_x64", "jax_default_matmul_precision"}
    assert jax.__version__ not in lines().values()


@pytest.mark.parametrize("name", WITHOUT)
def test_a_setting_that_other_versions_lack_has_a_line_only_if_it_says_something(name, monkeypatch):
    assert name in SETTINGS
    for value, line in ((WITHOUT[name], None), ("other", "other")):
        values = {**jax.config.values, name: value}
        monkeypatch.setattr(traced, "jax", SimpleNamespace(config=SimpleNamespace(values=values)))
        assert lines().get(name) == line


CHANGES = {
    "jax_enable_x64": lambda: not jax.config.jax_enable_x64,
    "jax_default_matmul_precision": lambda: "highest",
    "jax_numpy_dtype_promotion": lambda: "strict",
    "jax_default_prng_impl": lambda: "rbg",
    "jax_softmax_custom_jvp": lambda: not jax.config.values["jax_softmax_custom_jvp"],
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_setting_that_is_another_changes_it(name):
    assert name in SETTINGS
    before, text = jax.config.values[name], lines()
    jax.config.update(name, CHANGES[name]())
    try:
        changed = {each for each, value in lines().items() if value != text[each]}
    finally:
        jax.config.update(name, before)
    assert changed == {name}
    assert lines() == text

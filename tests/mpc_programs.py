"""Whole jax functions under the secure engine, for tests: traced, shared, interpreted, put together again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import numpy as np

import mpc_nodes
import mpc_pairs
from junto.device.spu.plan_runner import rehearse
from junto.mpc import digits
from junto.mpc.checked_gates import CheckedGates
from junto.mpc.interpret import StepHooks, perform
from junto.mpc.plain_gates import PlainGates
from junto.mpc.plan import Plan, jax_array, jax_dtype, trace
from junto.mpc.ring128 import elements
from junto.mpc.rounds import Rounds
from junto.mpc.settings import MpcSettings, NumberForm
from junto.mpc.twins import Twins
from junto.mpc.values import Public, Secret, Value, decode, encode, incoming, integer_words, largest_incoming
from junto.mpc.visibility import visible

RUNS = {"secure": mpc_nodes.run, "pair": mpc_pairs.run, "oblivious": mpc_pairs.oblivious}


@dataclass
class Engine:
    """One implementation of the gates: "plain", "secure" with a helper, a "pair" without one, in which what
    both prepare comes from a trusted dealer, or "oblivious": from oblivious transfer.

    Attributes:
        overflows: what the plain gates said about numbers out of range, each with its step.
        digits: the same about numbers of few digits.
        rounds: of the last run; 0 of plain gates.
    """

    name: str
    settings: MpcSettings = field(default_factory=MpcSettings)
    overflows: list[tuple[str, str]] = field(default_factory=list)
    digits: list[tuple[str, str]] = field(default_factory=list)
    rounds: int = 0
    opened: int = 0

    def run(self, function: Callable[..., Any], *args: Any, public: Sequence[int] = (), **kwargs: Any) -> Any:
        """`function(*args, **kwargs)` with every leaf secret but those whose number is in `public`."""
        plan = trace(function, args, kwargs)
        leaves = [
            np.asarray(each) if not _is_key(each) else each
            for each in jax.tree_util.tree_leaves((args, kwargs))
        ]
        visible(plan, [number not in public for number in range(len(leaves))])
        rehearse(plan, [leaf if at in public else None for at, leaf in enumerate(leaves)], self.settings)
        if self.name == "plain":
            outputs = self._plainly(plan, leaves, public)
        else:
            outputs = self._securely(plan, leaves, public)
        return jax.tree_util.tree_unflatten(plan.out_tree, outputs)

    def _plainly(self, plan: Plan, leaves: Sequence[Any], public: Sequence[int]) -> list[np.ndarray]:
        where = [""]

        def warn(sentence: str) -> None:
            self.overflows.append((where[0], sentence))

        twins = Twins(self.settings.fraction, lambda sentence: self.digits.append((where[0], sentence)), warn)
        gates = PlainGates(warn, bits=self.settings.width, put_off=twins.put_off)
        inputs: list[Value] = []
        checked = CheckedGates(gates) if self.settings.checked else gates
        for number, leaf in enumerate(leaves):
            if number in public:
                inputs.append(Public(leaf))
                continue
            array = jax_array(leaf, plan.x64)
            words = encode(array, self.settings)
            held = gates.constant_bits(words) if words.dtype == np.bool_ else gates.constant(words)
            entered = self._entered(checked, held, jax_dtype(array.dtype, plan.x64))
            if entered.kind == "fixed":
                held.exact = np.asarray(array, np.float64)
            inputs.append(twins.enter(entered, held))

        def watch(step: str) -> None:
            where[0] = step

        look = digits.listener(
            self.settings.fraction, lambda sentence: self.digits.append((where[0], sentence))
        )
        ears = StepHooks(watch, notice=look, twins=twins)
        values = Rounds(_no_round).run(self._performed(checked, plan, inputs, ears))
        return [
            self._opened(value, value.value.flags if value.kind == "bits" else value.value.words)
            if isinstance(value, Secret)
            else value.array
            for value in values
        ]

    def _securely(self, plan: Plan, leaves: Sequence[Any], public: Sequence[int]) -> list[np.ndarray]:
        arrays = [jax_array(leaf, plan.x64) for number, leaf in enumerate(leaves) if number not in public]
        found: list[Value] = []

        async def program(gates: Any, *secrets: Any) -> list[Any]:
            gates = CheckedGates(gates) if self.settings.checked else gates
            given = iter(zip(secrets, arrays, strict=True))
            inputs: list[Value] = []
            for number, leaf in enumerate(leaves):
                if number in public:
                    inputs.append(Public(leaf))
                    continue
                secret, array = next(given)
                inputs.append(self._entered(gates, secret, jax_dtype(array.dtype, plan.x64)))
            values = await self._performed(gates, plan, inputs, StepHooks())
            found[:] = values
            return [each.value for each in values if isinstance(each, Secret)]

        run = RUNS[self.name]
        if self.settings.width > 64:
            run = partial(run, width=self.settings.width)
        outcome = run(program, *[encode(array, self.settings) for array in arrays])
        self.rounds, self.opened = outcome.rounds, outcome.opened
        opened = iter(outcome.values)
        return [
            self._opened(value, next(opened)) if isinstance(value, Secret) else value.array for value in found
        ]

    def _entered(self, gates: Any, held: Any, dtype: Any) -> Secret:
        found = incoming(held, dtype, self.settings)
        gates.entered(held, largest_incoming(found, self.settings.width))
        return found

    async def _performed(self, gates: Any, plan: Plan, inputs: list[Value], ears: StepHooks) -> list[Value]:
        values = await perform(gates, plan, inputs, self.settings, ears)
        await gates.conclude([each.value for each in values if isinstance(each, Secret)])
        return values

    def _opened(self, value: Secret, words: np.ndarray) -> np.ndarray:
        form = NumberForm(self.settings.width, value.fraction or self.settings.fraction)
        found = decode(words, value.dtype, self.settings.held_as(form))
        if value.kind == "integer":
            beyond = "an opened word has bits that its dtype does not hold"
            assert (words == elements(integer_words(found), self.settings.width)).all(), beyond
        return found


def _is_key(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and not isinstance(leaf.dtype, np.dtype)


def _no_round(shares: Sequence[Any]) -> Sequence[Any]:
    raise AssertionError("plain gates open nothing")


def agree(got: Any, want: Any, tolerance: float = 1e-3) -> None:
    """Same tree, shapes and dtypes; integers and bools equal, floats near."""
    assert jax.tree_util.tree_structure(got) == jax.tree_util.tree_structure(want)
    for ours, theirs in zip(jax.tree_util.tree_leaves(got), jax.tree_util.tree_leaves(want), strict=True):
        theirs = np.asarray(theirs)
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        if theirs.dtype.kind == "f":
            np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
        else:
            np.testing.assert_array_equal(ours, theirs)

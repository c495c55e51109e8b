"""Labels of rows that several parties have, and what a model says of them, on an SPU, where they are judged.

Learns: nobody anything; each party shares its own rows' labels and answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from junto.device.pyu import PYU, PYUObject
from junto.device.spu.object import SPUObject
from junto.frame.frame_steps import FrameStep
from junto.frame.horizontal import HorizontalFrame
from junto.learn import examine
from junto.learn.estimator import Estimator, run_at
from junto.learn.families import ClassFamily
from junto.learn.metrics.arguments import in_digits
from junto.learn.pooled import frame_of
from junto.learn.scaled import one_below_the_other, unscaled

__all__ = ["frame_of", "on_spu"]


def on_spu(
    model: Estimator[Any], y: HorizontalFrame, said: Mapping[PYU, PYUObject], *, chances: bool
) -> tuple[SPUObject, SPUObject]:
    """Both of all rows, party by party: of classes their numbers 0, 1, ...; numbers with their own exponent.

    Args:
        model: fitted.
        y: a frame of one column.
        said: by each party, of its own rows.
        chances: whether these are probabilities, or scores of classes.
    """
    family = getattr(model, "family", None)
    of_classes = FrameStep(_numbers, family) if isinstance(family, ClassFamily) else None
    return (
        _stacked(model, y.partitions, of_classes),
        _stacked(model, said, FrameStep(np.asarray) if chances else of_classes),
    )


def _stacked(model: Estimator[Any], parts: Mapping[PYU, PYUObject], numbers: FrameStep | None) -> SPUObject:
    made = [run_at(party, numbers or in_digits, part).to(model.spu) for party, part in parts.items()]
    if numbers is not None:
        return model.spu(_below)(made)  # type: ignore[no-any-return]
    taken: SPUObject = model.spu(one_below_the_other, num_returns_policy="single")(made)
    return taken.read_as(taken, unscaled)


def _numbers(label: Any, family: Any) -> Any:
    return examine.numbers_of(label, family)


def _below(parts: Any) -> Any:
    return jnp.concatenate(parts)

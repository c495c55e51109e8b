"""What can be set of a linear model."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Final

from junto.frame.frame import Seed
from junto.learn.estimator import Estimator, L, require
from junto.learn.families import Family

AUTO, SGD, NEWTON, BOUND = "auto", "sgd", "newton", "bound"
CONSTANT, INVERSE, COSINE = "constant", "invscaling", "cosine"

SMALL: Final = 64
"""``auto`` takes second order up to so many columns."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class LinearParameters(Estimator[L]):
    """What all linear models have in common.

    Args:
        fit_intercept: whether there is a constant.
        solver: ``sgd`` (mini-batches), ``newton`` (reweighted least squares), ``bound`` (the same with one
            bound for all weights: cheaper steps, more of them) or ``auto``: ``newton`` up to 64 columns, from
            there on ``sgd``.
        max_iter: epochs, or steps of second order; all are taken, for when to stop would tell something.
            Default: 5 epochs; 8 steps, 25 where all have the same weights, 4 of linear models.
        batch_size: rows of a mini-batch. Default: a twentieth of all, from 32 to 1024.
        learning_rate: ``constant``, ``invscaling`` (eta0 / t**power_t in epoch t) or ``cosine``.
        eta0: the first learning rate. Default: 0.1, with many columns less, so that steps cannot grow.
        power_t: see `learning_rate`.
        momentum: see `junto.learn.descent`.
        early_stopping: of ``sgd``: hold out rows, and stop when their loss has not fallen by `tol` below its
            least value for `n_iter_no_change` epochs. Every party learns after each epoch whether it has.
        validation_fraction: so many are held out.
        n_iter_no_change: see `early_stopping`.
        tol: see `early_stopping`.
        losses: of ``sgd``: whether `loss_curve_` is computed.
        inference: whether `summary_of` is prepared (of linear and logistic regression).
        standardize: False shares columns as they are; they should be about 1 in size.
        random_state: of the public order in which ``sgd`` takes the rows.
    """

    fit_intercept: bool = True
    solver: Annotated[str, (AUTO, SGD, NEWTON, BOUND)] = AUTO
    max_iter: Annotated[int, "[1, inf)"] | None = None
    batch_size: Annotated[int, "[1, inf)"] | None = None
    learning_rate: Annotated[str, (CONSTANT, INVERSE, COSINE)] = COSINE
    eta0: Annotated[float, "(0, 100]"] | None = None
    power_t: Annotated[float, "[0, inf)"] = 0.5
    momentum: Annotated[float, "[0, 1)"] = 0.9
    early_stopping: bool = False
    validation_fraction: Annotated[float, "(0, 1)"] = 0.1
    n_iter_no_change: Annotated[int, "[1, inf)"] = 5
    tol: Annotated[float, "[0, inf)"] = 1e-4
    losses: bool = False
    inference: bool = False
    standardize: bool = True
    random_state: Seed = 0

    def __post_init__(self) -> None:
        name, has_bound = type(self).__name__, self.family.bound is not None
        require(self.solver != BOUND or has_bound, f"{name} has no bound for its weights", 'solver="newton"')
        can_infer = has_bound and self.fit_intercept
        require(not self.inference or can_infer, f"{name} has no inference as it is", INFERENCE)

    @property
    @abstractmethod
    def family(self) -> Family:
        """The label's distribution."""

    @abstractmethod
    def penalty_for(self, rows: float) -> float:
        """L2, for a loss summed over `rows` rows."""

    def solver_for(self, width: int) -> str:
        """What ``auto`` means for so many columns."""
        if self.solver != AUTO:
            return self.solver
        return NEWTON if width <= SMALL else SGD


INFERENCE: Final = "it is for linear and logistic regression with an intercept"

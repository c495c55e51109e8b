"""The seam between the program and a silo's own machines.

An executor runs Python functions on values that this party owns. It never sees another party: values
that come from elsewhere enter through `promise`. Three stand behind this page: `debug`
(synchronous, in the calling thread), `embedded` (a thread pool), `ray` (a Ray cluster).
The conformance suite in `tests/conformance` runs over all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from junto.tree import Placeholder


class Ref(Placeholder, ABC):
    """A value of this silo that is there, or will be. Thread-safe.

    `instant` says whether `value` returns without input or output once the value is done.
    """

    instant: ClassVar[bool] = True

    @abstractmethod
    def done(self) -> bool:
        """Whether the value or its error is there."""

    @abstractmethod
    def add_done_callback(self, callback: Callable[[Ref], None]) -> None:
        """Call `callback(self)` once done: at once if it is, else from any thread. It must not block."""

    @abstractmethod
    def error(self) -> BaseException | None:
        """The error in place of the value, or None. Only when `done`."""

    @abstractmethod
    def value(self) -> Any:
        """The value, brought into this process (raises `error()`). Only when `done`."""


class Promise(Ref):
    """A `Ref` that its creator fulfils, once."""

    @abstractmethod
    def set_value(self, value: Any) -> None:
        """Fulfil with a value of this process."""

    @abstractmethod
    def set_error(self, error: BaseException) -> None:
        """Fulfil with an error."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What one call asks of the executor. The embedded one runs everything in this process.

    Attributes:
        num_cpus, num_gpus: logical processors, as Ray counts them (None: Ray's default).
        resources: custom Ray resources by name.
        runtime_env: Ray's runtime environment.
        max_concurrency: concurrent calls of one actor.
    """

    num_cpus: float | None = None
    num_gpus: float | None = None
    resources: Mapping[str, float] = field(default_factory=dict)
    runtime_env: Mapping[str, Any] | None = None
    max_concurrency: int = 1

    @property
    def for_cluster(self) -> bool:
        """Whether anything is asked that only a cluster can give."""
        return bool(self.num_cpus or self.num_gpus or self.resources or self.runtime_env)


@dataclass(frozen=True, slots=True)
class TaskCall:
    """One call.

    Attributes:
        function: what to run. For actor calls: the method's name.
        args, kwargs: trees (`junto.tree`) whose leaves are plain values or `Ref`s of this executor.
        num_returns: None for one value; n for a tuple or list of exactly n values.
        name: for logs and Ray's dashboard.
        explain: turns what the function itself raised into the error its outputs carry. An error
            that an argument carries already is passed on unchanged, and the function does not run.
        resources: see `Resources`.
    """

    function: Callable[..., Any] | str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    num_returns: int | None
    name: str
    explain: Callable[[BaseException], BaseException]
    resources: Resources = field(default_factory=Resources)


class Actor:
    """A stateful object inside the silo; its calls run in the order of submission."""


class Executor(ABC):
    """Runs calls inside one silo (in single-driver modes: for one party)."""

    @abstractmethod
    def submit(self, call: TaskCall) -> tuple[Ref, ...]:
        """Start `call` as soon as its arguments are there; returns at once. One Ref, or num_returns."""

    @abstractmethod
    def create_actor(self, call: TaskCall) -> Actor:
        """Make an instance: `call.function` is the class."""

    @abstractmethod
    def call_actor(self, actor: Actor, call: TaskCall) -> tuple[Ref, ...]:
        """Call the method named `call.function`. If the instance could not be made, that error."""

    @abstractmethod
    def promise(self) -> Promise:
        """A value that arrives from elsewhere."""

    @abstractmethod
    def shutdown(self, *, cancel: bool) -> None:
        """End. `cancel`: do not wait for running calls. Idempotent."""

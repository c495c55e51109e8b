"""A Ray cluster of the silo's own: calls run in its processes, values stay in its object store.

A result goes from task to task as Ray's reference and comes here only when somebody asks for its value.
After its results every task returns a status (None), which Ray sends to the driver at once;
so completion is heard without a thread a call and without fetching the results.

Nothing is run twice (``max_retries=0``): a task that broke off may have had effects.

A task asks for one CPU unless the call or the session says otherwise (Ray's default), so as many run at
once as there are processors; ``num_cpus=0`` is for those that only wait. Objects hold none unless told to.
Calls are Ray tasks, not calls of worker actors kept for them: those are twice as fast (0.9 ms against 1.8),
but an actor takes its calls in order, so one that awaits its argument would hold up all behind it.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from junto.config.model import RaySettings
from junto.errors import ExecutorError, SessionError

try:
    import ray
except ImportError as _problem:
    raise ExecutorError(
        "an address of a Ray cluster is given, but Ray is not installed here", fix="pip install 'junto[ray]'"
    ) from _problem

from junto.execute import ray_task
from junto.execute.executor import Actor, Executor, Promise, Ref, TaskCall
from junto.execute.local import explained, foreign, over
from junto.execute.ray_connection import CONNECTION
from junto.execute.ray_errors import cluster_gone, not_taken
from junto.execute.ray_refs import RayPromise
from junto.execute.ray_watch import Watch
from junto.execute.ray_work import RayActor, RayTask
from junto.execute.slot import Slot, when_done
from junto.execute.thread_pool import ThreadPool
from junto.locks import Condition

log: logging.Logger = logging.getLogger("junto.execute")

TRACE_OF_LABEL = 0.0001


class RayExecutor(Executor):
    """Runs calls on a Ray cluster.

    Args:
        settings: the cluster, and what a task asks of it unless it says otherwise.
        resources_label: a custom resource that every machine of this party has, when one cluster stands
            for several parties; None: the whole cluster is the party's.
        namespace: Ray's namespace (None: one of its own).

    Several executors of one process share its connection.

    Raises:
        ExecutorError: Ray is not installed, the cluster cannot be reached (address, token, versions), this
            process is connected to another one, or no machine of it has `resources_label`.
    """

    def __init__(
        self, settings: RaySettings, resources_label: str | None = None, namespace: str | None = None
    ) -> None:
        self.clerk: ThreadPool = ThreadPool(1)
        self._settings = settings
        self._label = resources_label
        self._changed = Condition()
        self._open: set[RayTask] = set()
        self._actors: weakref.WeakSet[RayActor] = weakref.WeakSet()
        self._over = False
        self._lost: ExecutorError | None = None
        CONNECTION.enter(settings, namespace)
        try:
            self._totals: Mapping[str, float] = ray.cluster_resources()
            self._check_label()
        except BaseException:
            CONNECTION.leave(lambda last: None)
            raise
        self._run: Any = ray.remote(max_retries=0)(ray_task.run)
        self._instance: Any = ray.remote(max_restarts=0, max_task_retries=0)(ray_task.Instance)
        self._watch = Watch(settings.address, self._lose)

    def submit(self, call: TaskCall) -> tuple[Ref, ...]:
        work = self._begin(RayTask(self, call, partial(self._start, call)))
        missing = work.missing()
        work.prepare(deferred=bool(missing))
        if missing:
            when_done(missing, partial(self.clerk.run, work.place))
        else:
            work.place()
        return work.outputs

    def create_actor(self, call: TaskCall) -> Actor:
        concurrency = call.resources.max_concurrency
        try:
            self._check_lost()
            asked = self._asked(call, 0, None)  # Ray's default is 1 as soon as it has a label
            handle = self._instance.options(max_concurrency=concurrency, **asked).remote()
        except Exception as problem:
            refused = Slot()
            refused.set_error(explained(call, not_taken(problem, call.name)))
            return RayActor(self, None, concurrency, refused)
        actor = RayActor(self, handle, concurrency)
        self._actors.add(actor)
        work = self._begin(RayTask(self, call, handle.make.options(**_frame(call)).remote))
        actor.enqueue(work)
        (actor.made,) = work.outputs
        return actor

    def call_actor(self, actor: Actor, call: TaskCall) -> tuple[Ref, ...]:
        if not isinstance(actor, RayActor) or actor.owner is not self:
            raise foreign()
        work = self._begin(RayTask(self, call, partial(self._invoke, actor, call), actor))
        actor.enqueue(work)
        return work.outputs

    def promise(self) -> Promise:
        return RayPromise()

    def shutdown(self, *, cancel: bool) -> None:
        """End; every value that is not there by then gets an error.

        Nothing of ours stays in the cluster: tasks that run are ended with their process, actors too.
        """
        with self._changed:
            if self._over:
                return
            self._over = True
        if not cancel:
            self._drain()
        self._watch.stop()
        CONNECTION.leave(self._withdraw)
        self.clerk.close()
        for work in tuple(self._open):
            work.settle(over())

    def is_open(self, work: RayTask) -> bool:
        """See `Register`."""
        return work in self._open

    def close(self, work: RayTask) -> bool:
        """See `Register`."""
        with self._changed:
            if work not in self._open:
                return False
            self._open.remove(work)
            self._changed.notify_all()
            return True

    def _start(self, call: TaskCall, *job: Any) -> list[Any]:
        self._check_lost()
        asked = self._asked(call, self._settings.num_cpus, self._settings.num_gpus)
        started: list[Any] = self._run.options(**_frame(call), **asked).remote(*job)
        return started

    def _invoke(self, actor: RayActor, call: TaskCall, *job: Any) -> list[Any]:
        self._check_lost()
        started: list[Any] = actor.handle.call.options(**_frame(call)).remote(*job)
        return started

    def _begin(self, work: RayTask) -> RayTask:
        with self._changed:
            if self._over:
                raise SessionError("the executor was shut down", fix="start again with sf.init")
            self._open.add(work)
        return work

    def _drain(self) -> None:
        """Wait for what runs. What awaits a promise is not waited for: nobody would fulfil it now."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not self._running())
            self.clerk.drain()  # may hand over calls that waited for the ones that ran
            if not self._running():
                return

    def _running(self) -> list[RayTask]:
        return [work for work in tuple(self._open) if work.status is not None]

    def _lose(self) -> None:
        self._lost = cluster_gone(self._settings.address)
        for work in tuple(self._open):
            if work.outputs:  # else `_check_lost` will stop it
                self.clerk.run(partial(work.settle, self._lost))

    def _check_lost(self) -> None:
        if self._lost is not None:
            raise self._lost

    def _withdraw(self, last: bool) -> None:
        if self._lost is not None:
            return  # nobody is there to be told
        for actor in tuple(self._actors):
            with suppress(Exception):
                ray.kill(actor.handle, no_restart=True)
        if last:
            return  # Ray ends all tasks of a driver that leaves
        for work in self._running():
            with suppress(Exception):  # tasks of an actor cannot be forced, and need not be
                ray.cancel(work.status, force=True)

    def _asked(self, call: TaskCall, num_cpus: float | None, num_gpus: float | None) -> dict[str, Any]:
        """Ray's options for `call`; what it leaves open is `num_cpus` and `num_gpus`, or Ray's default."""
        asked = call.resources
        resources = dict(asked.resources)
        if self._label is not None:
            resources.setdefault(self._label, TRACE_OF_LABEL)
        cpus = num_cpus if asked.num_cpus is None else asked.num_cpus
        gpus = num_gpus if asked.num_gpus is None else asked.num_gpus
        self._warn_if_too_much(call.name, {"CPU": cpus or 0, "GPU": gpus or 0, **resources})
        options = {
            "num_cpus": cpus,
            "num_gpus": gpus,
            "resources": resources or None,
            "runtime_env": dict(asked.runtime_env) if asked.runtime_env is not None else None,
        }
        return {key: value for key, value in options.items() if value is not None}

    def _warn_if_too_much(self, name: str, wanted: Mapping[str, float]) -> None:
        # Not an error: clusters grow. But Ray would let the call wait without a word.
        def excess() -> list[str]:
            return [key for key, amount in wanted.items() if amount > self._totals.get(key, 0)]

        if excess():
            self._totals = ray.cluster_resources()
        for key in excess():
            log.warning(
                "%s asks for %s %g, but all of the Ray cluster at %s has %g: it waits until there is more",
                *(name, key, wanted[key], self._settings.address, self._totals.get(key, 0)),
            )

    def _check_label(self) -> None:
        label, address = self._label, self._settings.address
        if label is None or label in self._totals:
            return
        raise ExecutorError(
            f"no machine of the Ray cluster at {address} has the resource {label!r}, which marks those of "
            f"party {label}",
            fix=f"start them with: ray start ... --resources='{{\"{label}\": 1}}'",
        )


def _frame(call: TaskCall) -> dict[str, Any]:
    """Results and status, and what Ray's dashboard shows."""
    return {"num_returns": 1 + (call.num_returns or 1), "name": call.name}

"""Threads that are started on demand and do not keep the interpreter from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

from junto.locks import Condition

Job = Callable[[], None]


class ThreadPool:
    """Runs jobs in the order they come, at most `workers` at a time.

    `concurrent.futures.ThreadPoolExecutor` would be joined when the interpreter ends, so a task that
    never returns would keep a script from ending.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._lock = Condition()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()  # a worker that waits here needs no lock to go on
        self._threads = 0
        self._undone = 0  # jobs that wait or run
        self._closed = False

    def run(self, job: Job) -> None:
        """Queue `job`, which must not raise. A pool that is closed forgets it.

        Raises:
            RuntimeError: there is no thread, and the system gives none.
        """
        with self._lock:
            if self._closed:
                return
            if self._threads < self._workers and self._threads <= self._undone:
                self._start()
            self._undone += 1
            self._jobs.put(job)

    def drain(self) -> None:
        """Block until no job runs or is queued. Not from within a job."""
        with self._lock:
            self._lock.wait_for(lambda: not self._undone)

    def close(self) -> None:
        """Forget the jobs that have not begun; the threads end with their present job."""
        with self._lock:
            self._closed = True
            with suppress(Empty):
                while True:
                    self._jobs.get_nowait()
                    self._undone -= 1
            for _ in range(self._threads):
                self._jobs.put(None)
            self._lock.notify_all()

    def _start(self) -> None:
        try:
            threading.Thread(target=self._loop, name="junto-worker", daemon=True).start()
        except RuntimeError:
            if not self._threads:  # else those that there are will come to it
                raise
        else:
            self._threads += 1

    def _loop(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # what it held must not outlive it while we wait
            with self._lock:
                self._undone -= 1
                if not self._undone:
                    self._lock.notify_all()

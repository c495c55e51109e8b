"""Threads that are started on demand and do not keep the interpreter from ending."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

Job = Callable[[], None]


class ThreadPool:
    """Runs jobs in the order they come, at most `workers` at a time.

    `concurrent.futures.ThreadPoolExecutor` would be joined when the interpreter ends, so a task that
    never returns would keep a script from ending.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._rest = threading.Condition(self._lock)
        self._jobs: deque[Job] = deque()
        self._threads = 0
        self._idle = 0
        self._closed = False

    def run(self, job: Job) -> None:
        """Queue `job`, which must not raise. A pool that is closed forgets it.

        Raises:
            RuntimeError: there is no thread, and the system gives none.
        """
        with self._lock:
            if self._closed:
                return
            self._jobs.append(job)
            if self._idle >= len(self._jobs):
                self._work.notify()
                return
            start = self._threads < self._workers
            self._threads += start
        if start:
            self._start(job)

    def drain(self) -> None:
        """Block until no job runs or is queued. Not from within a job."""
        with self._lock:
            while self._jobs or self._idle < self._threads:
                self._rest.wait()

    def close(self) -> None:
        """Forget the jobs that have not begun; the threads end with their present job."""
        with self._lock:
            self._closed = True
            self._jobs.clear()
            self._work.notify_all()

    def _start(self, job: Job) -> None:
        try:
            threading.Thread(target=self._loop, name="junto-worker", daemon=True).start()
        except RuntimeError:
            with self._lock:
                self._threads -= 1
                if self._threads:  # they will come to it
                    return
                self._jobs.remove(job)
            raise

    def _loop(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
                if self._idle == self._threads and not self._jobs:
                    self._rest.notify_all()
                while not self._jobs and not self._closed:
                    self._work.wait()
                self._idle -= 1
                if self._closed:
                    self._threads -= 1
                    return
                job = self._jobs.popleft()
            job()
            del job  # what it held must not outlive it while we wait

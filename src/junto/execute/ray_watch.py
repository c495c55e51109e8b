"""Notices that a Ray cluster is gone before Ray draws its own conclusion.

A driver that has not reached its cluster's head for a minute is ended by Ray, as a process and without
an exception: no `finally`, no word to the other parties. Until then a call that is handed over stays
silent. So this asks the head's port now and then, and says so while there is time to end in order.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from junto.execute.ray_reachability import head_listens
from junto.locks import Event

log: logging.Logger = logging.getLogger("junto.execute")

PAUSE_S = 2.0
GONE_AFTER_S = 20.0
"""A head that is restarted, as fault-tolerant ones are, has this long. Ray would end us after 60."""


class Watch:
    """Asks until `stop`, in a thread of its own.

    Args:
        address: the head's ``host:port``.
        gone: called once, when nobody has listened there for `GONE_AFTER_S`.
    """

    def __init__(self, address: str, gone: Callable[[], None]) -> None:
        self._address = address
        self._gone = gone
        self._over = Event()
        threading.Thread(target=self._run, name="junto-ray-watch", daemon=True).start()

    def stop(self) -> None:
        """Ask no more."""
        self._over.set()

    def _run(self) -> None:
        silent_since: float | None = None
        while not self._over.wait(PAUSE_S):
            if head_listens(self._address, PAUSE_S):
                silent_since = None
            elif silent_since is None:
                silent_since = time.monotonic()
                log.warning("the head of the Ray cluster at %s does not answer", self._address)
            elif time.monotonic() - silent_since > GONE_AFTER_S:
                self._gone()
                return

"""Kernels in C for what numpy is slow at. Each has a twin in numpy that gives the same, word for word.

    kernels.py   the page in front: checks every array, then calls
    library.py   finds the compiled library, judges it, loads it
    compiling.py compiles it
    threads.py   shares large work out
    pool.py      memory of large arrays that is used again
    c/           the kernels

There need not be a library: whoever uses a kernel asks `kernels()` and computes in numpy where that is None.
Three variables of the environment set what is used:

* `JUNTO_KERNELS`: `numpy` leaves the library out; `compiled` refuses to go on without it.
* `JUNTO_THREADS`: how many threads one large operation may use; as many as there are cores if it is not set.
* `JUNTO_POOL_MB`: how much freed memory a process keeps for its next arrays; 256 if it is not set.
"""

from __future__ import annotations

from junto.native.kernels import Kernels, SeedTree, kernels
from junto.native.library import status
from junto.native.ring_kernels import MaskedNumbers

__all__ = ["Kernels", "MaskedNumbers", "SeedTree", "kernels", "status"]

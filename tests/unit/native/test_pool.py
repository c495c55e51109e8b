"""Memory that is used again is only where it was asked for, has the right size, and has a bound."""

from __future__ import annotations

import ctypes
import os
import threading

import numpy as np
import pytest

from junto.errors import ConfigError
from junto.native import kernels, pool
from junto.native.library import loaded

WORDS = 1 << 17
LIMIT = 10**8

pytestmark = pytest.mark.skipif(kernels() is None, reason="numpy computes")


@pytest.fixture(autouse=True)
def empty():
    made = pool._pool()
    if made is None:
        pytest.skip("this process keeps no memory")
    made.keep(0)
    made.keep(LIMIT)
    yield made
    made.keep(pool.kept())


def handler() -> str:
    return np._core._multiarray_umath.get_handler_name()


def test_a_large_array_comes_where_the_last_one_was_and_a_small_one_does_not(empty):
    with pool.pooled():
        first = np.ones(WORDS)
        place = first.ctypes.data
        del first
        assert empty.keep(LIMIT) == 8 * WORDS
        second = np.empty(WORDS - WORDS // 8)
        assert second.ctypes.data == place
        assert place % 64 == 0
        assert empty.keep(LIMIT) == 0
        del second
        much_smaller = np.empty(WORDS // 2)
        assert much_smaller.ctypes.data != place
        small = np.ones(100)
        del small
        assert empty.keep(LIMIT) == 8 * WORDS


@pytest.mark.parametrize("more", [1, 8])
def test_a_block_is_not_given_for_an_array_that_is_larger_than_it(empty, more):
    with pool.pooled():
        np.ones(WORDS)
        larger = np.empty(WORDS + more)
        assert larger.size > WORDS
        assert empty.keep(LIMIT) == 8 * WORDS


def test_so_many_blocks_are_kept_as_there_are_places_for(empty):
    """Of pages that nobody writes in the system gives none."""
    least = (1 << 19) // 8
    empty.keep(10**9)
    with pool.pooled():
        arrays = [np.empty(least) for _ in range(300)]
        places = [array.ctypes.data for array in arrays]
        while arrays:
            arrays.pop(0)
        assert empty.keep(10**9) == 256 * 8 * least
        again = [np.empty(least) for _ in range(300)]
        assert [array.ctypes.data for array in again[:256]] == places[:-257:-1]
        assert len({array.ctypes.data for array in again}) == 300


def test_more_zeros_than_a_number_of_bytes_can_say_are_refused():
    calloc = loaded().library.pool_calloc
    calloc.argtypes, calloc.restype = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t], ctypes.c_void_p
    assert calloc(None, 1 << 33, 1 << 33) is None


def test_zeros_are_zero_and_an_array_that_grows_keeps_its_numbers():
    with pool.pooled():
        np.full(WORDS, 7.0)  # its memory is there again at once
        assert not np.zeros(WORDS).any()
        for length in (3, WORDS):
            grown = np.arange(length)
            grown.resize(3 * WORDS, refcheck=False)
            assert (grown[:length] == np.arange(length)).all()
            assert not grown[length:].any()
            grown.resize(2, refcheck=False)
            assert grown.tolist() == [0, 1]


@pytest.mark.parametrize("length", [2 * WORDS, WORDS // 16])
def test_an_array_that_changes_its_size_gives_its_memory_back(empty, length):
    with pool.pooled():
        array = np.ones(WORDS)
        array.resize(length, refcheck=False)
        assert empty.keep(LIMIT) == 8 * WORDS


def test_what_is_kept_has_a_bound_and_the_oldest_goes_first(empty):
    empty.keep(3 * 8 * WORDS)
    with pool.pooled():
        arrays = [np.ones(WORDS) for _ in range(5)]
        places = [array.ctypes.data for array in arrays]
        while arrays:
            arrays.pop(0)
            assert empty.keep(3 * 8 * WORDS) <= 3 * 8 * WORDS
        again = [np.empty(WORDS) for _ in range(3)]
        assert [array.ctypes.data for array in again] == places[:1:-1]
        beyond = np.empty(4 * WORDS)
        assert beyond.nbytes > 3 * 8 * WORDS
        del beyond
        assert empty.keep(3 * 8 * WORDS) == 0


def test_nobody_else_has_any_of_it(empty):
    outside = []
    with pool.pooled():
        thread = threading.Thread(target=lambda: outside.append(handler()))
        thread.start()
        thread.join()
        inside = np.ones(WORDS)
        assert handler() == "junto"
        with pytest.raises(KeyError), pool.pooled():
            raise KeyError
        assert handler() == "junto"
    assert [*outside, handler()] == ["default_allocator"] * 2
    apart = np.ones(WORDS)
    del apart
    assert empty.keep(LIMIT) == 0
    del inside  # and it goes back, whoever drops it
    assert empty.keep(LIMIT) == 8 * WORDS


def test_threads_at_the_same_time_get_apart_what_they_write():
    wrong = []

    def work(number: int) -> None:
        with pool.pooled():
            for turn in range(200):
                arrays = [np.full(WORDS // 2 + 997 * (turn % 3), number * 1000 + i) for i in range(3)]
                if any((array != number * 1000 + i).any() for i, array in enumerate(arrays)):
                    wrong.append(turn)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
@pytest.mark.filterwarnings("ignore:os.fork")  # of jax, if another test has imported it: the child uses none
def test_a_forked_process_goes_on_without_waiting():
    with pool.pooled():
        held = np.ones(WORDS)
        child = os.fork()
        if not child:
            code = 1
            try:
                del held
                code = int(np.ones(WORDS).sum() != WORDS)
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize(("said", "octets"), [("", pool.KEPT * 10**6), ("0", 0), ("7", 7 * 10**6)])
def test_the_setting_is_in_mb(monkeypatch, said, octets):
    monkeypatch.setenv(pool.VARIABLE, said)
    assert pool.kept() == octets


def test_a_setting_that_is_no_number_is_refused(monkeypatch):
    monkeypatch.setenv(pool.VARIABLE, "much")
    with pytest.raises(ConfigError, match="JUNTO_POOL_MB is 'much'"):
        pool.kept()

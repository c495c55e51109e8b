"""Jobs run in the order they come, no more at a time than there are workers, and none after the end."""

import threading

import pytest

from junto.execute.thread_pool import ThreadPool


def test_one_worker_keeps_the_order_and_drain_waits_for_all():
    pool, seen = ThreadPool(1), []
    for number in range(50):
        pool.run(lambda number=number: seen.append(number))
    pool.drain()
    assert seen == list(range(50))
    pool.close()


def test_no_more_than_the_workers_run_at_a_time_and_all_of_them_do():
    pool, lock, running, most = ThreadPool(3), threading.Lock(), set(), []
    together = threading.Barrier(3, timeout=20)  # passes only if three run at a time

    def job():
        with lock:
            running.add(threading.get_ident())
            most.append(len(running))
        together.wait()
        with lock:
            running.discard(threading.get_ident())

    for _ in range(9):
        pool.run(job)
    pool.drain()
    assert max(most) == 3
    assert len(most) == 9
    pool.close()


def test_what_has_not_begun_at_the_end_is_forgotten():
    pool, seen, begun, go_on = ThreadPool(1), [], threading.Event(), threading.Event()

    def first():
        begun.set()
        go_on.wait(20)
        seen.append("first")

    pool.run(first)
    assert begun.wait(20)
    pool.run(lambda: seen.append("second"))
    pool.close()
    pool.run(lambda: seen.append("third"))
    go_on.set()
    pool.drain()
    assert seen == ["first"]


def test_a_system_without_threads_is_told_to_the_first_job(monkeypatch):
    pool = ThreadPool(2)

    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError):
        pool.run(lambda: None)
    pool.drain()


def test_a_worker_begins_without_the_lock_of_who_queues():
    pool, begun = ThreadPool(1), threading.Event()
    pool.run(lambda: None)
    pool.drain()
    with pool._lock:  # `run` holds it while it queues
        pool.run(begun.set)
        assert begun.wait(20)
    pool.close()


def test_the_threads_of_a_closed_pool_end():
    pool, threads = ThreadPool(2), []
    both = threading.Barrier(3, timeout=20)
    for _ in range(2):
        pool.run(lambda: (threads.append(threading.current_thread()), both.wait()))
    both.wait()
    pool.close()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()

"""What every executor does, whatever stands behind it."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
import types
import weakref
from typing import NamedTuple

import numpy as np
import pytest

from junto.config.model import RaySettings
from junto.errors import ExecutorError, SessionError
from junto.execute.debug import DebugExecutor
from junto.execute.embedded import EmbeddedExecutor
from junto.execute.executor import Resources, TaskCall
from junto.execute.results import UnfitResult

LONG_S = 30.0


class Explained(Exception):
    """What `explain` makes of an error."""


def explain(error):
    made = Explained(type(error).__name__)
    made.__cause__ = error
    return made


def call(function, *args, num_returns=None, concurrency=1, **kwargs):
    name = function if isinstance(function, str) else function.__name__
    return TaskCall(
        function, args, kwargs, num_returns, name, explain, Resources(max_concurrency=concurrency)
    )


def settled(*refs, timeout=LONG_S):
    """Wait until all are done."""
    gone = threading.Semaphore(0)
    for ref in refs:
        ref.add_done_callback(lambda _: gone.release())
    for _ in refs:
        assert gone.acquire(timeout=timeout), "not done in time"
    assert all(ref.done() for ref in refs)
    return refs


def value(ref):
    settled(ref)
    return ref.value()


def error(ref):
    settled(ref)
    return ref.error()


def eventually(condition, timeout=LONG_S):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def connected(ray_cluster):
    """Holds the connection, so that each test's executor joins it (and none closes it for another)."""
    import ray.cloudpickle

    from junto.execute.ray_executor import RayExecutor

    holder = RayExecutor(RaySettings(ray_cluster, log_to_driver=False))
    # The workers cannot import this file.
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield lambda label=None: RayExecutor(RaySettings(ray_cluster, log_to_driver=False), label)
    holder.shutdown(cancel=True)


@pytest.fixture(params=["debug", "embedded", pytest.param("ray", marks=pytest.mark.ray)])
def kind(request):
    return request.param


@pytest.fixture
def executor(kind, request):
    if kind == "ray":
        made = request.getfixturevalue("connected")()
    else:
        made = DebugExecutor() if kind == "debug" else EmbeddedExecutor(2)
    yield made
    made.shutdown(cancel=True)


@pytest.fixture(params=["embedded", pytest.param("ray", marks=pytest.mark.ray)])
def parallel(request):
    """Those that run calls while the script goes on."""
    made = EmbeddedExecutor(4) if request.param == "embedded" else request.getfixturevalue("connected")()
    yield made
    made.shutdown(cancel=True)


def add(a, b):
    return a + b


def fail(*_):
    raise ValueError("no")


def never(*_):
    raise AssertionError("must not run")


class Point(NamedTuple):
    x: object
    y: object


class Log:
    def __init__(self, *first):
        self.lines = list(first)

    def add(self, line):
        self.lines.append(line)
        return list(self.lines)

    def both(self):
        return self.lines[0], self.lines[-1]

    def fail(self):
        raise KeyError("inside")


class Unmade:
    def __init__(self, *_):
        raise OSError("no disk")

    def anything(self):
        return 1


# Values.


def test_a_call_takes_plain_arguments_and_keywords(executor):
    (ref,) = executor.submit(call(add, 2, b=3))
    assert value(ref) == 5
    assert ref.error() is None


def test_results_are_arguments_wherever_they_sit_in_a_tree(executor):
    (one,) = executor.submit(call(add, 1, 0))
    (two,) = executor.submit(call(add, one, b=one))

    def look(tree, *, point):
        return tree["k"][1] * 100 + tree["t"][0] * 10 + point.y + len(tree["rest"]), type(point).__name__

    (ref,) = executor.submit(
        call(look, {"k": [0, two], "t": (one,), "rest": [0] * 3}, point=Point(None, two))
    )
    assert value(ref) == (2 * 100 + 10 + 2 + 3, "Point")


def test_several_results(executor):
    first, second, third = executor.submit(call(lambda: (1, "b", None), num_returns=3))
    assert [value(first), value(second), value(third)] == [1, "b", None]
    (only,) = executor.submit(call(lambda: [7], num_returns=1))
    assert value(only) == 7


@pytest.mark.parametrize(("returned", "got"), [((1, 2), "returned 2 values"), (1, "returned one int")])
def test_another_number_of_results_is_an_error_that_says_so(executor, returned, got):
    refs = executor.submit(call(lambda: returned, num_returns=3))
    for ref in refs:
        assert isinstance(error(ref), Explained)
        assert type(error(ref).__cause__) is UnfitResult  # also from a worker of Ray: `program.failure` asks
        assert "3 values" in str(error(ref).__cause__)
        assert got in str(error(ref).__cause__)


def test_callbacks_come_once_before_and_after_completion(executor):
    promise = executor.promise()
    heard = []
    promise.add_done_callback(heard.append)
    assert heard == []
    promise.set_value(1)
    promise.add_done_callback(heard.append)
    assert heard == [promise, promise]


def test_a_value_may_be_asked_for_within_a_callback(executor):
    (ref,) = executor.submit(call(add, [1], [2]))
    heard = []
    there = threading.Event()
    ref.add_done_callback(lambda done: (heard.append(done.value()), there.set()))
    assert there.wait(LONG_S)
    assert heard == [[1, 2]]


def test_nothing_can_be_asked_before_it_is_there(executor):
    promise = executor.promise()
    assert not promise.done()
    for ask in (promise.value, promise.error):
        with pytest.raises(SessionError, match="not there yet"):
            ask()


# Errors.


def test_what_a_function_raised_is_explained(executor):
    (ref,) = executor.submit(call(fail))
    assert isinstance(error(ref), Explained)
    cause = error(ref).__cause__
    assert type(cause) is ValueError
    assert cause.args == ("no",)
    with pytest.raises(Explained):
        ref.value()


def test_an_argument_s_error_passes_unchanged_and_the_function_does_not_run(executor):
    (bad,) = executor.submit(call(fail))
    (after,) = executor.submit(call(never, [1, {"k": bad}]))
    first, second = executor.submit(call(never, after, num_returns=2))
    assert error(second) is error(first) is error(after) is error(bad)


def test_the_error_of_a_promise_passes_unchanged(executor):
    promise = executor.promise()
    (after,) = executor.submit(call(never, promise))
    (later,) = executor.submit(call(never, after))
    problem = RuntimeError("from elsewhere")
    promise.set_error(problem)
    assert error(later) is error(after) is promise.error() is problem


@pytest.mark.parametrize("raised", [SystemExit(3), GeneratorExit()])
def test_an_exit_inside_a_task_is_that_task_s_error(executor, raised):
    def leave():
        raise raised

    (ref,) = executor.submit(call(leave))
    assert error(ref).args == (type(raised).__name__,)
    (ref,) = executor.submit(call(add, 1, 1))
    assert value(ref) == 2


def test_an_interrupt_inside_a_task_is_that_task_s_error(parallel):
    def interrupt():
        raise KeyboardInterrupt

    (ref,) = parallel.submit(call(interrupt))
    assert error(ref).args == ("KeyboardInterrupt",)


def test_an_interrupt_in_debug_mode_is_for_the_script():
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DebugExecutor().submit(call(interrupt))


def test_an_exception_that_cannot_be_copied_keeps_its_name(executor):
    class Odd(Exception):
        def __init__(self, a, b):
            super().__init__("odd")

    def raise_it():
        raise Odd(1, 2)

    (ref,) = executor.submit(call(raise_it))
    assert error(ref).args == ("Odd",)
    assert str(error(ref).__cause__) == "odd"


def test_an_error_in_explain_does_not_lose_the_result(executor):
    def bug(_):
        raise RuntimeError("bug in explain")

    (ref,) = executor.submit(TaskCall(fail, (), {}, None, "fail", bug))
    assert str(error(ref)) == "bug in explain"


def test_debug_keeps_the_traceback():
    (ref,) = DebugExecutor().submit(call(fail))
    trace = error(ref).__cause__.__traceback__
    names = []
    while trace is not None:
        names.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    assert names[-1] == "fail"


def test_debug_runs_in_the_calling_thread_before_submit_returns():
    (ref,) = DebugExecutor().submit(call(threading.get_ident))
    assert ref.done()
    assert ref.value() == threading.get_ident()


# Promises and order.


def test_a_call_awaits_its_promise(executor):
    promise = executor.promise()
    (ref,) = executor.submit(call(add, promise, 1))
    (after,) = executor.submit(call(add, ref, promise))
    assert not after.done()
    promise.set_value(20)
    assert value(after) == 41


def test_a_promise_is_kept_once(executor):
    promise = executor.promise()
    promise.set_value(1)
    with pytest.raises(SessionError, match="already"):
        promise.set_value(2)
    with pytest.raises(SessionError, match="already"):
        promise.set_error(ValueError())
    assert promise.value() == 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["debug", "embedded"], indirect=True)
def test_a_chain_of_twenty_thousand_calls(executor):
    promise = ref = executor.promise()
    for _ in range(20_000):
        (ref,) = executor.submit(call(add, ref, 1))
    promise.set_value(0)
    assert value(ref) == 20_000


@pytest.mark.parametrize("ending", ["value", "error"])
def test_a_chain_that_waits_for_a_promise(executor, ending):
    promise = ref = executor.promise()
    for _ in range(400):
        (ref,) = executor.submit(call(add, ref, 1))
    if ending == "value":
        promise.set_value(0)
        assert value(ref) == 400
    else:
        promise.set_error(OSError())
        assert error(ref) is promise.error()


def test_a_chain_whose_first_call_fails(executor):
    (first,) = executor.submit(call(fail))
    ref = first
    for _ in range(400):
        (ref,) = executor.submit(call(never, ref))
    assert error(ref) is first.error()


def test_calls_that_wait_do_not_keep_others_from_running(parallel):
    promise = parallel.promise()
    waiting = [parallel.submit(call(add, promise, i))[0] for i in range(50)]
    (free,) = parallel.submit(call(add, 1, 1))
    assert value(free) == 2
    promise.set_value(0)
    assert [value(ref) for ref in waiting] == list(range(50))


# Actors.


def test_an_actor_keeps_its_state_and_the_order_of_its_calls(executor):
    actor = executor.create_actor(call(Log, 0))
    refs = [executor.call_actor(actor, call("add", line))[0] for line in range(1, 20)]
    assert value(refs[-1]) == list(range(20))
    first, last = executor.call_actor(actor, call("both", num_returns=2))
    assert (value(first), value(last)) == (0, 19)


def test_an_actor_s_order_holds_when_an_early_call_awaits_its_argument(executor):
    promise = executor.promise()
    made = executor.promise()
    actor = executor.create_actor(call(Log, made))
    executor.call_actor(actor, call("add", promise))
    (last,) = executor.call_actor(actor, call("add", 2))
    assert not last.done()
    promise.set_value(1)
    made.set_value(0)
    assert value(last) == [0, 1, 2]


def test_a_constructor_that_fails_fails_all_calls_with_its_error(executor):
    actor = executor.create_actor(call(Unmade))
    refs = [executor.call_actor(actor, call("anything"))[0] for _ in range(3)]
    assert error(refs[0]).args == ("OSError",)
    assert error(refs[1]) is error(refs[0])
    (late,) = executor.call_actor(actor, call("anything"))
    assert error(late) is error(refs[0])


def test_a_constructor_s_argument_s_error_fails_all_calls(executor):
    promise = executor.promise()
    actor = executor.create_actor(call(Log, promise))
    (ref,) = executor.call_actor(actor, call("add", 1))
    promise.set_error(OSError("from elsewhere"))
    assert error(ref) is promise.error()


def test_a_method_s_failure_is_explained_and_the_actor_lives_on(executor):
    actor = executor.create_actor(call(Log))
    (bad,) = executor.call_actor(actor, call("fail"))
    (missing,) = executor.call_actor(actor, call("no_such_method"))
    (good,) = executor.call_actor(actor, call("add", 1))
    assert error(bad).args == ("KeyError",)
    assert error(missing).args == ("AttributeError",)
    assert value(good) == [1]


def test_an_actor_s_call_does_not_run_for_an_argument_s_error(executor):
    actor = executor.create_actor(call(Log))
    (bad,) = executor.submit(call(fail))
    (poisoned,) = executor.call_actor(actor, call("add", bad))
    (good,) = executor.call_actor(actor, call("add", 1))
    assert error(poisoned) is error(bad)
    assert value(good) == [1]


def test_one_call_of_an_actor_at_a_time(parallel):
    class Alone:
        def __init__(self):
            self.inside = 0

        def enter(self):
            import time

            self.inside += 1
            seen = self.inside
            time.sleep(0.005)
            self.inside -= 1
            return seen

    actor = parallel.create_actor(call(Alone))
    refs = [parallel.call_actor(actor, call("enter"))[0] for _ in range(10)]
    assert {value(ref) for ref in refs} == {1}


def test_concurrent_calls_of_an_actor_where_asked(parallel):
    class Meeting:
        def __init__(self):
            import threading

            self.barrier = threading.Barrier(2)

        def come(self):
            return self.barrier.wait(20)

    actor = parallel.create_actor(call(Meeting, concurrency=2))
    refs = [parallel.call_actor(actor, call("come"))[0] for _ in range(2)]
    assert {value(ref) for ref in refs} == {0, 1}


@pytest.mark.slow
@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("made", [True, False])
def test_twenty_thousand_calls_that_await_their_object(concurrency, made):
    executor = EmbeddedExecutor(4)
    promise = executor.promise()
    actor = executor.create_actor(call(Log if made else Unmade, promise, concurrency=concurrency))
    refs = [executor.call_actor(actor, call("both"))[0] for _ in range(20_000)]
    promise.set_value("first")
    settled(*refs)
    assert {ref.error() is None for ref in refs} == {made}
    executor.shutdown(cancel=False)


def test_an_actor_of_another_executor_is_refused(executor):
    actor = EmbeddedExecutor(1).create_actor(call(Log))
    with pytest.raises(ExecutorError, match="another executor"):
        executor.call_actor(actor, call("add", 1))


def test_plain_arguments_are_those_of_the_call_however_long_it_waits(parallel):
    class Look:
        def look(self, _, array):
            return array.tolist()

    promise, array = parallel.promise(), np.zeros(2)
    actor = parallel.create_actor(call(Look))
    (task,) = parallel.submit(call(lambda _, array: array.tolist(), promise, array))
    (method,) = parallel.call_actor(actor, call("look", promise, array))
    array += 1
    promise.set_value(None)
    assert value(task) == value(method) == [0, 0]


# Large values and memory.


def test_a_large_array_goes_through(executor):
    array = np.arange(1 << 20, dtype=np.int64)
    promise = executor.promise()
    promise.set_value(array)
    (doubled,) = executor.submit(call(lambda x: x * 2, promise))
    (total,) = executor.submit(call(lambda x, y: int(x.sum() - y.sum()), doubled, promise))
    assert value(total) == int(array.sum())
    assert np.array_equal(value(doubled), array * 2)


@pytest.mark.parametrize("kind", ["debug", "embedded"], indirect=True)
def test_values_of_this_process_are_passed_without_a_copy(executor):
    array = np.zeros(10)
    promise = executor.promise()
    promise.set_value(array)
    (same,) = executor.submit(call(lambda x: x, promise))
    assert np.shares_memory(value(same), array)


@pytest.mark.ray
def test_values_of_the_object_store_are_mapped_not_copied(connected):
    executor = connected()
    (ref,) = executor.submit(call(np.zeros, 1 << 20))
    one, two = value(ref), value(ref)
    assert not one.flags.owndata
    assert not one.flags.writeable
    assert one.__array_interface__["data"][0] == two.__array_interface__["data"][0]
    executor.shutdown(cancel=False)


@pytest.mark.ray
def test_a_promise_is_put_into_the_store_once_if_at_all(connected, monkeypatch):
    import ray

    puts = []
    put = ray.put
    monkeypatch.setattr(ray, "put", lambda item: (puts.append(type(item)), put(item))[1])
    executor = connected()
    small, large, unused = (executor.promise() for _ in range(3))
    for promise, item in ((small, [1, "a"]), (large, np.zeros(1 << 20)), (unused, np.zeros(1 << 20))):
        promise.set_value(item)
    refs = [executor.submit(call(lambda s, x: x.size, small, large))[0] for _ in range(3)]
    assert [value(ref) for ref in refs] == [1 << 20] * 3
    assert puts == [np.ndarray]
    executor.shutdown(cancel=False)


@pytest.mark.parametrize("kind", ["debug", "embedded"], indirect=True)
def test_a_value_lives_as_long_as_its_reference(executor):
    class Big:
        pass

    kept = []

    def make():
        big = Big()
        kept.append(weakref.ref(big))
        return big

    (ref,) = executor.submit(call(make))
    (after,) = executor.submit(call(lambda x: None, ref))
    settled(after)
    assert kept[0]() is not None
    del ref
    eventually(lambda: gc.collect() >= 0 and kept[0]() is None)


@pytest.mark.ray
def test_the_object_store_is_freed_with_the_references(connected):
    import ray

    executor = connected()
    free = lambda: ray.available_resources().get("object_store_memory", 0)  # noqa: E731
    before = free()
    (ref,) = executor.submit(call(np.zeros, 16 << 20))
    (after,) = executor.submit(call(len, ref))
    assert value(after) == 16 << 20
    # 128 MB; the margins are for what the workers of earlier tests still let go of meanwhile
    eventually(lambda: free() < before - (90 << 20))
    del ref
    eventually(lambda: free() > before - (30 << 20))
    executor.shutdown(cancel=False)


# The end.


def test_shutdown_waits_for_what_runs(parallel):
    def slow():
        import time

        time.sleep(0.2)
        return 1

    (ref,) = parallel.submit(call(slow))
    (after,) = parallel.submit(call(lambda x: x + 1, ref))
    never_kept = parallel.promise()
    (stuck,) = parallel.submit(call(add, never_kept, 1))
    parallel.shutdown(cancel=False)
    assert after.done()
    assert after.error() is None
    assert isinstance(error(stuck), SessionError)


def test_cancel_does_not_wait_and_leaves_nothing_undone(parallel, tmp_path):
    started = tmp_path / "started"

    def for_ever():
        import time

        started.touch()
        time.sleep(600)

    (ref,) = parallel.submit(call(for_ever))
    (after,) = parallel.submit(call(never, ref))
    actor = parallel.create_actor(call(Log))
    (mine,) = parallel.call_actor(actor, call("add", ref))
    eventually(started.exists)
    begun = time.monotonic()
    parallel.shutdown(cancel=True)
    assert time.monotonic() - begun < 5
    for one in (ref, after, mine):
        assert isinstance(error(one), SessionError)
    with pytest.raises(SessionError):
        parallel.submit(call(add, 1, 1))
    parallel.shutdown(cancel=True)


def test_what_a_cancelled_call_returns_later_is_dropped():
    executor = EmbeddedExecutor(1)
    started, go_on, ended = (threading.Event() for _ in range(3))

    class Result:
        def __del__(self):
            ended.set()

    def late():
        started.set()
        go_on.wait(LONG_S)
        return Result()

    (ref,) = executor.submit(call(late))
    (worker,) = [thread for thread in threading.enumerate() if thread.name == "junto-worker"][-1:]
    assert started.wait(LONG_S)
    executor.shutdown(cancel=True)
    go_on.set()
    worker.join(LONG_S)  # an exception in it would fail this test
    assert ended.wait(LONG_S)
    assert isinstance(error(ref), SessionError)


def test_cancelling_a_chain_does_not_recurse(parallel):
    promise = ref = parallel.promise()
    for _ in range(5000):
        (ref,) = parallel.submit(call(add, ref, 1))
    parallel.shutdown(cancel=True)
    assert isinstance(error(ref), SessionError)
    promise.set_value(0)  # too late, and no error


def test_a_task_that_never_ends_does_not_keep_the_interpreter():
    script = """
import threading
from junto.execute.executor import TaskCall
from junto.execute.embedded import EmbeddedExecutor
executor = EmbeddedExecutor(2)
started = threading.Event()
executor.submit(TaskCall(lambda: (started.set(), threading.Event().wait()), (), {}, None, "f", lambda e: e))
started.wait()
print("end")
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=240)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "end\n", "")


# What can go to other processes, and what cannot (Ray only).


@pytest.mark.ray
@pytest.mark.parametrize("count", [None, 2])
def test_a_result_that_cannot_be_pickled_is_the_call_s_failure(connected, count):
    def hold():
        import threading

        return threading.Lock() if count is None else (1, threading.Lock())

    executor = connected()
    refs = executor.submit(call(hold, num_returns=count))
    (after,) = executor.submit(call(never, refs[-1]))
    for ref in refs:
        assert "cannot pickle" in str(error(ref).__cause__)
    assert error(after) is error(refs[-1])
    executor.shutdown(cancel=False)


@pytest.mark.ray
@pytest.mark.parametrize("promised", [False, True])
def test_an_argument_that_cannot_be_pickled_is_said_without_its_contents(connected, promised):
    executor = connected()
    argument = ["secret 4711", threading.Lock(), *range(100)]
    if promised:
        promise = executor.promise()
        promise.set_value(argument)
        argument = promise
    cause = error(executor.submit(call(len, argument))[0]).__cause__
    assert isinstance(cause, ExecutorError)
    assert "len: an argument cannot be pickled" in str(cause)
    assert "4711" not in str(cause)
    executor.shutdown(cancel=False)


@pytest.mark.ray
def test_what_the_workers_cannot_import_is_named(connected, monkeypatch):
    module = types.ModuleType("only_the_driver_has_it")
    exec("def one(): return 1", module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    executor = connected()
    cause = error(executor.submit(call(module.one))[0]).__cause__
    assert isinstance(cause, ExecutorError)
    assert "No module named 'only_the_driver_has_it'" in cause.message
    executor.shutdown(cancel=False)


@pytest.mark.ray
def test_what_this_process_cannot_import_is_said(connected, tmp_path):
    (tmp_path / "only_the_worker_has_it.py").write_text("class Far(Exception): pass")

    def far(fails):
        import sys

        sys.path.append(str(tmp_path))
        import only_the_worker_has_it

        if fails:
            raise only_the_worker_has_it.Far
        return only_the_worker_has_it.Far()

    executor = connected()
    (bad,) = executor.submit(call(far, True))
    assert "an exception that cannot be unpickled in this process" in str(error(bad).__cause__)
    (good,) = executor.submit(call(far, False))
    with pytest.raises(ExecutorError, match="No module named 'only_the_worker_has_it'"):
        value(good)
    executor.shutdown(cancel=False)


@pytest.mark.ray
def test_options_that_ray_refuses_fail_the_call_not_the_script(connected):
    executor = connected()
    wrong = Resources(runtime_env={"working_dir": "/no/such/folder"})
    ask = lambda function: TaskCall(function, (), {}, None, "ask", explain, wrong)  # noqa: E731
    (task,) = executor.submit(ask(list))
    actor = executor.create_actor(ask(list))
    (method,) = executor.call_actor(actor, call("copy"))
    for ref in (task, method):
        assert isinstance(error(ref).__cause__, ExecutorError)
        assert "/no/such/folder" in str(error(ref).__cause__)
    executor.shutdown(cancel=False)


# Processes that die (Ray only: elsewhere a task that kills its process kills the driver).


@pytest.mark.ray
def test_a_task_that_kills_its_process_is_told_as_such(connected):
    def die():
        import os

        os._exit(3)

    executor = connected()
    (ref,) = executor.submit(call(die))
    (after,) = executor.submit(call(never, ref))
    assert isinstance(error(ref).__cause__, ExecutorError)
    assert "its worker process ended while it ran" in str(error(ref).__cause__)
    assert error(after) is error(ref)
    assert value(executor.submit(call(add, 1, 1))[0]) == 2
    executor.shutdown(cancel=False)


@pytest.mark.ray
def test_an_actor_whose_process_dies_fails_its_calls(connected):
    class Mortal:
        def die(self):
            import os

            os._exit(3)

        def live(self):
            return 1

    executor = connected()
    actor = executor.create_actor(call(Mortal))
    assert value(executor.call_actor(actor, call("live"))[0]) == 1
    for name in ("die", "live"):
        (ref,) = executor.call_actor(actor, call(name))
        assert "the process of its object has ended" in str(error(ref).__cause__)
    executor.shutdown(cancel=True)


@pytest.mark.ray
def test_a_failed_task_is_not_tried_again(connected, tmp_path):
    def once():
        import os
        import uuid

        (tmp_path / uuid.uuid4().hex).touch()
        os._exit(3)

    executor = connected()
    settled(*executor.submit(call(once)))
    executor.shutdown(cancel=False)
    assert len(list(tmp_path.iterdir())) == 1

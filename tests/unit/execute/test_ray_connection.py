"""How a process comes to a Ray cluster and leaves it, and what it is told when it cannot."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from junto.config.model import RaySettings
from junto.errors import ExecutorError
from junto.execute.executor import Resources, TaskCall
from parties import free_ports

LONG_S = 30.0


def call(function, *args, **resources):
    return TaskCall(function, args, {}, None, function.__name__, lambda error: error, Resources(**resources))


def value(ref):
    there = threading.Event()
    ref.add_done_callback(lambda _: there.set())
    assert there.wait(LONG_S)
    return ref.value()


def eventually(condition, timeout=LONG_S):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.02)


def run(script, *args, **environment):
    """A process of its own, because a process has one connection to Ray."""
    return subprocess.run(
        [sys.executable, "-c", PROLOGUE + script, *args],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )


PROLOGUE = """
import sys, time
from junto.config.model import RaySettings
from junto.errors import ExecutorError
from junto.execute.executor import TaskCall
def connect(address, *more):
    from junto.execute.ray_executor import RayExecutor
    return RayExecutor(RaySettings(address, log_to_driver=False), *more)
def refused(address, *more):
    begun = time.monotonic()
    try:
        connect(address, *more)
    except ExecutorError as error:
        print(error)
    assert time.monotonic() - begun < 15
def call(function, *args):
    return TaskCall(function, args, {}, None, "f", lambda error: error)
"""


@pytest.fixture
def connect(ray_cluster):
    from junto.execute.ray_executor import RayExecutor

    made = []

    def connect(label=None, **settings):
        made.append(RayExecutor(RaySettings(ray_cluster, log_to_driver=False, **settings), label))
        return made[-1]

    yield connect
    for executor in made:
        executor.shutdown(cancel=True)


# What can be wrong.


def test_ray_is_not_installed():
    ended = run("sys.modules['ray'] = None\nrefused('127.0.0.1:6379')")
    assert "J106" in ended.stdout, ended.stderr
    assert "pip install 'junto[ray]'" in ended.stdout


@pytest.mark.ray
def test_nobody_listens_at_the_address(ray_environment):
    (port,) = free_ports(1)
    ended = run("refused(sys.argv[1])", f"127.0.0.1:{port}")
    assert f"127.0.0.1:{port}" in ended.stdout, ended.stderr
    assert "ray start --head" in ended.stdout


@pytest.mark.ray
def test_a_token_that_the_cluster_does_not_want(ray_cluster, tmp_path):
    token = tmp_path / "token"
    token.write_text("0123456789abcdef" * 4)
    ended = run("refused(sys.argv[1])", ray_cluster, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=str(token))
    assert f"{ray_cluster}: it wants no token, but we would send one" in ended.stdout, ended.stderr
    assert "RAY_AUTH_MODE=disabled here" in ended.stdout


@pytest.mark.ray
@pytest.mark.slow
def test_a_cluster_with_tokens(tmp_path):
    from ray_clusters import driver_environment, ray_clusters

    token = tmp_path / "token"
    token.write_text("0123456789abcdef" * 4)
    token.chmod(0o600)
    with ray_clusters(["alice"], token_file=token, num_cpus=1) as addresses:
        address = addresses["alice"]
        right = run("connect(sys.argv[1]).shutdown(cancel=False)", address, **driver_environment(token))
        assert right.returncode == 0, right.stderr
        none = run("refused(sys.argv[1])", address, **driver_environment())
        assert "it wants a token, but we would send none" in none.stdout, none.stderr
        token.write_text("fedcba9876543210" * 4)
        other = run("refused(sys.argv[1])", address, **driver_environment(token))
        assert "it wants a token, but not the one we have" in other.stdout, other.stderr


@pytest.mark.ray
def test_a_party_s_label_is_missing(connect):
    with pytest.raises(ExecutorError, match="'dave'") as caught:
        connect("dave")
    assert """--resources='{"dave": 1}'""" in caught.value.fix
    assert value(connect("alice").submit(call(int, "3"))[0]) == 3


@pytest.mark.ray
def test_one_cluster_a_process(connect):
    from junto.execute.ray_executor import RayExecutor

    connect()
    with pytest.raises(ExecutorError, match="connected to the Ray cluster at"):
        RayExecutor(RaySettings("127.0.0.1:1"))


@pytest.mark.ray
def test_a_connection_of_the_script_s_own_is_joined_and_left_open(ray_cluster):
    ended = run(
        """
import ray
ray.init(sys.argv[1], log_to_driver=False, logging_level="error")
refused("127.0.0.1:1")
connect(sys.argv[1]).shutdown(cancel=False)
print(ray.get(ray.put("still there")))
""",
        ray_cluster,
    )
    assert "is connected to the Ray cluster at" in ended.stdout, ended.stderr
    assert "still there" in ended.stdout


@pytest.mark.ray
@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (RuntimeError("Version mismatch: The cluster was started with:\n  Ray: 2.50.0"), "other versions"),
        (ConnectionError("Failed to connect"), "h:1 answers, but does not let this process in"),
        (OSError("disk\n full"), "no connection to the Ray cluster at h:1: OSError: disk full"),
    ],
)
def test_what_ray_refuses_is_one_sentence(problem, text):
    from junto.execute.ray_connection import refused

    error = refused("h:1", problem)
    assert text in error.message
    assert "\n" not in error.message
    assert error.fix


# Several parties on one cluster.


@pytest.mark.ray
def test_executors_of_one_process_share_a_connection(connect):
    import ray

    alice, bob = connect("alice"), connect("bob")
    labels = lambda: sorted(ray.get_runtime_context().get_assigned_resources())  # noqa: E731
    assert "alice" in value(alice.submit(call(labels))[0])
    (ref,) = alice.submit(call(int, "7"))
    assert value(bob.submit(call(lambda x: x + 1, ref))[0]) == 8
    alice.shutdown(cancel=True)
    assert value(bob.submit(call(labels))[0]) == ["CPU", "bob"]
    bob.shutdown(cancel=False)
    assert not ray.is_initialized()


@pytest.mark.ray
def test_resources_of_a_call_reach_ray(connect):
    import ray

    def mine():
        return ray.get_runtime_context().get_assigned_resources(), os.environ.get("JUNTO_TEST_VARIABLE")

    executor = connect(num_cpus=0.25)
    default, _ = value(executor.submit(call(mine))[0])
    assert default == {"CPU": 0.25}
    asked, variable = value(
        executor.submit(
            call(
                mine,
                num_cpus=0.5,
                resources={"carol": 0.5},
                runtime_env={"env_vars": {"JUNTO_TEST_VARIABLE": "yes"}},
            )
        )[0]
    )
    assert asked == {"CPU": 0.5, "carol": 0.5}
    assert variable == "yes"


@pytest.mark.ray
@pytest.mark.parametrize("label", ["alice", None])
def test_objects_leave_the_processors_to_tasks(connect, label):
    import ray

    class Keeper:
        def resources(self):
            return ray.get_runtime_context().get_assigned_resources()

    executor = connect(label)
    keepers = [executor.create_actor(call(Keeper)) for _ in range(int(ray.cluster_resources()["CPU"]) + 1)]
    for keeper in keepers:
        asked = TaskCall("resources", (), {}, None, "resources", lambda error: error)
        assert "CPU" not in value(executor.call_actor(keeper, asked)[0])
    assert value(executor.submit(call(int, "7"))[0]) == 7


@pytest.mark.ray
def test_asking_for_more_than_there_is_is_said(connect, caplog):
    executor = connect()
    executor.submit(call(int, num_cpus=1000))
    assert "int asks for CPU 1000, but all of the Ray cluster at" in caplog.text


# The end.

BUSY = """
executor = connect(sys.argv[1])
def beat(path):
    while True:
        open(path, "a").write(".")
        time.sleep(0.02)
class Heart:
    def beat(self, path):
        beat(path)
refs = executor.submit(call(beat, sys.argv[2]))
heart = executor.create_actor(call(Heart))
executor.call_actor(heart, call("beat", sys.argv[3]))
try:
    while True:
        time.sleep(0.1)
except KeyboardInterrupt:
    executor.shutdown(cancel=True)
"""


@pytest.mark.ray
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_of_ours_runs_on_in_the_cluster(ray_cluster, tmp_path, how):
    beats = [tmp_path / "task", tmp_path / "actor"]
    driver = subprocess.Popen([sys.executable, "-c", PROLOGUE + BUSY, ray_cluster, *map(str, beats)])
    try:
        eventually(lambda: all(beat.exists() for beat in beats))
        driver.send_signal(how)
        assert driver.wait(LONG_S) == (0 if how is signal.SIGINT else -signal.SIGKILL)
    finally:
        driver.kill()
        driver.wait(LONG_S)

    def silent():
        before = [beat.stat().st_size for beat in beats]
        time.sleep(0.3)
        return before == [beat.stat().st_size for beat in beats]

    eventually(silent)


GONE = """
from junto.execute import ray_watch
ray_watch.PAUSE_S = ray_watch.GONE_AFTER_S = 0.5
import threading
def wait(ref):
    there = threading.Event()
    ref.add_done_callback(lambda _: there.set())
    assert there.wait(30)
    return ref.error()
executor = connect(sys.argv[1])
actor = executor.create_actor(call(list))
assert wait(actor.made) is None
(waiting,) = executor.submit(call(len, executor.promise()))
print("connected", flush=True)
assert sys.stdin.readline() == "it is gone\\n"
print(wait(waiting))
print(wait(executor.submit(call(len, [1]))[0]))
print(wait(executor.create_actor(call(list)).made))
print(wait(executor.call_actor(actor, call("copy"))[0]))
executor.shutdown(cancel=True)
print("in order")
"""


@pytest.mark.ray
@pytest.mark.slow
def test_a_cluster_that_goes_away_is_told_before_ray_ends_the_process(ray_environment):
    from ray_clusters import ray_clusters

    with ray_clusters(["alice"], num_cpus=1) as addresses:
        driver = subprocess.Popen(
            [sys.executable, "-c", PROLOGUE + GONE, addresses["alice"]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert driver.stdout is not None
        assert driver.stdout.readline() == "connected\n"
    try:
        said, _ = driver.communicate("it is gone\n", timeout=240)
    finally:
        driver.kill()
    assert said.count(f"the Ray cluster at {addresses['alice']} is gone") == 4
    assert said.endswith("in order\n")
    assert driver.returncode == 0


@pytest.mark.ray
def test_cancel_ends_the_tasks_of_one_of_several_executors(connect, tmp_path):
    def beat(path):
        import time

        while True:
            with path.open("a") as file:
                file.write(".")
            time.sleep(0.02)

    path = tmp_path / "beat"
    alice, bob = connect("alice"), connect("bob")
    alice.submit(call(beat, path))
    eventually(path.exists)
    alice.shutdown(cancel=True)

    def silent():
        before = path.stat().st_size
        time.sleep(0.3)
        return path.stat().st_size == before

    eventually(silent)
    assert value(bob.submit(call(int, "1"))[0]) == 1

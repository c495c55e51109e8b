"""What a script can say, and what it is told when it says it wrongly."""

import copy
import dataclasses
import functools
import pickle
import threading

import numpy as np
import pytest

import junto as sf


@pytest.fixture
def session():
    with sf.Session(["alice", "bob"], debug_mode=True) as opened:
        yield opened


@pytest.fixture
def alice(session):
    return sf.PYU("alice")


@pytest.fixture
def bob(session):
    return sf.PYU("bob")


def add(x, y=1):
    return x + y


def test_trees_of_handles_are_arguments(alice):
    one, two = alice(add)(0), alice(add)(1)
    total = alice(lambda tree: tree["a"] + sum(tree["b"]))({"a": one, "b": [two, 10]})
    assert sf.reveal(total) == 13


def test_a_value_elsewhere_is_refused_with_the_move_that_is_missing(alice, bob):
    with pytest.raises(sf.DeviceError, match=r"does not live there(.|\n)*x\.to\(PYU\('bob'\)\)"):
        bob(add)(alice(add)(1))


def test_a_move_there_and_back(alice, bob):
    x = alice(add)(1)
    assert sf.reveal(x.to(bob).to(alice)) == 2
    assert x.to(alice) is x
    assert x.to(bob) is x.to(bob)


def test_unknown_party(alice):
    with pytest.raises(sf.DeviceError, match="no party 'dave' in this job; its parties are alice, bob"):
        sf.PYU("dave")(add)(1)


def test_num_returns_by_argument_and_by_annotation(alice):
    def pair() -> tuple[int, int]:
        return 1, 2

    assert [sf.reveal(part) for part in alice(pair)()] == [1, 2]
    first, second = alice(lambda: (3, 4), num_returns=2)()
    assert sf.reveal([first, second]) == [3, 4]
    assert sf.reveal(alice(lambda: (5, 6))()) == (5, 6)
    with pytest.raises(sf.DeviceError, match="num_returns"):
        alice(pair, num_returns=0)


def test_a_wrong_number_of_results_is_the_operation_s_failure(alice):
    first, _ = alice(lambda: (1, 2, 3), num_returns=2)()
    with pytest.raises(sf.RemoteError, match="alice"):
        sf.reveal(first)


def test_reprs_say_device_owner_and_operation(alice):
    handle = alice(add)(1)
    assert repr(handle) == "<PYUObject at alice, operation 1 alice(add), done>"
    assert repr(alice) == "PYU('alice')"


COMPUTED = {
    "h + 1": lambda h: h + 1,
    "1 - h": lambda h: 1 - h,
    "an array by h": lambda h: np.ones(2) * h,
    "a sum": lambda h: sum([h, h]),
    "h == 1": lambda h: h == 1,
    "h != an array": lambda h: h != np.ones(2),
    "1 in [h]": lambda h: 1 in [h],
    "h < 2": lambda h: h < 2,
    "h[0]": lambda h: h[0],
    "float(h)": float,
    "len(h)": len,
    "-h": lambda h: -h,
}


@pytest.mark.parametrize("name", COMPUTED)
def test_a_handle_is_not_computed_with_where_its_value_is_not(alice, name):
    with pytest.raises(sf.DeviceError, match=r"cannot be computed with here: it lives at PYU\('alice'\)"):
        COMPUTED[name](alice(add)(1))


def test_handles_are_the_same_or_not(alice):
    one, other = alice(add)(1), alice(add)(1)
    assert one != other
    assert one in [None, "a", one]
    assert {one: 1}[one] == 1


def test_handles_have_no_truth_and_no_parts(alice):
    handle = alice(add)(1)
    with pytest.raises(sf.DeviceError, match="truth"):
        bool(handle)
    with pytest.raises(sf.DeviceError, match="num_returns=2"):
        _, _ = handle


@pytest.mark.parametrize("held", [lambda x: x, lambda x: [{"a": x}], lambda x: x.device, lambda x: x.session])
def test_what_a_script_holds_is_no_value_and_an_argument_is_the_way(alice, bob, held):
    handle = alice(add)(1)
    with pytest.raises(sf.RemoteError, match=r"belongs to the script(.|\n)*as an argument") as caught:
        sf.reveal(alice(lambda: held(handle))().to(bob))
    assert "wire_types" not in str(caught.value)
    with pytest.raises(sf.RemoteError, match="as an argument"):
        sf.reveal(alice(lambda: handle + 1)())


def test_what_the_script_gets_is_a_copy(alice):
    handle = alice(lambda: np.zeros(3))()
    sf.reveal(handle)[:] = 7
    assert sf.reveal(handle).tolist() == [0, 0, 0]


def test_what_another_party_gets_is_a_copy(alice, bob):
    def spoil(array):
        mine = array.copy()
        mine[:] = 7
        return mine

    handle = alice(lambda: np.zeros(3))()
    assert sf.reveal(bob(spoil)(handle.to(bob))).tolist() == [7, 7, 7]
    assert sf.reveal(handle).tolist() == [0, 0, 0]


def test_what_cannot_travel_fails_in_every_mode(alice, bob):
    class Own:
        pass

    made = alice(Own)()
    moved = made.to(bob)
    with pytest.raises(sf.RemoteError, match="CannotTravel") as caught:
        sf.reveal(bob(add)(moved))
    assert isinstance(caught.value.__cause__, sf.CannotTravel)
    assert caught.value.origin.text == "alice -> bob"


def test_a_failure_is_the_same_class_everywhere_and_keeps_its_cause_at_home(alice):
    with pytest.raises(sf.RemoteError) as caught:
        sf.reveal(alice(lambda: 1 / 0)())
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert caught.value.origin.call_site.startswith("test_pyu.py:")


def test_reveal_to_nobody_or_a_stranger(alice):
    with pytest.raises(sf.DeviceError, match="nobody"):
        sf.reveal(alice(add)(1), to=[])
    with pytest.raises(sf.DeviceError, match="dave"):
        sf.reveal(alice(add)(1), to="dave")
    with pytest.raises(sf.DeviceError, match="dave"):
        sf.reveal(alice(add)(1), to=[alice, sf.PYU("dave")])


def test_with_device_and_to(alice, bob):
    @sf.with_device(alice, num_returns=2)
    def both(x):
        return x, -x

    plus, minus = both(3)
    assert sf.reveal([plus, minus]) == [3, -3]
    moved = sf.to(bob, {"x": plus, "y": 4})
    assert sf.reveal(bob(lambda t: t["x"] + t["y"])(moved)) == 7


def test_a_failure_nobody_looked_at_is_raised_by_shutdown():
    session = sf.init(["alice"], debug_mode=True)
    sf.PYU("alice")(lambda: 1 / 0)()
    with pytest.raises(sf.RemoteError, match="ZeroDivisionError"):
        sf.shutdown()
    assert repr(session).endswith("over>")
    sf.shutdown()


def test_one_session_at_a_time_and_none_is_an_error(session):
    with pytest.raises(sf.SessionError, match="running already"):
        sf.init(["alice"], debug_mode=True)
    sf.shutdown()
    with pytest.raises(sf.SessionError, match=r"sf\.init"):
        sf.PYU("alice")(add)(1)


def test_a_task_cannot_issue_operations():
    with sf.Session(["alice"], address="local"):
        alice = sf.PYU("alice")
        with pytest.raises(sf.RemoteError) as caught:
            sf.reveal(alice(lambda: alice(add)(1))())
        assert isinstance(caught.value.__cause__, sf.SessionError)


def test_resources_without_ray_are_noted_once(alice, caplog):
    with caplog.at_level("INFO", logger="junto"):
        assert sf.reveal([alice(add, num_gpus=1)(1), alice(add, num_cpus=2)(2)]) == [2, 3]
    assert [r.getMessage() for r in caplog.records if "asks for resources" in r.getMessage()] == [
        "add asks for resources; without a Ray cluster everything runs in this process and shares it"
    ]


def test_a_resident_keeps_state_and_names_itself(alice):
    @sf.proxy(sf.PYUObject)
    class Counter:
        def __init__(self, start):
            self.total = start

        def add(self, value):
            self.total += value
            return self.total

    counter = Counter(1, device=alice)
    counter.add(2)
    assert sf.reveal(counter.add(alice(add)(3))) == 7
    assert "Counter at alice" in repr(counter)
    with pytest.raises(sf.DeviceError, match="device=alice"):
        Counter(1)


@dataclasses.dataclass
class Fitted:
    coefficients: object
    intercept: object


def test_a_copy_of_a_handle_is_the_handle_and_a_pickle_says_what_to_do(alice):
    one, two = alice(add)(0), alice(add)(1)
    assert copy.copy(one) is copy.deepcopy([one])[0] is one
    assert sf.reveal(dataclasses.asdict(Fitted(one, two))) == {"coefficients": 1, "intercept": 2}
    for pickled in (one, [two], functools.partial(add, one)):
        with pytest.raises(
            sf.DeviceError, match="cannot be pickled: it stands for a value that lives at"
        ) as caught:
            pickle.dumps(pickled)
        assert caught.value.fix


def test_where_the_script_s_thread_has_ended_the_next_one_goes_on():
    thread = threading.Thread(target=sf.init, args=(["alice", "bob"],), kwargs={"debug_mode": True})
    thread.start()
    thread.join(60)
    try:
        assert sf.reveal(sf.PYU("alice")(int)(3)) == 3
    finally:
        sf.shutdown()
    sf.init(["alice", "bob"], debug_mode=True)
    sf.shutdown()


def test_what_another_thread_calls_is_refused_and_the_run_goes_on(session, alice):
    x = alice(add)(1)
    for call in (sf.shutdown, session.shutdown, sf.barrier, lambda: sf.reveal(x), lambda: alice(add)(1)):
        caught = []

        def elsewhere(call=call, caught=caught):
            try:
                call()
            except sf.SessionError as error:
                caught.append(error)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join(60)
        assert "from another thread than the script's own" in str(caught[0])
    assert sf.reveal(x) == 2
    assert not session.over

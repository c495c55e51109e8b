"""What is under way, how long it will take, and who is told. Clocks are ours."""

import logging
import os
import threading

import pytest

from junto.accounting.progress import Board, ComputeProgress, Count, figures, left_s
from junto.accounting.progress_display import AFTER_S, LogLines, PipeLines, StatusPipe, Watcher, choose
from junto.accounting.status import Display


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def board(clock):
    return Board(clock)


def work(done=0, total=100, *, operation=1, heading=None, rounds=7, nbytes=1000):
    return ComputeProgress(
        operation, f"SPU#1(op{operation})", heading, lambda: Count(done, total, rounds, nbytes)
    )


# ---------------------------------------------------------------- the estimate


@pytest.mark.parametrize(
    ("seconds", "fraction", "left"),
    [(10, 0.5, 10), (30, 0.75, 10), (1, 0.01, 99), (10, 1.0, 0), (10, None, None), (10, 0.0, None)],
)
def test_what_is_left_takes_as_long_as_what_was_done(seconds, fraction, left):
    assert left_s(seconds, fraction) == (None if left is None else pytest.approx(left))


def test_nothing_is_said_of_what_has_just_begun():
    assert left_s(0.1, 0.5) is None


# ---------------------------------------------------------------- the board


def test_nobody_sees_work_that_is_over(board):
    assert board.look() is None
    with board.working(work()):
        assert board.busy.is_set()
        assert board.look() is not None
    assert board.look() is None
    assert not board.busy.is_set()


def test_work_that_failed_is_over(board):
    with pytest.raises(ValueError, match="no"), board.working(work()):
        raise ValueError("no")
    assert board.look() is None


def test_a_computation_is_seen_with_its_figures(board, clock):
    with board.working(work(25)):
        clock.now += 6
        look = board.look()
    assert (look.name, look.seconds, look.left_s) == ("SPU#1(op1)", 6, pytest.approx(18))
    assert figures(look) == ["25 of 100 steps", "7 rounds", "1 kB", "0:18 left"]


def test_of_a_loop_without_a_known_end_there_is_no_time_left(board, clock):
    with board.working(work(25, None)):
        clock.now += 6
        assert figures(board.look()) == ["25 steps", "7 rounds", "1 kB"]


def test_of_several_nodes_the_last_is_seen_at_the_oldest_operation(board):
    with board.working(work(90)), board.working(work(30)), board.working(work(1, operation=2)):
        assert (board.look().name, board.look().count.done) == ("SPU#1(op1)", 30)


def test_more_steps_than_foretold_are_no_more_than_all(board, clock):
    with board.working(work(130)):
        clock.now += 6
        assert board.look().left_s == 0


# ---------------------------------------------------------------- turns


def test_a_turn_is_a_part_of_its_course(board, clock):
    with board.course("Model.fit", "epoch", 4) as course:
        turns = course.each("abcd")
        next(turns)
        with board.working(work(operation=1, heading=board.heading)):
            clock.now += 10
        next(turns)
        with board.working(work(50, operation=2, heading=board.heading)):
            clock.now += 5
            look = board.look()
    assert look.name == "Model.fit, epoch 2 of 4"
    assert look.seconds == 15
    assert look.left_s == pytest.approx(15 * (4 - 1.5) / 1.5)
    assert (look.count.rounds, look.count.nbytes) == (14, 2000)


def test_rounds_of_an_operation_that_another_node_has_finished_count_once(board):
    with board.course("Model.fit", "epoch", 2) as course:
        next(course.each("ab"))
        with board.working(work(heading=board.heading)):
            with board.working(work(100, heading=board.heading)):
                pass
            assert board.look().count.rounds == 7


def test_what_was_asked_for_in_a_turn_belongs_to_it_whenever_it_runs(board):
    with board.course("Model.fit", "epoch", 3) as course:
        asked = [work(operation=turn, heading=board.heading) for turn in course.each([1, 2, 3])]
    assert board.heading is None
    with board.working(asked[1]):
        assert board.look().name == "Model.fit, epoch 2 of 3"


def test_the_inner_course_is_shown_and_the_outer_one_again_after_it(board):
    with board.course("Model.fit"):
        with board.course("Model.fit", "epoch", 3):
            assert str(board.heading) == "Model.fit, epoch 1 of 3"
        assert str(board.heading) == "Model.fit"
        with board.working(work(heading=board.heading)):
            assert board.look().name == "Model.fit: SPU#1(op1)"


def test_of_courses_within_each_other_the_outermost_that_takes_turns_is_shown(board):
    with board.course("Search.fit", "training", 2) as search:
        for number, _ in enumerate(search.each("ab"), 1):
            with board.course("Model.fit", "epoch", 3):
                assert str(board.heading) == f"Search.fit, training {number} of 2"


# ---------------------------------------------------------------- who is told


class Heard(Display):
    def __init__(self):
        self.looks = []
        self.shown, self.hidden = threading.Event(), threading.Event()
        self.closed = 0

    def show(self, look):
        self.looks.append(look)
        self.shown.set()

    def hide(self):
        self.hidden.set()

    def close(self):
        self.closed += 1


@pytest.fixture
def watched(board):
    heard = Heard()
    watcher = Watcher(board, heard)
    yield heard, watcher
    watcher.close()


def test_long_work_is_shown_until_it_is_over(board, clock, watched):
    heard, watcher = watched
    watcher.switch(True)
    with board.working(work(25)):
        clock.now += 2 * AFTER_S
        assert heard.shown.wait(10)
        assert not heard.hidden.is_set()
    assert heard.hidden.wait(10)


def test_short_work_is_not_shown(board, clock, watched):
    heard, watcher = watched
    watcher.switch(True)
    with board.working(work(25)):
        clock.now += AFTER_S / 2
        assert not heard.shown.wait(0.6)


def test_nothing_runs_where_nobody_watches(board, watched):
    _, watcher = watched
    watcher.switch(False)
    assert "junto-progress" not in {thread.name for thread in threading.enumerate()}


def test_it_ends_in_the_middle_of_work_and_after_it(board, clock):
    heard = Heard()
    watcher = Watcher(board, heard)
    watcher.switch(True)
    with board.working(work()):
        watcher.close()
        assert "junto-progress" not in {thread.name for thread in threading.enumerate()}
    watcher.close()
    watcher.switch(True)  # too late, and no error
    assert "junto-progress" not in {thread.name for thread in threading.enumerate()}
    assert heard.closed == 2


def look_at(board, clock, **more):
    with board.working(work(**more)):
        clock.now += 1
        return board.look()


def test_a_log_hears_of_it_ever_more_rarely(board, clock, caplog):
    lines, seen = LogLines(clock), 0
    with caplog.at_level(logging.INFO, "junto"), board.working(work(25)):
        for _ in range(30):
            clock.now += 1
            lines.show(board.look())
    seen = [record.message for record in caplog.records]
    assert len(seen) == 4  # at once, after 2, 6, 14 seconds
    assert seen[0] == "SPU#1(op1): 25 of 100 steps, 7 rounds, 1 kB, 0:03 left"


def test_work_after_a_pause_is_told_at_once(board, clock, caplog):
    lines = LogLines(clock)
    with caplog.at_level(logging.INFO, "junto"):
        lines.show(look_at(board, clock, operation=1))
        lines.show(look_at(board, clock, operation=2))
        assert len(caplog.records) == 1
        lines.hide()
        lines.show(look_at(board, clock, operation=3))
    assert len(caplog.records) == 2


def test_a_simulation_hears_the_newest_through_a_pipe(board, clock, tmp_path):
    pipe = StatusPipe(tmp_path / "alice")
    party = PipeLines(pipe.path)
    try:
        assert pipe.newest() == []
        first, second = look_at(board, clock, done=10), look_at(board, clock, done=20)
        party.show(first)
        party.show(second)
        assert pipe.newest() == [second]
        assert pipe.newest() == []
        party.hide()
        assert pipe.newest() == [None]
    finally:
        party.close()
        pipe.close()


def test_what_is_no_word_of_a_party_is_left_out(tmp_path):
    pipe = StatusPipe(tmp_path / "alice")
    other = os.open(pipe.path, os.O_WRONLY)
    os.write(other, b"\xff{\n" + b'{"name": 7}\n' + b'{"na')
    assert pipe.newest() == []
    os.close(other)
    pipe.close()


def test_a_party_whose_simulation_is_gone_goes_on(board, clock, tmp_path):
    pipe = StatusPipe(tmp_path / "alice")
    party = PipeLines(pipe.path)
    look = look_at(board, clock)
    party.show(look)
    pipe.close()
    party.show(look)  # the pipe has broken
    for _ in range(3):
        PipeLines(str(tmp_path / "nothing")).show(look)
    party.close()


def test_a_reader_that_does_not_read_stops_nobody(board, clock, tmp_path):
    pipe = StatusPipe(tmp_path / "alice")
    party = PipeLines(pipe.path)
    look = look_at(board, clock)
    for _ in range(2000):
        party.show(look)
    assert pipe.newest() == [look]
    party.close()
    pipe.close()


@pytest.mark.parametrize(("said", "shown"), [({}, False), ({"JUNTO_PROGRESS": "0"}, False)])
def test_where_there_is_no_terminal_nothing_is_shown_unless_asked(said, shown):
    _, display, now = choose(said)
    assert isinstance(display, LogLines)
    assert now is shown
    assert choose({"JUNTO_PROGRESS": "1"})[2] is True

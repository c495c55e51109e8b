"""What is under way in this process, and how far it has come: for whoever shows it to a person.

Work is entered by the device that does it, and looked at from outside: it counts as it always does, and
nobody who looks makes it slower. Work that takes turns (the epochs of a training) is a `Course`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from junto.accounting.units import bytes_text, duration
from junto.locks import Event

T = TypeVar("T")

VARIABLE = "JUNTO_PROGRESS"
"""Environment: ``1`` shows progress, ``0`` does not; unset: a terminal shows it. `junto simulate` gives its
parties the path of a pipe."""

SURE_S = 0.5
"""What is younger has no time left that anybody should believe."""


@dataclass(frozen=True, slots=True)
class Count:
    """What was done so far.

    Attributes:
        done: steps.
        total: how many there are; None: nobody knows.
        rounds: of messages between the parties that compute; 0: it has none.
        nbytes: that they have sent for it, those prepared ahead included; 0: they are not counted.
        unit: what a step is, in the plural.
    """

    done: int
    total: int | None
    rounds: int = 0
    nbytes: int = 0
    unit: str = "steps"

    @property
    def fraction(self) -> float | None:
        """Between 0 and 1; None: nobody knows."""
        return min(self.done / self.total, 1.0) if self.total else None


@dataclass(frozen=True, slots=True)
class Look:
    """Work at one moment, as a person sees it.

    Attributes:
        name: what it is.
        count: steps of the present turn; rounds and bytes of all of them.
        seconds: since it began.
        left_s: until it ends, if it goes on like this; None: nobody knows.
    """

    name: str
    count: Count
    seconds: float
    left_s: float | None


class Course:
    """Work that takes turns, each of which may be several computations.

    Attributes:
        name: what it is: ``LogisticRegression.fit``.
        unit: what a turn is: ``epoch``.
        turns: how many there are at most.
    """

    def __init__(self, name: str, unit: str = "", turns: int = 1) -> None:
        self.name = name
        self.unit = unit
        self.turns = turns
        self._turn = 1
        self._began: float | None = None
        self._spent: dict[int, Count] = {}

    def each(self, things: Iterable[T]) -> Iterator[T]:
        """The things, one a turn."""
        for number, thing in enumerate(things, 1):
            self._turn = number
            yield thing

    @property
    def now(self) -> Heading:
        """What a computation that is asked for now belongs to."""
        return Heading(self, self._turn)

    def began(self, now: float) -> float:
        """When its first computation began, if that was before `now`."""
        if self._began is None:
            self._began = now
        return self._began

    def spend(self, operation: int, count: Count) -> None:
        """A computation of it is over."""
        self._spent[operation] = count

    def with_spent(self, operation: int, count: Count) -> Count:
        """`count`, of an operation under way, with the rounds and bytes of those that are over."""
        spent = [each for number, each in list(self._spent.items()) if number != operation]
        rounds = count.rounds + sum(each.rounds for each in spent)
        nbytes = count.nbytes + sum(each.nbytes for each in spent)
        return Count(count.done, count.total, rounds, nbytes, count.unit)


@dataclass(frozen=True, slots=True)
class Heading:
    """A turn of a course."""

    course: Course
    turn: int

    def __str__(self) -> str:
        name, turns = self.course.name, self.course.turns
        return name if turns == 1 else f"{name}, {self.course.unit} {self.turn} of {turns}"


@dataclass(frozen=True, slots=True, eq=False)
class ComputeProgress:
    """One computation at one node.

    Attributes:
        operation: its number.
        text: what it is, ``SPU#3(train)``.
        heading: what it belongs to, if to anything.
        count: how far it is; called from any thread.
    """

    operation: int
    text: str
    heading: Heading | None
    count: Callable[[], Count]


class Board:
    """What is under way. Thread-safe, but for `course`, which is the script's.

    Args:
        clock: of a person, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way: dict[int, tuple[ComputeProgress, float]] = {}
        self._courses: list[Course] = []
        self.busy: Event = Event()

    @property
    def heading(self) -> Heading | None:
        """What the script asks for now belongs to: the outermost course of turns; None: to nothing."""
        several = (course for course in self._courses if course.turns > 1)
        course = next(several, self._courses[-1] if self._courses else None)
        return None if course is None else course.now

    @contextmanager
    def course(self, name: str, unit: str = "", turns: int = 1) -> Iterator[Course]:
        """What is asked for inside belongs together."""
        course = Course(name, unit, turns)
        self._courses.append(course)
        try:
            yield course
        finally:
            self._courses.remove(course)

    @contextmanager
    def working(self, work: ComputeProgress) -> Iterator[None]:
        """Inside, `work` is under way."""
        key, now = id(work), self._clock()
        if work.heading is not None:
            work.heading.course.began(now)
        with self._lock:
            self._under_way[key] = (work, now)
            self.busy.set()
        try:
            yield
        finally:
            with self._lock:
                del self._under_way[key]
                if not self._under_way:
                    self.busy.clear()
            if work.heading is not None:
                work.heading.course.spend(work.operation, work.count())

    def look(self) -> Look | None:
        """The oldest operation under way, at the node that has still the most to do."""
        with self._lock:
            under_way = list(self._under_way.values())
        if not under_way:
            return None
        oldest = min(work.operation for work, _ in under_way)
        seen = [(work.count(), work, began) for work, began in under_way if work.operation == oldest]
        count, work, began = min(seen, key=lambda each: each[0].done)
        return _look(work, count, began, self._clock())


def _look(work: ComputeProgress, count: Count, began: float, now: float) -> Look:
    heading, fraction = work.heading, count.fraction
    if heading is None:
        return Look(work.text, count, now - began, left_s(now - began, fraction))
    course = heading.course
    count = course.with_spent(work.operation, count)
    if course.turns == 1:
        return Look(f"{heading}: {work.text}", count, now - began, left_s(now - began, fraction))
    seconds = now - course.began(now)
    whole = (heading.turn - 1 + (fraction or 0.0)) / course.turns
    return Look(str(heading), count, seconds, left_s(seconds, whole))


def left_s(seconds: float, fraction: float | None) -> float | None:
    """Seconds until the end of what has come to `fraction` in `seconds`; None: too early to tell.

    Every step counts alike: in a loop, where long programs spend their time, the next turn takes as long as
    the last one.
    """
    if not fraction or seconds < SURE_S:
        return None
    return seconds * (1 - fraction) / fraction


def figures(look: Look) -> list[str]:
    """Steps, rounds, bytes and time left, each as a text; what is not known is left out."""
    count = look.count
    total = "" if count.total is None else f"of {count.total:,} "
    texts = [f"{count.done:,} {total}{count.unit}"]
    if count.rounds:
        texts.append(f"{count.rounds:,} rounds")
    if count.nbytes:
        texts.append(bytes_text(count.nbytes))
    return texts if look.left_s is None else [*texts, f"{duration(look.left_s)} left"]

"""One run of a script: numbers its operations, places them, waits for them, ends with the others."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from junto.accounting.progress import Board
from junto.accounting.progress_display import Watcher
from junto.accounting.status import Reporter
from junto.config.model import Settings
from junto.errors import DeadlineExceeded, DeviceError, JuntoError, RemoteError, SessionError
from junto.execute.executor import Actor, Executor, Promise, Ref, TaskCall
from junto.net.api import Activity, DirectAddress, DirectUse, Gateway, OnWait, Stamp
from junto.program.aside import Aside
from junto.program.callsite import call_site, line_of
from junto.program.cause import cause_of
from junto.program.divergence import DivergenceCheck
from junto.program.exchange import Exchange, ExchangeServices, ValueTransfer
from junto.program.fault import SessionFault
from junto.program.in_flight import InFlight
from junto.program.operation import Description
from junto.program.peer_monitor import PeerMonitor, abort_of, place
from junto.program.timeline import Timeline, Traffic, edges
from junto.program.waiting import AwaitedRef, Timeouts, Waiting
from junto.wire.payload import Summary
from junto.wire.policy import WirePolicy

log: logging.Logger = logging.getLogger("junto.program")

_SPU_LINK = DirectUse(
    "the link of the SPU",
    "start it, check the SPU's addresses, or raise connect_retry_times in link_desc",
)

ABORT_S = 2.0
FLUSH_BEFORE_ABORT_S = 1.0
GONE: Final = frozenset({"PartyUnreachable", "PartyAborted"})
"""Errors of an operation that only follow from a party's end: that is what the script is told of."""

GONE_S = 2.0
"""How long to wait for the news of that end, where it has not come yet."""


@dataclass(frozen=True, slots=True)
class Components:
    """What a program is made of.

    Attributes:
        executors: of the parties that live in this process.
        exchange: carries values between parties.
        office: policy, failures, outstanding work, witness.
        gateway: the other silos; None if all parties live here.
        peers: listens to the gateway (without one, it hears nothing).
        agreement, fault: shared with `peers`.
        reporter: shows waits.
        timeline: keeps what this process sees of the run.
        board, watcher: what is under way, and who shows it.
        meet: meets the other parties, if that is still to be done.
        run: the run's id, equal everywhere, once the parties have met.
    """

    executors: Mapping[str, Executor]
    exchange: Exchange
    office: ExchangeServices
    gateway: Gateway | None
    peers: PeerMonitor
    agreement: DivergenceCheck
    fault: SessionFault
    reporter: Reporter
    timeline: Timeline
    board: Board
    watcher: Watcher
    meet: Callable[[], None] | None = None
    run: Callable[[], bytes] = lambda: bytes(16)


class Program:
    """The joint program as this process sees it. Its operations come from one thread: the script's."""

    def __init__(self, settings: Settings, parts: Components) -> None:
        self.settings = settings
        self._parts = parts
        self._thread = threading.current_thread()
        self._meet = parts.meet
        self._closed = False
        self._noted = False
        self._told: BaseException | None = None
        self._fault_reached_script = False
        self._why = ""
        self._announced: Activity | None = None
        self._interrupted = False
        self._interrupts: list[Callable[[JuntoError], None]] = []
        self._closers: list[Callable[[], None]] = []
        self._asides: list[Aside] = []
        self._inside: list[Callable[[], list[Traffic]]] = []
        self._waiting = Waiting(
            parts.fault,
            Timeouts(settings.link.wait_timeout_s, settings.link.status_after_s),
            parts.reporter,
            self._announce,
            self._describe,
            parts.timeline.waited,
        )

    # Where things are.

    @property
    def parties(self) -> tuple[str, ...]:
        """All parties of the job."""
        return self.settings.parties

    @property
    def run_id(self) -> bytes:
        """Names this run: equal at all parties, different for each run (zeros where all live here)."""
        return self._parts.run()

    @property
    def newest(self) -> Stamp:
        """The newest operation: what a wait between operations belongs to."""
        return self._parts.agreement.newest

    @property
    def wire_policy(self) -> WirePolicy:
        """Which types may leave a party, or be kept in a file."""
        return self._parts.office.policy

    @property
    def timeline(self) -> Timeline:
        """What this process has seen of the run."""
        return self._parts.timeline

    def traffic(self) -> list[Traffic]:
        """What has crossed so far: by line of the script, and then the messages beside the values."""
        beside = [item for aside in self._asides for item in aside.traffic()]
        beside += [item for traffic in self._inside for item in traffic()]
        return [*self._parts.timeline.traffic(), *beside]

    @property
    def board(self) -> Board:
        """What is under way in this process."""
        return self._parts.board

    def show_progress(self, shown: bool) -> None:
        """Show a person how far it is, or no longer."""
        self._parts.watcher.switch(shown)

    @property
    def closed(self) -> bool:
        """Whether the run is over."""
        return self._closed

    @property
    def fault(self) -> JuntoError | None:
        """Why the run cannot go on, if so."""
        return self._parts.fault.error

    @property
    def told(self) -> BaseException | None:
        """The first failure that the script was told of."""
        return self._told or self._parts.fault.error

    def reached_script(self, error: JuntoError) -> None:
        """The script is told `error`: if that is, or follows from, why the run cannot go on, it knows."""
        each: BaseException | None = error
        while each is not None and not self._fault_reached_script:
            self._fault_reached_script = each is self._parts.fault.error
            each = each.__cause__ or each.__context__

    def check(self) -> None:
        """Raise why the run cannot go on, if so."""
        self._parts.fault.check()

    def fault_within(self, seconds: float) -> JuntoError | None:
        """Why the run cannot go on, waited for as long as is said."""
        return self._parts.fault.within(seconds)

    def is_here(self, party: str) -> bool:
        """Whether `party` runs in this process."""
        return party in self._parts.executors

    def here(self) -> tuple[str, ...]:
        """The parties that run in this process."""
        return tuple(party for party in self.parties if party in self._parts.executors)

    def check_party(self, party: str) -> None:
        """Raise DeviceError if the job has no such party."""
        if party not in self.settings.parties:
            raise DeviceError(
                f"there is no party {party!r} in this job; its parties are {', '.join(self.parties)}",
                fix="use one of these names, or add the party to the configuration of every party",
            )

    def on_close(self, closer: Callable[[], None]) -> None:
        """Call `closer` when the run is over: nothing is awaited any more, and the gateway still sends."""
        self._closers.append(closer)

    def on_fault(self, listener: Callable[[JuntoError], None]) -> None:
        """Call `listener` with the error when the run cannot go on: at once if so, else from any thread."""
        fault = self._parts.fault

        def tell() -> None:
            if fault.error is not None:
                listener(fault.error)

        fault.subscribe(tell)

    def fail(self, error: JuntoError) -> None:
        """The run cannot go on: every wait ends with `error`, unless it had ended before. From any thread."""
        self._parts.fault.set(error)

    def on_interrupt(self, listener: Callable[[JuntoError], None]) -> None:
        """Call `listener` when the script is interrupted and goes on: it ends what is under way."""
        self._interrupts.append(listener)

    # Operations.

    def begin(self, description: Description) -> Stamp:
        """Number the next operation.

        Raises:
            SessionError: the run is over, or this is not the script's own thread.
            ProgramError, PeerError: the run cannot go on.
        """
        if self._closed:
            why = f": {self._why}" if self._why else ""
            raise SessionError(
                f"this session is over{why}", fix="start another with sf.init(...) at every party"
            )
        self._check_thread(description.text)
        parts = self._parts
        self._meet_once()
        parts.fault.check()
        stamp, differing = parts.agreement.record(description, call_site())
        parts.timeline.begun(stamp)
        if parts.gateway is not None:
            parts.gateway.publish(Activity(stamp))
            if differing is not None:
                parts.peers.differs(differing)
        return stamp

    def explainer(
        self, stamp: Stamp, party: str, senders: Sequence[str] = ()
    ) -> Callable[[BaseException], BaseException]:
        """What turns an exception of operation `stamp` at `party` into the error that all raise.

        Args:
            senders: the other parties from which arguments of the operation came.
        """
        return partial(self._parts.office.desk.explain, party, stamp, senders=senders)

    def submit(self, stamp: Stamp, party: str, call: TaskCall) -> tuple[Ref, ...]:
        """Run `call` at `party`, which lives here."""
        self._note_resources(call)
        refs = self._parts.executors[party].submit(call)
        self._parts.office.outstanding.watch(stamp, refs)
        return refs

    def watch(self, stamp: Stamp, refs: tuple[Ref, ...]) -> None:
        """Work of a device that runs beside the executors: `shutdown` waits until it is over."""
        outstanding = self._parts.office.outstanding
        for ref in refs:
            ref.add_done_callback(partial(_leave, outstanding, outstanding.enter(stamp)))

    def create_actor(self, party: str, call: TaskCall) -> Actor:
        """Make an actor at `party`, which lives here."""
        self._note_resources(call)
        return self._parts.executors[party].create_actor(call)

    def call_actor(self, stamp: Stamp, party: str, actor: Actor, call: TaskCall) -> tuple[Ref, ...]:
        """Call a method of an actor at `party`, which lives here."""
        refs = self._parts.executors[party].call_actor(actor, call)
        self._parts.office.outstanding.watch(stamp, refs)
        return refs

    def promise(self, party: str) -> Promise:
        """A value at `party` (which lives here) that comes from the script itself."""
        return self._parts.executors[party].promise()

    def transfer(self, passage: ValueTransfer, ref: Ref | None) -> Ref | None:
        """Carry a value from one party to another; see `Exchange.transfer`."""
        return self._parts.exchange.transfer(passage, ref)

    def copy(self, passage: ValueTransfer, ref: Ref) -> Ref:
        """A value as a receiver would see it; see `Exchange.copy`."""
        return self._parts.exchange.copy(passage, ref)

    def crossed(self, passage: ValueTransfer, summary: Summary, nbytes: int, *, ours: bool) -> None:
        """A value came from one party to another beside the exchange; `ours`: from here. From any thread."""
        witness = self._parts.office.witness
        (witness.sent if ours else witness.received)(passage, summary, nbytes)

    def wait(self, stamp: Stamp, awaited: Sequence[AwaitedRef]) -> None:
        """Block until all of `awaited` are done, then raise the first one's error if there is any."""
        self._waiting.until_done(stamp, awaited, self._parts.exchange.progress)
        errors = [error for error in [item.ref.error() for item in awaited] if error is not None]
        for error in errors:  # the script hears of the first, and has asked for all: `shutdown` repeats none
            if isinstance(error, RemoteError):
                self._parts.office.outstanding.seen(error.origin.operation)
        if errors:
            raise self._seen(errors[0])

    def aside(self, stamp: Stamp, party: str) -> Aside:
        """What we and `party` say beside the values of operation `stamp`, which carries none. Once for both.

        Raises:
            DeviceError: no gateway leads to `party`.
        """
        parts, me = self._parts, self.settings.self_party
        if parts.gateway is None or me is None or party == me:
            raise DeviceError(
                f"there is no gateway to {party} in this process", fix="name a party of the session"
            )
        aside = Aside(parts.gateway, stamp, (me, party), parts.peers.is_trusted)
        self._asides.append(aside)
        return aside

    def inside(self, traffic: Callable[[], list[Traffic]]) -> None:
        """`traffic` says what parties that live in this process say to each other beside the values."""
        self._inside.append(traffic)

    def ports(self) -> set[int]:
        """See `Gateway.ports`; none where all parties are in this process."""
        return set() if self._parts.gateway is None else self._parts.gateway.ports()

    def open_direct(self, addresses: Mapping[str, DirectAddress], patience_s: float, on_wait: OnWait) -> None:
        """Connections to parties at other addresses, see `Gateway.direct`; raises what they raise."""
        if self._parts.gateway is not None:
            ways = self._parts.gateway.direct(addresses, _SPU_LINK)
            self.on_fault(ways.cancel)
            ways.run(patience_s, on_wait)

    def rendezvous(self, stamp: Stamp) -> None:
        """Block until every party has come to operation `stamp`."""
        awaited: list[AwaitedRef] = []
        for number, source in enumerate(self.parties):
            here = None
            if self.is_here(source):
                here = self.promise(source)
                here.set_value(None)
            for target in self.parties:
                ref = None
                if target != source:
                    ref = self.transfer(ValueTransfer(stamp, number, "barrier", source, target), here)
                if ref is not None:
                    awaited.append(AwaitedRef(ref, source))
        self.wait(stamp, awaited)

    # The end.

    def shutdown(self) -> None:
        """End in agreement with all parties: nothing in flight is lost.

        Raises:
            RemoteError: an operation of ours failed and nobody had looked at it.
            ProgramError, PeerError: the run could not end in agreement, and the script has not been told.
        """
        if self._closed:
            return
        self._check_thread("shutdown")  # the run goes on: it is not another thread's to end
        parts = self._parts
        try:
            stamp = self.begin(Description("shutdown"))
            self._finish_work()
            self.rendezvous(stamp)
            self._parts.fault.check()
            self._close_devices()
            if parts.gateway is not None:
                parts.gateway.leave(self.settings.link.wait_timeout_s)
                for aside in self._asides:  # all of it has arrived, so both sides write the same
                    aside.account(parts.office.witness)
        except BaseException as error:
            known = error is parts.fault.error and self._fault_reached_script
            unseen = parts.office.outstanding.unseen()
            self.abort(error)
            if not known:
                raise
            if unseen is not None and unseen.origin.error_type in GONE:
                unseen = None
        else:
            unseen = parts.office.outstanding.unseen()
            self._close(cancel=self._interrupted)  # what was interrupted is not waited for
        if unseen is not None:
            raise self._seen(unseen)

    def interrupt(self, error: KeyboardInterrupt) -> None:
        """The script was interrupted within a call of ours.

        With other parties the run is over, for they would wait for what this script has left out; they are
        told so. Where all parties live here it goes on, without what was under way.
        """
        where = place(self.newest, call_site())
        if self._parts.gateway is not None:
            self.abort(error, where)
            return
        self._interrupted = True
        self._parts.office.outstanding.forget()
        for listener in self._interrupts:
            listener(DeviceError(f"this SPU was interrupted{where}", fix="make another one: sf.SPU(...)"))

    def abort(self, error: BaseException, where: str = "") -> None:
        """End now, and tell the others why, and of an interrupt where."""
        if self._closed:
            return
        self._parts.office.desk.close()
        gateway = self._parts.gateway
        me = self.settings.self_party
        if gateway is not None and me is not None:
            cause = cause_of(error, self.told) or error
            if isinstance(cause, RemoteError):
                _quietly(partial(gateway.flush, FLUSH_BEFORE_ABORT_S))
            told = abort_of(cause, me, where or place(self.newest, line_of(error)))
            self._why = told.message
            _quietly(partial(gateway.abort, told, ABORT_S))
        self._close(cancel=True)

    def _check_thread(self, what: str) -> None:
        """One thread says what is done, so that there is one order; once it has ended, the next caller."""
        caller = threading.current_thread()
        if caller is self._thread:
            return
        if self._thread.is_alive():
            raise SessionError(
                f"{what} was called from another thread than the script's own: "
                "the parties could not agree on the order of operations",
                fix="call devices from the main script only; inside a task, work on plain values",
            )
        self._thread = caller

    def _meet_once(self) -> None:
        if self._meet is not None:
            self._meet()
            self._meet = None

    def _finish_work(self) -> None:
        outstanding, link = self._parts.office.outstanding, self.settings.link
        deadline = math.inf if link.wait_timeout_s is None else link.wait_timeout_s
        began = told = time.monotonic()
        while not outstanding.wait_idle(min(0.2, deadline)):
            self._parts.fault.check()
            now, running = time.monotonic(), outstanding.oldest()
            if running is None:
                continue
            what = f"operation {running.operation} {running.text} at {running.site}"
            line = f"waiting {now - began:.0f} s to end, for {what}"
            if now - began >= deadline:
                self._parts.reporter.over()
                raise DeadlineExceeded(
                    line, fix="wait longer (wait_timeout_s), or look at what this operation does here"
                )
            if now - began >= link.status_after_s and now - told >= 1:
                told = now
                self._parts.reporter.waiting(line, (0, 0))
        self._parts.reporter.over()

    def _close(self, *, cancel: bool) -> None:
        self._closed = True
        parts = self._parts
        parts.exchange.close()  # first: of what fails since we end the others hear nothing but the end
        self._close_devices()
        parts.watcher.close()
        if parts.gateway is not None:
            parts.gateway.close()
        for executor in dict.fromkeys(parts.executors.values()):
            executor.shutdown(cancel=cancel)
        parts.office.witness.close()
        for edge in edges(parts.timeline.traffic()):
            log.info("%s -> %s: %d values, %d bytes", edge.sender, edge.receiver, edge.values, edge.nbytes)

    def _close_devices(self) -> None:
        while self._closers:
            self._closers.pop()()

    def _note_resources(self, call: TaskCall) -> None:
        asked = call.resources
        if self.settings.ray is None and not self._noted and asked.for_cluster:
            self._noted = True
            log.info(
                "%s asks for resources; without a Ray cluster everything runs in this process and shares it",
                call.name,
            )

    def _seen(self, error: BaseException) -> BaseException:
        found = self._in_place_of(error)
        self._told = self._told or found
        return found

    def _in_place_of(self, error: BaseException) -> BaseException:
        if not isinstance(error, RemoteError):
            return error
        self._parts.office.outstanding.seen(error.origin.operation)
        if error.origin.error_type in GONE:
            cause = self._parts.fault.within(GONE_S)
            if cause is not None:
                return cause
        fresh = RemoteError(error.origin)
        fresh.__cause__ = error.__cause__
        return fresh

    def _describe(self, party: str) -> Mapping[str, str]:
        """For a status line: what is known of `party`; of ourselves, and of whom our own work waits for."""
        if party != self.settings.self_party:
            return {party: self._parts.peers.describe(party)}
        running, passage = self._parts.office.outstanding.oldest(), self._parts.exchange.awaited()
        if running is not None and (passage is None or running.operation < passage.stamp.operation):
            return {
                party: f"{party} is busy with operation {running.operation} {running.text} at {running.site}"
            }
        if passage is None:
            return {}
        what = f"operation {passage.stamp.operation} {passage.stamp.text} at {passage.stamp.site}"
        return {party: f"{party} awaits {what}", **self._describe(passage.source)}

    def _announce(self, stamp: Stamp, waiting_for: tuple[str, ...]) -> None:
        gateway = self._parts.gateway
        if gateway is None:
            return
        passage = self._parts.exchange.awaited()
        if passage is not None:
            whom = [passage.source if party == self.settings.self_party else party for party in waiting_for]
            waiting_for = tuple(dict.fromkeys(whom))
        running = self._parts.office.outstanding.oldest()
        busy = f"operation {running.operation} {running.text} at {running.site}" if running else ""
        activity = Activity(stamp, waiting_for, stamp.operation if waiting_for else 0, busy)
        gateway.publish(activity, now=bool(waiting_for) and activity != self._announced)
        self._announced = activity


def _leave(outstanding: InFlight, ticket: int, _: Ref) -> None:
    outstanding.leave(ticket)


def _quietly(job: Callable[[], Any]) -> None:
    try:
        job()
    except JuntoError:
        return

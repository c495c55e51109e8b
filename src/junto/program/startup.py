"""From settings to a running program: the one place where the parts are put together."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from functools import partial

from junto.accounting.progress import Board
from junto.accounting.progress_display import Watcher, choose
from junto.accounting.status import Reporter
from junto.config.model import Mode, Settings
from junto.errors import JuntoError, PartyAborted
from junto.execute.executor import Executor
from junto.net.api import Gateway
from junto.net.handshake import facts_of
from junto.program.divergence import DivergenceCheck
from junto.program.exchange import ExchangeServices
from junto.program.failure import ErrorReporter
from junto.program.fault import SessionFault
from junto.program.in_flight import InFlight
from junto.program.ledger_writer import LedgerWriter
from junto.program.peer_monitor import PeerMonitor, abort_of
from junto.program.program import ABORT_S, Components, Program
from junto.program.timeline import Timeline
from junto.reach.identity import judge_own_certificate
from junto.wire.codec import check_policy, policy_fingerprint
from junto.wire.policy import Limits, WirePolicy

log: logging.Logger = logging.getLogger("junto.session")


def open_program(settings: Settings) -> Program:
    """Start executors, bind, meet the others.

    Raises:
        See `junto.device.session.Session`.
    """
    if settings.omp_num_threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(settings.omp_num_threads)
    if settings.mode is Mode.PRODUCTION:
        return _open_production(settings)
    return _open_single(settings)


def wire_policy(settings: Settings) -> WirePolicy:
    """What may travel in this job."""
    limits = Limits(max_value_bytes=settings.link.max_value_bytes)
    return WirePolicy(limits, settings.wire_types, settings.allow_pickle)


def _open_single(settings: Settings) -> Program:
    from junto.program.within import WithinProcess

    shared = _Shared(settings)
    shared.witness.claim()
    with ExitStack() as undo:
        undo.callback(shared.witness.close)
        executors = _executors(settings)
        undo.pop_all()
    shared.witness.begin(bytes(16))
    parts = Components(
        executors=executors,
        exchange=WithinProcess(executors, shared.office),
        office=shared.office,
        gateway=None,
        peers=PeerMonitor("", shared.agreement, shared.fault),
        agreement=shared.agreement,
        fault=shared.fault,
        reporter=shared.reporter,
        timeline=shared.timeline,
        board=shared.board,
        watcher=shared.watcher,
    )
    shared.watcher.switch(shared.shown)
    return Program(settings, parts)


def _open_production(settings: Settings) -> Program:
    from junto.doctor.service import DoctorService
    from junto.net.gateway import SiloGateway
    from junto.net.grpc_carrier import GrpcCarrier
    from junto.program.between import BetweenSilos

    me = settings.self_party or ""
    _judge_ourselves(settings, me)
    shared = _Shared(settings)
    peers = PeerMonitor(me, shared.agreement, shared.fault)
    doctor = DoctorService(settings, "session").handlers()
    carrier = GrpcCarrier(settings.tls, settings.cluster, settings.link, doctor)
    facts = facts_of(settings, policy_fingerprint(shared.office.policy))
    gateway = SiloGateway(settings, facts, peers, carrier)
    peers.attach(gateway.send_history, gateway.versions)
    meet = _Meeting(settings, gateway, shared)
    shared.witness.claim()
    with ExitStack() as undo:
        undo.callback(shared.witness.close)
        undo.callback(gateway.close)  # also of what a start that failed has begun
        gateway.start()
        undo.push(partial(_say_why, gateway, me))
        executor = _executor(settings, None)
        undo.callback(executor.shutdown, cancel=True)
        if settings.wait_for_parties:
            meet()
        undo.pop_all()
    parts = Components(
        executors={me: executor},
        exchange=BetweenSilos(me, gateway, executor, shared.office, peers.is_trusted),
        office=shared.office,
        gateway=gateway,
        peers=peers,
        agreement=shared.agreement,
        fault=shared.fault,
        reporter=shared.reporter,
        timeline=shared.timeline,
        board=shared.board,
        watcher=shared.watcher,
        meet=None if settings.wait_for_parties else meet,
        run=meet.run_id,
    )
    shared.watcher.switch(shared.shown)
    return Program(settings, parts)


def _say_why(gateway: Gateway, me: str, kind: object, error: BaseException | None, trace: object) -> None:
    """Who leaves before the run has begun tells those that it has met: they would wait for it."""
    if error is not None:
        with suppress(JuntoError):
            gateway.abort(abort_of(error, me), ABORT_S)


def _judge_ourselves(settings: Settings, me: str) -> None:
    if settings.tls is None:
        return
    doubt = judge_own_certificate(settings.tls.cert, me, settings.cluster)
    if doubt:
        log.warning("the others will refuse us unless their settings name this identity: %s", doubt)


class _Meeting:
    """Awaits the other parties: at `init`, or at the first operation if one does not want to wait there."""

    def __init__(self, settings: Settings, gateway: Gateway, shared: _Shared) -> None:
        self._timeout_s = settings.link.meet_timeout_s
        self._gateway = gateway
        self._witness = shared.witness
        self._fault = shared.fault
        self._reporter: Reporter = shared.reporter
        self._run = b""

    def run_id(self) -> bytes:
        """What the parties have agreed on; empty before they have met."""
        return self._run

    def __call__(self) -> None:
        try:
            run = self._gateway.meet(self._timeout_s, lambda line: self._reporter.waiting(line, (0, 0)))
        except PartyAborted as error:  # who has met us may have ended already: it said why
            raise self._fault.error or error from None
        finally:
            self._reporter.over()
        self._run = run
        self._witness.begin(run)


class _Shared:
    """What the parts of one program share."""

    def __init__(self, settings: Settings) -> None:
        others = set(settings.parties) - {settings.self_party}
        self.fault = SessionFault()
        self.timeline = Timeline()
        self.board = Board()
        self.reporter, display, self.shown = choose()
        self.watcher = Watcher(self.board, display)
        self.agreement = DivergenceCheck(others if settings.self_party else ())
        self.witness = LedgerWriter(settings, self.fault, self.timeline.crossed)
        desk = ErrorReporter(expose=settings.expose_remote_errors)
        self.fault.subscribe(desk.close)
        policy = wire_policy(settings)
        check_policy(policy)
        self.office = ExchangeServices(
            policy=policy,
            desk=desk,
            outstanding=InFlight(self.timeline.took),
            witness=self.witness,
            fault=self.fault,
        )


def _executors(settings: Settings) -> Mapping[str, Executor]:
    if settings.mode is Mode.SIMULATION_RAY:
        with ExitStack() as undo:  # a party whose machines are missing must not leave us connected
            executors: dict[str, Executor] = {}
            for party in settings.parties:
                executors[party] = _executor(settings, party)
                undo.callback(executors[party].shutdown, cancel=True)
            undo.pop_all()
        return executors
    return dict.fromkeys(settings.parties, _executor(settings, None))


def _executor(settings: Settings, label: str | None) -> Executor:
    if settings.mode is Mode.DEBUG:
        from junto.execute.debug import DebugExecutor

        return DebugExecutor()
    if settings.ray is not None:
        from junto.execute.ray_executor import RayExecutor

        return RayExecutor(settings.ray, label)
    from junto.execute.embedded import EmbeddedExecutor

    return EmbeddedExecutor(settings.workers)

"""A session: one run of the joint program, opened by `init` and ended by `shutdown`."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from junto.config.build import build_settings
from junto.config.model import Settings
from junto.device import current as register
from junto.device.boundary import public
from junto.errors import JuntoError, SessionError
from junto.log import configure
from junto.net.inherited import let_go
from junto.program.program import Program
from junto.program.startup import open_program

if TYPE_CHECKING:
    from junto.device.rehearsal import Rehearsal

log: logging.Logger = logging.getLogger("junto.session")


class InitOptions(TypedDict, total=False):
    """Keyword arguments of `init`. `docs/reference/settings.md` explains each."""

    config: str | os.PathLike[str] | None
    cluster_config: Mapping[str, Any] | None
    tls_config: Mapping[str, Any] | None
    cross_silo_serializing_allowed_list: Mapping[str, Sequence[str]] | None
    cross_silo_comm_backend: str | None
    cross_silo_comm_options: Mapping[str, Any] | None
    debug_mode: bool
    job_name: str | None
    num_cpus: float | None
    num_gpus: float | None
    log_to_driver: bool
    logging_level: str
    omp_num_threads: int | None
    enable_waiting_for_other_parties_ready: bool
    require_tls: bool
    expose_remote_errors: bool
    wire_types: Sequence[type] | Mapping[str, type] | None
    ledger: str | os.PathLike[str] | None
    peer_timeout_s: float | None
    heartbeat_s: float | None
    meet_timeout_s: float | None
    wait_timeout_s: float | None
    spill_dir: str | os.PathLike[str] | None
    quota_bytes: int | None
    workers: int | None
    runtime_env: Mapping[str, Any] | None


class Session:
    """One run; a context manager. `init` opens one and makes it the current one.

    Attributes:
        rehearsal: what stands in place of the run while a function is explained.

    Leaving the ``with`` block in peace ends the run in agreement with all parties; leaving it by an
    exception ends it for all, and tells them why.

    Args:
        parties: as for `init`.
        address: as for `init`.
        options: as for `init`.

    Raises:
        ConfigError, CertificateError, ListenError, ExecutorError: something here is wrong; nothing
            was started.
        HandshakeRefused, IdentityError: another party runs something else, or is somebody else.
        DeadlineExceeded: not all parties came within `meet_timeout_s`.
    """

    def __init__(
        self,
        parties: str | Sequence[str] | None = None,
        address: str | None = None,
        **options: Unpack[InitOptions],
    ) -> None:
        arguments: dict[str, Any] = {"parties": parties, "address": address, **options}
        self._settings = build_settings(_with_preset(arguments))
        self._passes_over = os.environ.get(register.CONFIG_VARIABLE) if parties else None
        self._program: Program | None = None
        self.rehearsal: Rehearsal | None = None
        self._process = os.getpid()
        self._helpers: list[tuple[str, frozenset[str]]] = []

    @property
    def settings(self) -> Settings:
        """The checked settings."""
        return self._settings

    @property
    def program(self) -> Program:
        """The run.

        Raises:
            SessionError: the session is not open, or it is our parent process's.
        """
        self.check_process()
        if self.rehearsal is not None:
            return self.rehearsal.program
        if self._program is None:
            raise SessionError(
                "this session was not opened", fix="use it in a with statement, or sf.init(...)"
            )
        return self._program

    def agree_on_helper(self, helper: str, parties: Sequence[str]) -> None:
        """Note that the script has made `helper` the helper of an SPU of these parties."""
        self._helpers.append((helper, frozenset(parties) - {helper}))

    def helper_of(self, owners: Sequence[str]) -> str | None:
        """The first party that helps all of `owners` at an SPU, and is none of them."""
        return next((helper for helper, helped in self._helpers if helped.issuperset(owners)), None)

    def open(self) -> Session:
        """Meet the other parties and become the current session."""
        configure(self._settings.logging_level, self._settings.self_party or "")
        if self._passes_over:
            log.warning(
                "sf.init names all parties, so that this process simulates them by itself; to take part in "
                "the run of %s leave `parties` out",
                os.path.basename(self._passes_over),
            )
        register.enter(self)
        self._process = os.getpid()
        try:
            self._program = open_program(self._settings)
        except BaseException:
            register.withdraw(self)
            raise
        _at_exit(self._exit)
        _watch_forks()
        return self

    def shutdown(self) -> None:
        """End in agreement with all parties; see `Program.shutdown`. Idempotent."""
        self.program.shutdown()

    def abort(self, error: BaseException) -> None:
        """End now, because of `error`, and tell the other parties. Idempotent."""
        self.program.abort(error)

    @property
    def over(self) -> bool:
        """Whether the run was opened and has ended."""
        return self._program is not None and self._program.closed

    @property
    def told(self) -> BaseException | None:
        """The first failure of an operation, or of the run, that the script was told of."""
        return None if self._program is None else self._program.told

    @property
    def inherited(self) -> bool:
        """Whether this is a child process, forked while its parent had the session."""
        return self._process != os.getpid() and not self.over

    def check_process(self) -> None:
        """Raise SessionError in a forked child: to the other parties it is nobody."""
        if self.inherited:
            raise SessionError(
                f"this is a child ({os.getpid()}) of the process that runs the session ({self._process}), "
                "and a party is one process",
                fix="let the child compute on plain values, and call devices from the main script only",
            )

    def disown(self) -> None:
        """In a forked child: let go of what would keep the party's place in the network."""
        if self.inherited and self._settings.cluster:
            places = [
                address for each in self._settings.cluster.values() for address in (each.address, each.listen)
            ]
            places += [address for pair in self._settings.sockets.values() for address in pair]
            let_go({address.port for address in places} | (self._program.ports() if self._program else set()))

    def interrupt(self, error: KeyboardInterrupt) -> None:
        """The script was interrupted in a call of ours; see `Program.interrupt`."""
        if self.rehearsal is not None:
            return  # nothing was under way
        if self._program is not None and not self.over and not self.inherited:
            self._program.interrupt(error)

    def reached_script(self, error: JuntoError) -> None:
        """A call of ours raises `error` in the script; see `Program.reached_script`."""
        if self._program is not None and not self.inherited:
            self._program.reached_script(error)

    def __enter__(self) -> Session:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.inherited:
            return
        if error is None or (isinstance(error, SystemExit) and not error.code):
            self.shutdown()
        else:
            self.abort(error)

    def __repr__(self) -> str:
        me = self._settings.self_party or ", ".join(self._settings.parties)
        state = "new"
        if self._program is not None:
            state = "over" if self.over else "open"
        return f"<Session of {me}, job {self._settings.job_name!r}, {self._settings.mode.value}, {state}>"

    def _exit(self) -> None:
        """The interpreter ends and nobody has called `shutdown`."""
        if self._program is None or self.over or self.inherited:
            return
        error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
        if error is not None:
            self.abort(error)
            return
        try:
            self.shutdown()
        except Exception as problem:
            log.error("the run did not end in agreement: %s", problem)
            self.abort(problem)


@public
def init(
    parties: str | Sequence[str] | None = None,
    address: str | None = None,
    **options: Unpack[InitOptions],
) -> Session:
    """Open a session and make it the current one.

    Args:
        parties: all parties, run in this process (simulation, or debug with ``debug_mode=True``).
        address: this party's Ray head ``host:port``; None or ``"local"``: the embedded executor.
        **options: see `InitOptions` and ``docs/reference/settings.md``. ``config="alice.toml"`` reads the
            same settings from a file; what is given here wins.

    Raises:
        ConfigError, CertificateError, ListenError, ExecutorError: something here is wrong; nothing
            was started.
        SessionError: there is a session already.
        HandshakeRefused, IdentityError: another party runs something else, or is somebody else.
        DeadlineExceeded: not all parties came within `meet_timeout_s`.
    """
    return Session(parties, address, **options).open()


@public
def shutdown() -> None:
    """End the current session in agreement with all parties; nothing in flight is lost.

    Raises:
        RemoteError: an operation of ours failed and nobody had looked at it.
        PeerError, ProgramError: the run could not end in agreement, and no call has raised that before.
    """
    session = register.current_or_none()
    if session is not None:
        session.shutdown()


@public
def show_progress(shown: bool = True) -> None:
    """Show how far long computations of this session are, or no longer.

    A line with a bar at a terminal, where that is the default; lines of the log elsewhere. It is local: each
    party chooses for itself.

    Args:
        shown: whether.

    Raises:
        SessionError: there is no session.
    """
    register.current().program.show_progress(shown)


def _with_preset(arguments: dict[str, Any]) -> dict[str, Any]:
    """`junto run` names a file for scripts that do not say who takes part."""
    preset = os.environ.get(register.CONFIG_VARIABLE)
    says_who = any(arguments.get(key) for key in ("parties", "cluster_config", "config"))
    if preset and not says_who:
        return {**arguments, "config": preset}
    return arguments


def _at_exit(callback: Callable[[], None]) -> None:
    # Before the interpreter joins its threads and closes its pools (as concurrent.futures does it):
    # in an ordinary atexit callback no thread could be started any more.
    threading._register_atexit(callback)  # type: ignore[attr-defined]


@cache
def _watch_forks() -> None:
    """Once in a process, and not before there is a session."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=register.in_child)

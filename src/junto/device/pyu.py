"""PYU: plaintext Python at one party."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from os import PathLike
from typing import Any

from junto.device.boundary import public
from junto.device.current import current
from junto.device.handle import Device, DeviceObject, PendingReveal, passage
from junto.device.moves import move
from junto.device.returns import number_of_returns
from junto.errors import DeviceError
from junto.execute.executor import Promise, Ref, Resources, TaskCall
from junto.execute.isolation import owned
from junto.markup import card
from junto.net.api import Stamp
from junto.program.exchange import ValueTransfer
from junto.program.operation import Description, structure
from junto.program.waiting import AwaitedRef
from junto.tree import leaves, map_leaves


class PYU(Device):
    """The Python of one party: functions run there on values in the clear.

    Args:
        party: its name in the configuration.

    ``alice(f)(x, y)`` runs `f` at alice. Handles among the arguments must live at alice; move others
    there with ``.to(alice)``. Every party's script makes the call; alice alone runs it.
    """

    @public
    def __init__(self, party: str) -> None:
        if not isinstance(party, str) or not party:
            raise DeviceError(f"PYU takes the name of a party, not {party!r}", fix='sf.PYU("alice")')
        self._party = party

    @property
    def kind(self) -> str:
        """``PYU``."""
        return "PYU"

    @property
    def party(self) -> str:
        """The party whose Python this is."""
        return self._party

    @property
    def tree_key(self) -> str:
        """The party: a dict may have devices as keys."""
        return self._party

    @public
    def __call__(
        self,
        function: Callable[..., Any],
        *,
        num_returns: int | None = None,
        num_cpus: float | None = None,
        num_gpus: float | None = None,
        resources: Mapping[str, float] | None = None,
        runtime_env: Mapping[str, Any] | None = None,
    ) -> Callable[..., Any]:
        """A function that runs `function` at this party and returns a handle at once.

        Args:
            function: any callable; every party runs its own copy of the script, code does not travel.
            num_returns: number of results, if more than one (default: the length of a
                ``tuple[A, B]`` annotation, else 1); then a list of that many handles is returned.
            num_cpus, num_gpus, resources, runtime_env: for the party's Ray cluster; a party without
                one says once that it shares its process among all calls.

        Raises:
            DeviceError: an argument does not live here, or the party does not exist.
        """
        if not callable(function):
            raise DeviceError(
                f"{self!r} runs functions; {type(function).__name__} is not callable",
                fix="alice(function)(arguments)",
            )
        asked = Resources(num_cpus, num_gpus, dict(resources or {}), runtime_env)
        returns = number_of_returns(function, num_returns)
        name = getattr(function, "__qualname__", type(function).__name__)

        @public
        def run(*args: Any, **kwargs: Any) -> Any:
            return _run(self, function, name, (args, kwargs), returns, asked)

        run.__name__ = run.__qualname__ = name
        run.__wrapped__ = function  # type: ignore[attr-defined]
        return run

    @public
    def dump(self, value: PYUObject, path: str | PathLike[str], *, passphrase: str | None = None) -> None:
        """Keep a value in a file of this party; returns when it is there.

        Args:
            value: a handle at this party, of a type that can travel. No pickle is written.
            path: where; the other parties do not look at it. The file gets mode 0600.
            passphrase: where this party has the one under which the file is encrypted: ``"env:NAME"``,
                ``"file:PATH"`` or ``"prompt"``; None: it is not.

        Raises:
            RemoteError: the value failed, cannot be written as it is, or the disk refuses; or there is no
                passphrase.
            DeviceError: it does not live here; `passphrase` says nothing of that kind.
        """
        from junto.device import encrypted_files, value_files
        from junto.device.disclosure import wait

        encrypted_files.require_passphrase(passphrase)
        step = partial(value_files.write, current().program.wire_policy, passphrase)
        step.__qualname__ = "dump"  # type: ignore[attr-defined]
        wait(self(step)(value, path))

    @public
    def load(self, path: str | PathLike[str], *, passphrase: str | None = None) -> PYUObject:
        """The value that `dump` kept in a file of this party, in this run or an earlier one.

        Args:
            path: of the file; only this party looks at it.
            passphrase: see `dump`.

        Raises:
            RemoteError: when the value is used: the file is not there, or is none of `dump`'s, or does not
                open with this passphrase.
            DeviceError: `passphrase` does not say where one is.
        """
        from junto.device import encrypted_files, value_files

        encrypted_files.require_passphrase(passphrase)
        step = partial(value_files.read, current().program.wire_policy, passphrase)
        step.__qualname__ = "load"  # type: ignore[attr-defined]
        made: PYUObject = self(step)(path)
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PYU) and other._party == self._party

    def __hash__(self) -> int:
        return hash(("PYU", self._party))

    def __repr__(self) -> str:
        return f"PYU({self._party!r})"


class PYUObject(DeviceObject):
    """A value in the clear at one party. It has no content where that party is not.

    Made by calls, moves and `to`; never by hand.
    """

    def __init__(self, session: Any, identity: tuple[int, int], device: PYU, text: str) -> None:
        super().__init__(session, identity)
        self._device = device
        self._text = text
        self._ref: Ref | None = None
        self._moved: dict[str, PYUObject] = {}
        self.sender: str | None = None  # the party that moved it here

    @property
    def device(self) -> PYU:
        """Where it lives."""
        return self._device

    @property
    def ref(self) -> Ref | None:
        """The value, if its party lives in this process.

        Raises:
            DeviceError: it is of the run, and a function is being explained; or the other way round.
        """
        self.check_run()
        return self._ref

    @public
    def to(self, device: Device) -> Any:
        """The value on another device; the owner pushes it.

        Args:
            device: another party's PYU, which may then read the value, or an SPU, where it becomes shares.

        Raises:
            DeviceError: there is no such move.
            RemoteError: when the value is used: its type does not go over the wire, or not onto an SPU.
        """
        return move(self, device)

    def moved_to(self, device: PYU) -> PYUObject:
        """The same value at another party (in the clear: that party may now read it)."""
        if device == self._device:
            return self
        self.check_run()
        program = self._session.program
        program.check_party(device.party)
        before = self._moved.get(device.party)
        operation, index = self.identity
        stamp = program.begin(Description("move", self._device.party, device.party, f"#{operation}.{index}"))
        if before is not None:
            return before
        moved = PYUObject(self._session, (stamp.operation, 0), device, self._text)
        moved._ref = program.transfer(passage(stamp, 0, "move", self._device.party, device.party), self._ref)
        moved.sender = self._device.party
        self._moved[device.party] = moved
        return moved

    def disclose(self, stamp: Stamp, index: int, receivers: Sequence[str]) -> PendingReveal:
        """Show the value to `receivers`; the others learn only that it is there, or failed."""
        self.check_run()
        program = self._session.program
        owner = self._device.party
        nothing = self._nothing() if len(receivers) < len(program.parties) else None
        shown: Ref | None = None
        awaited: list[AwaitedRef] = []
        for number, party in enumerate(program.parties):
            told = party in receivers
            way = passage(
                stamp,
                index * len(program.parties) + number,
                "reveal" if told else "wait",
                owner,
                party,
            )
            ref = self._carry(way, self._ref if told else nothing)
            if ref is not None:
                awaited.append(AwaitedRef(ref, owner))
                shown = ref if told and shown is None else shown
        return PendingReveal(shown, awaited)

    def settle(self, stamp: Stamp, index: int) -> list[AwaitedRef]:
        """Let every party know that the value is there, without showing it."""
        return self.disclose(stamp, index, ()).awaited

    def _carry(self, way: ValueTransfer, ref: Ref | None) -> Ref | None:
        program = self._session.program
        if way.source != way.target:
            return program.transfer(way, ref)
        return program.copy(way, ref) if ref is not None else None

    def _nothing(self) -> Ref | None:
        """None, once the value is there, or its error: what a party learns that may not see it."""
        if self._ref is None:
            return None
        promise = self._session.program.promise(self._device.party)
        self._ref.add_done_callback(partial(_follow, promise))
        return promise

    @property
    def _state(self) -> str:
        if self._ref is None:
            return ""
        if not self._ref.done():
            return "running"
        return "failed" if self._ref.error() is not None else "done"

    def __repr__(self) -> str:
        state = f", {self._state}" if self._state else ""
        return f"<PYUObject at {self._device.party}, operation {self._at} {self._text}{state}>"

    def _repr_html_(self) -> str:
        party = self._device.party
        facts = {"at": party, "made by": f"operation {self._at} {self._text}"}
        state = {"state": self._state} if self._state else {}
        return card("PYUObject", {**facts, **state, "value": f"{party} alone has it; sf.reveal(x) shows it"})

    @public
    def __bool__(self) -> bool:
        raise DeviceError(
            f"{self!r} has no truth value here: it lives at {self._device.party}",
            fix="decide inside a function that runs there and gets it as an argument, or sf.reveal(x) first, "
            "if all may see it",
        )

    @public
    def __iter__(self) -> Any:
        raise DeviceError(
            f"{self!r} cannot be unpacked here: it is one value",
            fix="say how many results there are, alice(f, num_returns=2)(...); inside a function that runs "
            "there, make it an argument",
        )


def _follow(promise: Promise, ref: Ref) -> None:
    error = ref.error()
    if error is None:
        promise.set_value(None)
    else:
        promise.set_error(error)


def made_at(
    session: Any, stamp: Stamp, device: PYU, refs: Sequence[Ref] | None, count: int
) -> list[PYUObject]:
    """Handles for the `count` results of an operation; `refs` if the party lives here."""
    handles = []
    for index in range(count):
        handle = PYUObject(session, (stamp.operation, index), device, stamp.text)
        handle._ref = refs[index] if refs is not None else None
        handles.append(handle)
    return handles


def local_arguments(device: PYU, arguments: tuple[Any, Any]) -> tuple[Any, Any]:
    """The arguments with references in place of handles.

    Raises:
        DeviceError: a handle lives elsewhere.
    """

    def resolve(leaf: Any) -> Any:
        if not isinstance(leaf, DeviceObject):
            return leaf
        if isinstance(leaf, PYUObject) and leaf.device == device:
            return leaf.ref
        raise DeviceError(
            f"{leaf!r} is an argument of a call at {device.party}, but does not live there",
            fix=f"move it, if {device.party} may read it: x.to(PYU({device.party!r}))",
        )

    args, kwargs = arguments
    return map_leaves(resolve, args), map_leaves(resolve, kwargs)


def senders(arguments: tuple[Any, Any]) -> list[str]:
    """The parties that have moved some of the arguments here."""
    handles = (leaf for leaf in leaves(arguments) if isinstance(leaf, PYUObject))
    return sorted({each.sender for each in handles if each.sender is not None})


def put(device: PYU, data: Any) -> Any:
    """Data of the script as a value at `device` (trees: one handle a tree, as a whole)."""
    if any(isinstance(leaf, DeviceObject) for leaf in leaves(data)):
        return map_leaves(lambda leaf: _put_leaf(device, leaf), data)
    return _put_leaf(device, data)


def _put_leaf(device: PYU, leaf: Any) -> Any:
    if isinstance(leaf, DeviceObject):
        return leaf.to(device)
    session = current()
    program = session.program
    program.check_party(device.party)
    stamp = program.begin(Description("put", device.party))
    (handle,) = made_at(session, stamp, device, None, 1)
    if program.is_here(device.party):
        promise = program.promise(device.party)
        promise.set_value(owned(leaf))
        handle._ref = promise
    return handle


def _run(
    device: PYU,
    function: Callable[..., Any],
    name: str,
    arguments: tuple[Any, Any],
    returns: int | None,
    asked: Resources,
) -> Any:
    session = current()
    program = session.program
    program.check_party(device.party)
    local = local_arguments(device, arguments)
    description = Description("call", device.party, name, structure(arguments, DeviceObject), returns or 1)
    stamp = program.begin(description)
    refs = None
    if program.is_here(device.party):
        explain = program.explainer(stamp, device.party, senders(arguments))
        call = TaskCall(function, *local, returns, name, explain, asked)
        refs = program.submit(stamp, device.party, call)
    handles = made_at(session, stamp, device, refs, returns or 1)
    return handles[0] if returns is None else handles

"""SPU: pure jax functions on values that no party sees."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from junto.config.model import Mode
from junto.config.spu_settings import parse_spu
from junto.device.boundary import public, trimmed
from junto.device.current import current
from junto.device.pyu import PYUObject
from junto.device.spu.call_forms import OwnNumbers, Returns, checked, numbers_of, returns_of
from junto.device.spu.calls import run
from junto.device.spu.engine_factory import open_engine
from junto.device.spu.inputs import VALUE
from junto.device.spu.object import SPUObject
from junto.device.spu.persistence import Paths
from junto.device.spu.plans import Plans
from junto.device.spu.spu_device import SpuDevice
from junto.errors import DeviceError
from junto.mpc.settings import MpcSettings, NumberForm
from junto.program.operation import Description

if TYPE_CHECKING:
    from junto.device.spu.explanation import Explanation
    from junto.device.spu.profile import Profile

log: logging.Logger = logging.getLogger("junto.spu")


class SPU(SpuDevice):
    """A device of several parties, on which a value is held in shares that say nothing by themselves.

    Args:
        cluster_def: the nodes and their settings, ``{"nodes": [{"party", "address", "listen_addr"}, ...],
            "runtime_config": {...}}``; see ``docs/reference/spu-settings.md``.
        link_desc: how the nodes' connections are made.
        parties: short for nodes without addresses of their own: their connections run through the parties'
            gateways.
        field, fxp_fraction_bits, overflow: short for these settings of the ``runtime_config``:
            ``sf.SPU(parties=["alice", "bob", "carol"], field="FM64")``.

    ``spu(f)(x, y)`` computes the jax function `f`; handles of values in the clear are shared first, public
    numbers and arrays stay public. The result is a tree like that of `f`, of handles. All parties of the job
    construct the device at the same point of the script, whether they have a node or not.

    The first two parties compute, the third helps and sees shapes only; two alone need nobody. Who could read
    what by colluding with whom, ``repr`` and the log say.

    Raises:
        ConfigError: a setting is wrong, or would need somebody to be trusted who was not named.
        LinkError, HandshakeRefused, IdentityError: the nodes did not come together.
    """

    @public
    def __init__(
        self,
        cluster_def: Mapping[str, Any] | None = None,
        link_desc: Mapping[str, Any] | None = None,
        *,
        parties: Sequence[str] | None = None,
        field: str | int | None = None,
        fxp_fraction_bits: int | None = None,
        overflow: str | None = None,
    ) -> None:
        self._session = current()
        program = self._session.program
        production = program.settings.mode is Mode.PRODUCTION
        short = {"field": field, "fxp_fraction_bits": fxp_fraction_bits, "overflow": overflow}
        self._settings = parse_spu(cluster_def, link_desc, parties, program.parties, production, short)
        names = ",".join(node.party for node in self._settings.nodes)
        stamp = program.begin(Description("spu", names))
        self._name = f"SPU#{stamp.operation}"
        self.numbers: MpcSettings = MpcSettings(
            fraction=self._settings.fraction, width=self._settings.width, checked=self._settings.checked
        )
        self.plans: Plans = Plans(self.numbers, lambda: self.session.program.check())
        self.has_pool = False
        log.info("%s: %s", self._name, self._settings.trust)
        program.timeline.trusts(self._name, self._settings.trust)
        if self._settings.helper is not None:
            self._session.agree_on_helper(self._settings.helper, self._settings.parties)
        self._engine = open_engine(program, self._settings, stamp)
        program.on_close(self._engine.close)

    def __getattr__(self, name: str) -> Any:
        from junto.secretflow import explained

        more = explained(f"SPU.{name}")
        raise AttributeError(f"an SPU has no attribute {name!r}{more}", name=name, obj=self)

    @public
    def __call__(
        self,
        function: Callable[..., Any],
        *,
        static_argnames: str | Sequence[str] | None = None,
        num_returns_policy: Any = None,
        user_specified_num_returns: Annotated[int, "[1, inf)"] | None = None,
        fxp_fraction_bits: int | None = None,
        field: str | None = None,
        reveals: str | Sequence[str] = (),
    ) -> Callable[..., Any]:
        """A function that computes `function` here and returns handles, without waiting for their values.

        What cannot be computed is refused at the call, so a call waits for the shapes of its arguments: for a
        value that its owner is still computing until the owner is ready, for all others not at all.

        Args:
            function: a pure jax function.
            static_argnames: arguments that are part of the program, as in `jax.jit`.
            num_returns_policy: a `SPUCompilerNumReturnsPolicy` or its name; default: a tree of handles, as
                jax would return arrays.
            user_specified_num_returns: how many arrays the function returns: they come as a list, a single
                one by itself.
            fxp_fraction_bits: bits after the point in this call alone: more of them are finer, fewer leave
                more range for products. Arguments and results stay as the SPU holds them, so they have to
                fit into its own range, and have no more than its own precision.
            field: ``"FM64"``: compute in the ring of 64 bits in this call alone, at a third of the cost,
                where all numbers on the way are known to fit into its range. Results stay in it, and so do
                arguments that are still at their owners; those in the SPU's own ring have to be below
                2**(62 - the SPU's bits after the point), 1e9 by default. Default: the SPU's own ring.
            reveals: names of what `function` may reveal to all parties of the SPU while it runs
                (`junto.reveal_inside`); without its name here nothing is. A loop that such a number ends
                shows how often it turns, too.

        Raises:
            NotComputable: the function cannot be computed on secrets, or would reveal what is not in
                `reveals`; the message names line and reason.
            DeviceError: an argument is a handle that may not be shared.
        """
        returns = returns_of(num_returns_policy, user_specified_num_returns)
        call = checked(
            function,
            static_argnames,
            returns,
            OwnNumbers(fxp_fraction_bits, field),
            self._settings,
            reveals,
        )

        @public
        def compute(*args: Any, **kwargs: Any) -> Any:
            return run(self, call, args, kwargs)

        compute.__name__ = compute.__qualname__ = call.name
        return compute

    @public
    def explain(
        self,
        function: Callable[..., Any],
        *,
        static_argnames: str | Sequence[str] | None = None,
        public_argnames: str | Sequence[str] = (),
        fxp_fraction_bits: int | None = None,
        field: str | None = None,
    ) -> Callable[..., Explanation]:
        """A function that says what ``spu(function)(...)`` would cost with its arguments, and runs nothing.

        Arguments are handles on this SPU, public arrays and numbers, or ``jax.ShapeDtypeStruct`` in place of
        a secret array. It sends nothing and begins no operation: any party may ask, alone. A handle that is
        still being computed is waited for.

        Args:
            function: a pure jax function.
            static_argnames: as in a call.
            public_argnames: parameters whose ``ShapeDtypeStruct`` stand for public arrays. What a loop does
                whose condition depends on one is counted per iteration.
            fxp_fraction_bits: as in a call.
            field: as in a call.

        Raises:
            NotComputable: as the call would.
            DeviceError: an argument is a handle that has not been shared yet, so that its shape is not known.
        """
        from junto.device.spu.explain import explain

        call = checked(
            function, static_argnames, Returns(), OwnNumbers(fxp_fraction_bits, field), self._settings
        )
        public = (public_argnames,) if isinstance(public_argnames, str) else public_argnames

        @trimmed
        def count(*args: Any, **kwargs: Any) -> Explanation:
            return explain(self, call, public, args, kwargs)

        return count

    @public
    def profile(self) -> Profile:
        """Measure the calls from here on, at the nodes of this process: what they cost, line by line.

        ``with spu.profile() as profile: ...``, then ``print(profile)``; or keep it and call ``stop()``. It
        is local: no operation begins, and each party measures itself. Calls that are not measured cost
        nothing for it.
        """
        from junto.device.spu.profile import Profile

        return Profile(self._session.program, self.engine.profiles, self._name, self._settings.compute)

    @public
    def open_pool(self, folders: Paths, *, keys: Paths | None = None) -> None:
        """Keep what `preprocess` makes in a folder of each party, and use what an earlier run left there.

        For two parties without a helper. What is in a folder is encrypted and authenticated (AES-256-GCM)
        with keys of that party alone, which go when an entry is used. Do not bring the keys back from a
        backup: see `pool`. Until the run ends no other SPU and no other process opens the same folder.

        Args:
            folders: where: ``{"alice": path, ...}``, or a list in the order of the nodes. Each party uses
                its own alone, so the other's may be None or missing.
            keys: files of the keys, likewise (default: beside the folder, ``.key`` after its name); made
                with mode 0600 if they are not there.

        Raises:
            RemoteError: a folder or a key cannot be used: others may read it, or somebody has it open.
            DeviceError: this SPU has a helper.
        """
        from junto.device.spu.preprocessing import open_pool

        open_pool(self, folders, keys)

    @public
    def preprocess(
        self,
        function: Callable[..., Any],
        *avals: Any,
        runs: int = 100,
        static_argnames: str | Sequence[str] | None = None,
        fxp_fraction_bits: int | None = None,
        **named: Any,
    ) -> None:
        """Make now what so many later calls of `function` will need, and keep it in the pool.

        Such a call sends nothing to prepare and takes up to three rounds more, to agree on an entry and to
        mask its arguments anew. It uses the next entry, which no other call gets, in this run or a later one;
        when there is none left it makes what it needs, as without a pool. What an earlier `preprocess` has
        left of the same call is thrown away. Returns when it is done.

        Args:
            function: as in the call.
            avals: its arguments: a handle on this SPU or a ``jax.ShapeDtypeStruct`` for each secret; public
                ones are what they will be. One handle given twice is one secret, as it has to be in the call.
            runs: how many.
            static_argnames: as in the call.
            fxp_fraction_bits: as in the call.
            named: arguments by name.

        Raises:
            NotComputable: as the call would.
            DeviceError: there is no pool, or nothing to keep; an argument has not been shared yet.
            RemoteError: a disk refuses.
        """
        from junto.device.spu.explain import described
        from junto.device.spu.preprocessing import preprocess

        call = checked(function, static_argnames, Returns(), OwnNumbers(fxp_fraction_bits), self._settings)
        planned, inputs, settings = self.plans.get(call, *described(self, call, frozenset(), avals, named))
        preprocess(self, call, runs, (planned, settings), inputs)

    @public
    def share(
        self, value: PYUObject, *, field: str | None = None, fxp_fraction_bits: int | None = None
    ) -> SPUObject:
        """The same as ``value.to(spu)``, in a ring of its own.

        Calls with ``field="FM64"`` take what is in FM64 as it is, at a third of the cost; other calls bring
        it into their ring, which takes a round and 8 bytes a number each time.

        Args:
            value: a handle of one party's; nobody learns it, all learn its layout.
            field: as in a call: ``"FM64"``, or None for the SPU's own ring.
            fxp_fraction_bits: bits after the point in FM64; in the SPU's own ring there is no choice.

        Raises:
            DeviceError: there is no such ring here, or it has no room for so many bits after the point.
            NotComputable: at the owner, a number is out of the ring's range (2**43 with 18 bits).
        """
        width, fraction = numbers_of(OwnNumbers(fxp_fraction_bits, field), self._settings)
        if width is None and fraction not in (None, self.numbers.fraction):
            raise DeviceError(
                f"numbers in the SPU's own ring have {self.numbers.fraction} bits after the point",
                fix='leave out fxp_fraction_bits, or give field="FM64", too',
            )
        own = None if width is None or fraction is None else NumberForm(width, fraction)
        return self.take(value, VALUE, own)

    def take(self, value: PYUObject, name: str = VALUE, own: NumberForm | None = None) -> SPUObject:
        """Share a value of one party: nobody learns it, all learn its layout.

        Args:
            value: a handle.
            name: for messages.
            own: how it is held; None: as this SPU holds numbers.
        """
        program = self._session.program
        operation, index = value.identity
        owner = value.device.party
        form = "" if own is None else f" {own.width}.{own.fraction}"
        stamp = program.begin(Description("share", owner, self._name, f"#{operation}.{index}{form}"))
        found = self.engine.enter(stamp, owner, value.ref, name, own)
        handle = SPUObject(self._session, (stamp.operation, 0), self, found.held, stamp.text)
        return handle.expects_layout(stamp, found.layout, found.awaited, own)

    @public
    def dump(
        self, value: Any, paths: Paths, *, overwrite: bool = False, passphrase: str | None = None
    ) -> str:
        """Keep a value in files: each compute party a piece that says nothing by itself.

        Returns when all parties have written theirs, and raises at all of them if one could not. Whoever
        gets hold of the files of both compute parties has the value.

        Args:
            value: a handle on this SPU, or a dict, list or tuple of them.
            paths: where: ``{"alice": path, ...}``, or a list in the order of the nodes. Each party uses its
                own alone, so the others' may be None or missing.
            overwrite: whether files may be replaced.
            passphrase: where each party has the one under which its own file is encrypted: ``"env:NAME"``,
                ``"file:PATH"`` or ``"prompt"``; None: it is not.

        Returns:
            A receipt, the same at all parties: 32 letters that name this dump and say nothing of the value.
            Keep it where the files are not, and `load` can tell an older dump from this one.

        Raises:
            RemoteError: a part could not be written, or there is a file already; the value failed; a party
                has no passphrase.
            DeviceError: it does not live here; `passphrase` does not say where one is.
        """
        from junto.device.spu.persistence import dump

        return dump(self, value, paths, overwrite=overwrite, passphrase=passphrase)

    @public
    def load(self, paths: Paths, *, receipt: str | None = None, passphrase: str | None = None) -> SPUObject:
        """The value that was dumped to `paths`, in this run or an earlier one; one handle.

        The SPU must have the same parties in the same roles and the same numbers. The pieces are masked
        anew; the files stay as they are.

        Args:
            paths: as in `dump`.
            receipt: of the dump that is wanted. Without one, an older dump that all parties have at these
                paths is as good as the newest.
            passphrase: see `dump`.

        Raises:
            RemoteError: a party's part is missing, damaged, or not of this SPU, or does not open with its
                passphrase.
            DeviceError: the parts are not of one dump, or not of the one that `receipt` names.
        """
        from junto.device.spu.persistence import load

        return load(self, paths, receipt, passphrase)

    def receive(self, value: SPUObject) -> SPUObject:
        """Take a value of another SPU: nobody learns it."""
        from junto.device.spu.resharing import moved

        return moved(value, self)

    def __repr__(self) -> str:
        names = ", ".join(node.party for node in self._settings.nodes)
        return f"<{self._name} of {names}: {self._settings.trust}>"

"""Without TLS nothing secret leaves this machine: the one rule for SPUs, joins, look-ups and frames alike."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from junto.config.model import Address, Mode, Settings
from junto.errors import ConfigError


def require_private(settings: Settings, what: str, places: Iterable[Address] = ()) -> None:
    """Called before anything is done for `what`.

    Whichever way the messages of `what` go: shares, keys and tags travel through the parties' gateways, too.

    Args:
        settings: of the session.
        what: begins, in words: "an SPU".
        places: further addresses that its messages go to, or come in at.

    Raises:
        ConfigError: there is no TLS, and a party of the job, or one of `places`, is not on loopback.
    """
    if settings.mode is Mode.PRODUCTION and settings.tls is None:
        gateways = [(party.address, party.listen) for party in settings.cluster.values()]
        check_plaintext(what, [*places, *chain.from_iterable(gateways)])


def check_plaintext(what: str, places: Iterable[Address]) -> None:
    """The rule itself, for what goes without TLS between `places`.

    Raises:
        ConfigError: one of them is not on loopback.
    """
    outside = dict.fromkeys(str(place) for place in places if not place.is_loopback)
    if outside:
        raise ConfigError(
            f"{what} needs TLS as soon as it leaves the machine: {', '.join(outside)} "
            "is not on loopback, and whoever reads its messages learns secrets",
            fix="set tls_config; `junto certs` makes certificates",
        )

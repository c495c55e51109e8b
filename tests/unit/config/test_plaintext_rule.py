"""Without TLS nothing leaves the machine, by whatever name or address it would."""

import pytest

from junto.config.model import Address
from junto.config.plaintext import check_plaintext
from junto.errors import ConfigError

HERE = [Address(host, 1) for host in ("127.0.0.1", "127.8.9.10", "::1", "localhost")]
OUTSIDE = [
    Address(host, 1) for host in ("10.0.0.1", "0.0.0.0", "::", "bob.bank", "localhost.bank", "1.127.0.0")
]


def test_on_loopback_it_may():
    check_plaintext("an SPU", HERE)


@pytest.mark.parametrize("place", OUTSIDE, ids=str)
def test_one_place_outside_is_refused_and_named(place):
    with pytest.raises(ConfigError, match="an SPU needs TLS") as raised:
        check_plaintext("an SPU", [*HERE, place])
    assert str(place) in raised.value.message
    assert not any(str(each) in raised.value.message for each in HERE)

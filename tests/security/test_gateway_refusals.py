"""What a hostile party can do with a valid certificate, a raw gRPC client and patience: nothing."""

import os
import resource
import socket
import ssl
from dataclasses import replace

import msgspec
import pytest
import trustme

from gateways import (
    FACTS,
    QUICK,
    Mallory,
    Site,
    error_of,
    in_parallel,
    outcome,
    payload,
    stamp,
    until,
    value,
)
from junto.config.model import LinkSettings, TlsSettings
from junto.errors import HandshakeRefused, PartyUnreachable, ProtocolViolation
from junto.net import frames as f
from junto.net import handshake
from junto.net.api import Abort, Activity, Failure, Stamp, TransferKey
from junto.net.peer import MAX_REFUSALS
from junto.reach.tls_context import client_context

pytestmark = pytest.mark.usefixtures("every_carrier")

PATIENT = LinkSettings(peer_timeout_s=30.0, heartbeat_s=0.2)


class Siege:
    """Alice is real; bob is Mallory with bob's own certificate; they have met."""

    def __init__(self, link: LinkSettings = PATIENT) -> None:
        self.site = Site("alice", "bob", link=link)

    def __enter__(self) -> "Siege":
        self.mallory = Mallory(self.site, "bob", "alice")
        self.alice = self.site.start("alice")
        run, self.talk = in_parallel(lambda: self.alice.meet(15, lambda _: None), self.mallory.enter)
        assert run == self.mallory.run
        return self

    def __exit__(self, *_: object) -> None:
        self.site.__exit__()
        self.mallory.close()

    def refused(self) -> dict[str, int]:
        return self.alice.statistics()["peers"]["bob"]["refused"]

    def is_served(self, operation: int = 900, transfer: int = 900) -> None:
        """Whether alice still takes what she expects."""
        arrival = self.alice.expect("bob", TransferKey(operation, 0))
        self.talk.say(value(transfer, operation, data=b"good"))
        assert outcome(arrival) == b"good"


def nothing_kept(siege: Siege) -> bool:
    peer = siege.alice.statistics()["peers"]["bob"]
    return peer["early_values"] == 0 and peer["in_memory_bytes"] == 0 and peer["received"]["values"] == 0


# Who speaks.


def test_a_message_that_claims_another_sender_is_refused():
    with Site("alice", "bob", "carol") as site:
        alice = site.start("alice")
        mallory = Mallory(site, "bob", "alice")
        talk = mallory.dial()
        talk.say(handshake.hello("carol", "junto", site.parties, FACTS, b"n" * 16))
        refused = talk.next()
        assert isinstance(refused, f.Refused)
        assert refused.final
        assert "certificate names bob" in refused.cause
        assert talk.next() is None
        assert alice.statistics()["peers"]["bob"]["refused"] == {"identity": 1}
        assert "carol" not in alice._meeting._nonces
        mallory.close()


def test_a_certificate_that_names_no_party_is_refused():
    with Site() as site:
        authority = trustme.CA()
        ca = authority.cert_pem.bytes()

        def issued(name: str) -> TlsSettings:
            made = authority.issue_cert(name)
            return TlsSettings(ca, made.cert_chain_pems[0].bytes(), made.private_key_pem.bytes())

        site.credentials = {party: issued(party) for party in site.parties}
        alice = site.start("alice")
        mallory = Mallory(site, "bob", "alice")
        talk = mallory.dial(issued("mallory"))
        talk.say(mallory.hello)
        refused = talk.next()
        assert isinstance(refused, f.Refused)
        assert "mallory" in refused.cause
        assert alice.statistics()["refused"] == {"identity": 1}
        mallory.close()


def test_no_certificate_and_another_ca_do_not_get_through_tls():
    with Site() as site:
        site.start("alice")
        address = site.cluster["alice"].address
        for own in (None, trustme.CA().issue_cert("bob")):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_alpn_protocols(["h2"])
            if own is not None:
                own.configure_cert(context)
            assert _greeting(address.host, address.port, context) == b""


def _greeting(host: str, port: int, context: ssl.SSLContext) -> bytes:
    """The first byte of the server's HTTP/2 greeting; none if it does not let us in."""
    try:
        with (
            socket.create_connection((host, port), 5) as plain,
            context.wrap_socket(plain) as secured,
        ):
            secured.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            return secured.recv(1)
    except (ssl.SSLError, ConnectionError):
        return b""


def test_tls_1_2_is_refused(every_carrier):
    with Site() as site:
        alice = site.start("alice")
        address, own = site.cluster["alice"].address, site.credentials["bob"]
        context = client_context(own)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        if every_carrier == "socket":
            with (
                socket.create_connection((address.host, address.port), 5) as plain,
                pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"),
            ):
                context.wrap_socket(plain)
            return
        # A stream by hand: preface, SETTINGS, HEADERS for our method with an empty window of data.
        headers = _headers(
            [
                (":method", "POST"),
                (":scheme", "https"),
                (":path", "/junto.Silo/Push"),
                (":authority", "alice"),
                ("content-type", "application/grpc"),
                ("te", "trailers"),
            ]
        )
        with (
            socket.create_connection((address.host, address.port), 5) as plain,
            context.wrap_socket(plain) as secured,
        ):
            secured.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0" + headers)
            until(lambda: alice.statistics()["refused"] == {"identity": 1})


def _headers(pairs: list[tuple[str, str]]) -> bytes:
    block = b"".join(
        b"\0" + bytes([len(name)]) + name.encode() + bytes([len(text)]) + text.encode()
        for name, text in pairs
    )
    return len(block).to_bytes(3, "big") + b"\x01\x04" + (1).to_bytes(4, "big") + block


# Which job, which run.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"job": "another"}, "job name"),
        ({"parties": ("alice", "bob", "carol")}, "parties"),
        ({"protocol": f.PROTOCOL + 1}, "protocol version"),
        ({"facts": {}}, "wire version"),
    ],
)
def test_another_job_is_refused_and_nothing_is_stored(changes, said):
    with Site() as site:
        alice = site.start("alice")
        mallory = Mallory(site, "bob", "alice")
        fields = {name: getattr(mallory.hello, name) for name in mallory.hello.__struct_fields__}
        talk = mallory.dial()
        talk.say(f.Hello(**{**fields, **changes}))
        assert isinstance(talk.next(), f.Hello)
        talk.say(f.Resume(b"r" * 16), value(0, 1))
        assert talk.next() is None
        with pytest.raises(HandshakeRefused, match=said):
            alice.meet(5, lambda _: None)
        assert alice.statistics()["peers"]["bob"]["refused"]["settings"] >= 1
        mallory.close()


def test_another_run_and_another_start_are_refused():
    with Siege() as siege:
        again = siege.mallory.greet()
        again.say(f.Resume(b"r" * 16))
        refused = again.next()
        assert isinstance(refused, f.Refused)
        assert refused.final
        restarted = siege.mallory.dial()
        restarted.say(handshake.hello("bob", "junto", siege.site.parties, FACTS, b"n" * 16))
        refused = restarted.next()
        assert isinstance(refused, f.Refused)
        assert "connected to another start" in refused.cause
        assert not refused.final  # the start that we know may end, and another run begin
        assert siege.refused() == {"another run": 2}
        siege.is_served()


def test_values_before_the_handshake_are_refused():
    with Siege() as siege:
        for opening in ((value(0, 1),), (siege.mallory.hello, value(0, 1)), (f.Resume(siege.mallory.run),)):
            talk = siege.mallory.dial()
            talk.say(*opening)
            frame = talk.next()
            assert isinstance(frame, f.Refused), frame
        talk = siege.mallory.greet()
        talk.raw(f.pack_chunk(0, 0, [memoryview(b"x")]))
        assert isinstance(talk.next(), f.Refused)
        assert siege.refused() == {"out of order": 4}
        assert nothing_kept(siege)
        siege.is_served()


# What it sends.


def test_ten_thousand_unsolicited_values_are_refused_and_memory_is_bounded():
    with Siege(replace(PATIENT, quota_bytes=1 << 20)) as siege:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        siege.alice.publish(Activity(stamp(2000)))
        data = os.urandom(5_000)
        for number in range(10_000):
            operation = 1 + number % 4000  # behind, within the window, and far ahead
            siege.talk.say(value(number, operation, number // 4000, data))
            if number % 500 == 0:
                peer = siege.alice.statistics()["peers"]["bob"]
                assert peer["in_memory_bytes"] <= 1 << 20
        kind, party, error = siege.site.heard["alice"].next(20)
        assert (kind, party) == ("unreachable", "bob")
        assert isinstance(error, ProtocolViolation)
        assert sum(siege.refused().values()) >= MAX_REFUSALS
        assert set(siege.refused()) <= {"unexpected", "beyond the window"}
        assert siege.alice.statistics()["peers"]["bob"]["in_memory_bytes"] <= 1 << 20
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150 << 10


def test_values_that_are_parked_for_ever_are_dropped_when_their_operation_is_over():
    with Siege() as siege:
        for number in range(100):
            siege.talk.say(value(number, 1, number))
        until(lambda: siege.alice.statistics()["peers"]["bob"]["early_values"] == 100)
        siege.alice.publish(Activity(stamp(1)))
        siege.alice.publish(Activity(stamp(2)))
        assert siege.alice.statistics()["peers"]["bob"]["early_values"] == 0
        assert siege.refused() == {"unexpected": 100}
        siege.is_served(900, 900)


def test_a_replay_and_a_second_value_for_a_key_are_refused():
    with Siege() as siege:
        arrival = siege.alice.expect("bob", TransferKey(1, 0))
        siege.talk.say(value(0, 1, data=b"first"))
        assert outcome(arrival) == b"first"
        siege.talk.say(value(0, 1, data=b"replayed"))
        siege.talk.say(value(1, 2, data=b"parked"), value(2, 2, data=b"second"))
        until(lambda: siege.refused() == {"duplicate": 1, "second value": 1})
        assert outcome(siege.alice.expect("bob", TransferKey(2, 0))) == b"parked"
        siege.is_served()


def test_lengths_that_lie_cost_their_sender_and_not_us():
    with Siege() as siege:
        arrivals = [siege.alice.expect("bob", TransferKey(1, index)) for index in range(3)]
        huge = (1 << 62, 1 << 46, 5 << 40)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for index, nbytes in enumerate(huge):
            siege.talk.say(f.Offer(index, TransferKey(1, index), stamp(1), nbytes))
        for _ in huge:
            assert isinstance(siege.talk.next(), f.Accept)
        assert siege.alice.statistics()["peers"]["bob"]["in_memory_bytes"] == 0
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 << 10
        siege.talk.say(f.Offer(3, TransferKey(1, 3), stamp(1), 0))
        siege.talk.raw(f.pack_chunk(0, 7, [memoryview(b"not at its place")]))
        siege.talk.raw(f.pack_chunk(77, 0, [memoryview(b"of nothing")]))
        until(lambda: siege.refused() == {"malformed": 1, "chunk out of place": 1, "chunk of nothing": 1})
        assert not any(arrival.progress()[0] for arrival in arrivals)
        siege.is_served()


def test_a_chunk_beyond_the_announced_end_is_refused():
    with Siege() as siege:
        arrival = siege.alice.expect("bob", TransferKey(1, 0))
        siege.talk.say(f.Offer(0, TransferKey(1, 0), stamp(1), 10))
        assert isinstance(siege.talk.next(), f.Accept)
        siege.talk.raw(f.pack_chunk(0, 0, [memoryview(b"x" * 11)]))
        siege.talk.raw(f.pack_chunk(0, 0, [memoryview(b"0123456789")]))
        assert outcome(arrival) == b"0123456789"
        assert siege.refused() == {"chunk out of place": 1}


def as_long(frame: f.ControlFrame, nbytes: int) -> bytes:
    """A message of one frame in which the text "LONG" is as long as no honest party can make it."""

    def longer(part):
        if isinstance(part, list):
            return [longer(each) for each in part]
        return "x" * nbytes if part == "LONG" else part

    return b"\x00" + msgspec.msgpack.encode(longer(msgspec.msgpack.decode(f.pack([frame])[1:])))


RANDOM = [
    b"",
    b"\x00",
    b"\x01",
    b"\x01" + b"\xff" * 16,
    b"\x02anything",
    b"\x00\x93\x01\x02",
    b"\x00" + b"\x91" * 5000,
    b"\x00\xdd\xff\xff\xff\xff",
    b"\x00\x91\x91\x63",
    f.pack([f.Accept(-1)]),
    f.pack([f.Value(1, TransferKey(1, -1), stamp(1), memoryview(b""))]),
    f.pack([f.Value(1, TransferKey(-1, 0), stamp(1), memoryview(b""))]),
    f.pack([f.Value(1, TransferKey(1, 0), stamp(1), memoryview(bytes(f.INLINE_BYTES + 1)))]),
    as_long(f.Heartbeat(Activity(Stamp(1, b"d" * 16, "LONG", "s"))), 10_000),
    f.pack([f.Heartbeat(Activity(Stamp(1, b"d" * 1000, "x", "s")))]),
    as_long(f.Ending(Abort("LONG", "")), 10_000),
    as_long(f.Failed(1, TransferKey(1, 0), stamp(1), Failure("bob", 1, "t", "s", "E", "i", "LONG")), 100_000),
    b"\xff" + os.urandom(999),  # the first byte says what it is, and some of them are something
]


@pytest.mark.parametrize("message", RANDOM, ids=range(len(RANDOM)))
def test_bytes_that_are_no_frames_end_the_stream_and_nothing_else(message):
    with Siege() as siege:
        siege.talk.raw(message)
        while not isinstance(frame := siege.talk.next(), f.Refused):
            assert frame is not None
        assert siege.refused() == {"malformed": 1}
        assert nothing_kept(siege)
        siege.talk = siege.mallory.enter()
        siege.is_served()


def test_too_much_nonsense_ends_the_run_with_that_party():
    with Siege() as siege:
        siege.talk.say(*[value(0, 5000)] * (MAX_REFUSALS + 10))
        kind, party, error = siege.site.heard["alice"].next(10)
        assert (kind, party, type(error)) == ("unreachable", "bob", ProtocolViolation)
        talk = siege.mallory.dial()
        talk.say(siege.mallory.hello)
        refused = talk.next()
        assert isinstance(refused, f.Refused)
        assert refused.kind == "given up"


def test_a_flood_in_the_log_is_bounded(caplog):
    with Siege() as siege:
        siege.talk.say(*[value(0, 5000)] * (MAX_REFUSALS - 1))
        until(lambda: sum(siege.refused().values()) == MAX_REFUSALS - 1)
        lines = [record for record in caplog.records if "refused from bob" in record.message]
        assert len(lines) <= 10


def test_streams_that_never_greet_do_not_keep_others_out():
    with Siege() as siege:
        idle = [siege.mallory.dial() for _ in range(12)]
        for talk in idle:
            talk.say(siege.mallory.hello)
        until(lambda: sum(1 for talk in idle if _is_over(talk)) >= 6)
        siege.is_served()


def _is_over(talk) -> bool:
    while not talk.frames.empty():
        if talk.frames.get() is None:
            talk.over = True
    return getattr(talk, "over", False)


def test_acknowledgements_of_what_was_never_sent_change_nothing():
    with Siege() as siege:
        delivery = siege.alice.push("bob", TransferKey(1, 0), stamp(1), payload(b"x" * (f.INLINE_BYTES + 1)))
        offer = siege.mallory.heard.get(timeout=5)
        while not isinstance(offer, f.Offer):
            offer = siege.mallory.heard.get(timeout=5)
        line = siege.mallory._lines[-1]
        line.say(f.Ack((5, 6), ((offer.transfer, 1 << 40), (9, 9)), 3), f.Accept(77), f.Declined(78, "no"))
        line.say(f.Ack((offer.transfer,), (), 3))
        assert error_of(delivery) is None
        siege.is_served()


@pytest.mark.slow
def test_a_party_that_was_given_up_learns_it():
    with Siege(replace(QUICK, peer_timeout_s=0.5)) as siege:
        error = siege.site.heard["alice"].next(15)[2]  # Mallory sends no heartbeats
        assert isinstance(error, PartyUnreachable)
        frame = siege.talk.next()
        while isinstance(frame, f.Resumed | f.Ack):
            frame = siege.talk.next()
        assert isinstance(frame, f.Refused)
        assert frame.kind == "given up"


def test_a_failure_that_names_a_stranger_is_one_of_its_sender():
    with Site("alice", "bob", tls=False) as site:
        mallory = Mallory(site, "bob", "alice")
        gateway = site.start("alice")
        talk = mallory.enter()
        arrival = gateway.expect("bob", TransferKey(1, 0))
        failure = Failure("zed", 1, "f", "x.py:1", "ValueError", "abcd")
        talk.say(f.Failed(0, TransferKey(1, 0), stamp(1), failure))
        assert outcome(arrival).party == "bob"
        mallory.close()

"""Doctors of two parties at once, in networks that are wrong in one way each: both tell one story.

`PYTHONPATH=tests python tests/multiparty/test_doctor_networks.py` writes what they say to the page.
"""

from __future__ import annotations

import datetime
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

import networks
from junto.certificates import Credential, create_ca, issue, load_ca
from networks import ALICE, BOB, INSIDE, OUTSIDE, PORT, Job, Pair

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def signed(
    name: str,
    by: Credential | None,
    *,
    ca: bool = False,
    since: datetime.datetime = NOW - DAY,
    until: datetime.datetime = NOW + 300 * DAY,
) -> Credential:
    """A certificate that `junto certs` would not make: by an intermediate, of other days."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    authority, signer = (None, key) if by is None else load_ca(by)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if authority is None else authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(
                (key if authority is None else authority).public_key()  # type: ignore[union-attr]
            ),
            critical=False,
        )
        .sign(signer, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Credential(certificate.public_bytes(Encoding.PEM), private)


CA = create_ca("Pilot")
OTHER_CA = create_ca("Gateway")
ROOT = signed("root", None, ca=True)
ISSUING = signed("issuing", ROOT, ca=True)
OWN = {name: issue(name, (), CA) for name in ("alice", "bob", "carol")}
BELOW = {name: signed(name, ISSUING) for name in ("alice", "bob")}


@dataclass(frozen=True, slots=True)
class Side:
    """One party's settings: what it is told of the other, what it shows and whom it trusts."""

    other: str
    own: str
    shows: Credential
    trusts: bytes = CA.pem
    more: str = ""
    clock: str = ""


SIDES = {
    "alice": Side(f"{BOB}:{PORT}", f"{ALICE}:{PORT}", OWN["alice"]),
    "bob": Side(f"{ALICE}:{PORT}", f"{BOB}:{PORT}", OWN["bob"]),
    "carol": Side(f"{BOB}:{PORT}", f"{INSIDE}:{PORT}", OWN["carol"]),
}
Causes = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """What is wrong, and what each doctor then finds: rung and cause of every failure, as ``tcp refused``.

    `holds` is what both say of a rung that holds, which the page leaves out.
    """

    title: str
    alice: Causes = ()
    bob: Causes = ()
    rules: Mapping[str, str] = field(default_factory=dict)
    helpers: Sequence[Job] = ()
    sides: Mapping[str, Side] = field(default_factory=dict)
    runs: Sequence[str] = ("alice", "bob")
    wait: str = "8"
    holds: str = ""


def side(who: str, **changes: object) -> dict[str, Side]:
    return {who: replace(SIDES[who], **changes)}  # type: ignore[arg-type]


def chained(who: str, trusts: bytes, *, whole: bool = True) -> dict[str, Side]:
    """A certificate by the intermediate CA, which is in the file, too, if it is `whole`."""
    own = BELOW[who]
    return side(who, shows=replace(own, pem=own.pem + ISSUING.pem) if whole else own, trusts=trusts)


HERE = f"tcp dport {PORT}"
DROPPED: Mapping[str, Causes] = {"alice": ("tcp filtered",), "bob": ("from there filtered",)}
REFUSED: Mapping[str, Causes] = {"alice": ("tcp refused",), "bob": ("from there refused",)}
CASES = {
    "well": Case("All is well"),
    "session": Case(
        "All is well, and bob's session already waits for alice",
        helpers=[Job("bob", ["run", "script.py", "-c", "bob.toml"])],
        runs=("alice",),
    ),
    "slow": Case(
        "All is well, over a line with a round trip of 200 ms that loses one packet of twenty",
        helpers=[Job("alice", ["bob", ALICE, BOB], "slow")],
        wait="15",
    ),
    "absent": Case("Bob's program is not there", ("tcp refused",), runs=("alice",)),
    "drop": Case("Bob's firewall drops what comes in", **DROPPED, rules={"bob": f"input: {HERE} drop"}),
    "reset": Case(
        "Bob's firewall rejects what comes in, with a reset",
        **REFUSED,
        rules={"bob": f"input: {HERE} reject with tcp reset"},
    ),
    "reject": Case(
        "Bob's firewall rejects what comes in, by ICMP", **REFUSED, rules={"bob": f"input: {HERE} reject"}
    ),
    "prohibited": Case(
        "A firewall between rejects what goes to bob, by ICMP",
        ("tcp unreachable",),
        ("from there unreachable",),
        {"router": f"forward: iifname inside {HERE} reject with icmp type admin-prohibited"},
    ),
    "egress": Case(
        "Alice's own firewall lets nothing out", **DROPPED, rules={"alice": f"output: {HERE} drop"}
    ),
    "both": Case(
        "A firewall between drops both directions",
        ("tcp filtered",),
        ("tcp filtered",),
        {"router": f"forward: {HERE} drop"},
    ),
    "nobody": Case(
        "Alice's address of bob leads to no machine",
        **DROPPED,
        rules={"router": "forward: ip daddr 198.51.100.77 drop"},
        sides=side("alice", other=f"198.51.100.77:{PORT}"),
    ),
    "mtu": Case(
        "Packets of more than 1300 bytes are lost",
        ("http2 mtu",),
        ("http2 mtu",),
        {"router": "forward: ip length > 1300 drop"},
    ),
    "mtu-there": Case(
        "Packets of more than 1300 bytes are lost on the way to bob only",
        ("size mtu",),
        ("http2 mtu",),
        {"router": "forward: oifname outside ip length > 1300 drop"},
    ),
    "nat": Case(
        "Alice is behind a NAT and can only dial out",
        ("from there refused",),
        ("tcp refused",),
        {
            "router": "postrouting: oifname outside masquerade\n"
            "forward: iifname outside oifname inside ct state new drop"
        },
        sides=side("bob", other=f"{OUTSIDE}:{PORT}"),
        holds="only alice dials",
    ),
    "forwarded": Case(
        "All is well, and alice is behind a NAT that forwards her port",
        rules={
            "router": "postrouting: oifname outside masquerade\n"
            f"prerouting: iifname outside {HERE} dnat to {ALICE}:{PORT}"
        },
        sides=side("bob", other=f"{OUTSIDE}:{PORT}"),
    ),
    "another": Case(
        "Alice's address of bob is that of carol, another party",
        ("identity wrong-party",),
        ("from there wrong-party",),
        helpers=[Job("router", ["doctor", "-c", "carol.toml", "--wait", "60"])],
        sides=side("alice", other=f"{INSIDE}:{PORT}"),
    ),
    "web": Case(
        "Alice's address of bob is that of a web server",
        ("tls plaintext-peer",),
        ("from there plaintext-peer",),
        helpers=[Job("router", [INSIDE, str(PORT)], "http")],
        sides=side("alice", other=f"{INSIDE}:{PORT}"),
    ),
    "occupied": Case(
        "A web server holds bob's port",
        ("tls plaintext-peer", "from there in-use"),
        ("listen in-use", "from there plaintext-peer"),
        helpers=[Job("bob", ["0.0.0.0", str(PORT)], "http")],
    ),
    "frozen": Case(
        "What holds bob's port is frozen",
        ("tls silent", "from there in-use"),
        ("listen in-use", "from there silent"),
        helpers=[Job("bob", ["0.0.0.0", str(PORT)], "mute")],
    ),
    "proxy": Case(
        "A proxy takes whatever goes out of alice's network",
        ("tls plaintext-peer",),
        ("from there plaintext-peer",),
        {"router": f"prerouting: iifname inside {HERE} redirect to :3128"},
        [Job("router", ["0.0.0.0", "3128"], "http")],
    ),
    "intercepted": Case(
        "A gateway of alice's network ends TLS, to inspect it",
        ("chain untrusted",),
        ("from there untrusted",),
        {"router": f"prerouting: iifname inside {HERE} redirect to :8443"},
        [Job("router", ["0.0.0.0", "8443", "gateway.pem"], "interceptor")],
    ),
    "old": Case(
        "A gateway of alice's network ends TLS, and speaks TLS 1.2 at most",
        ("tls tls-version",),
        ("from there tls-version",),
        {"router": f"prerouting: iifname inside {HERE} redirect to :8443"},
        [Job("router", ["0.0.0.0", "8443", "gateway.pem", "TLSv1_2"], "interceptor")],
    ),
    "stranger": Case(
        "Bob's certificate is of a CA that alice does not know",
        ("chain untrusted",),
        ("http2 own-certificate-refused",),
        sides=side("bob", shows=issue("bob", (), OTHER_CA)),
    ),
    "intermediate": Case(
        "Alice's ca_cert is an intermediate CA instead of its root",
        ("chain untrusted",),
        ("from there untrusted",),
        sides={**chained("alice", ISSUING.pem), **chained("bob", ROOT.pem)},
    ),
    "incomplete": Case(
        "Bob's cert lacks the intermediate CA's certificate",
        ("chain untrusted",),
        ("http2 own-certificate-refused",),
        sides={**chained("alice", ROOT.pem), **chained("bob", ROOT.pem, whole=False)},
    ),
    "expired": Case(
        "Bob's certificate has expired",
        ("chain expired",),
        ("certificate expired", "http2 own-certificate-refused"),
        sides=side("bob", shows=signed("bob", CA, since=NOW - 30 * DAY, until=NOW - 2 * DAY)),
    ),
    "early": Case(
        "Bob's certificate is not valid yet",
        ("chain not-yet-valid",),
        ("certificate not-yet-valid", "http2 own-certificate-refused"),
        sides=side("bob", shows=signed("bob", CA, since=NOW + 3 * DAY)),
    ),
    "ahead": Case(
        "Bob's clock is three years ahead",
        ("http2 own-certificate-refused",),
        ("certificate expired", "chain expired"),
        sides=side("bob", clock="+3y"),
        wait="15",
    ),
    "behind": Case(
        "Bob's clock is a year behind",
        ("http2 own-certificate-refused",),
        ("certificate not-yet-valid", "chain not-yet-valid"),
        sides=side("bob", clock="-1y"),
        wait="15",
    ),
    "misnamed": Case(
        "Bob's certificate names somebody else",
        ("identity wrong-party",),
        ("certificate wrong-party", "answers wrong-party"),
        sides=side("bob", shows=signed("robert", CA)),
    ),
    "plain": Case(
        "Bob has no tls_config",
        ("tls plaintext-peer",),
        ("http2 tls-peer",),
        sides=side("bob", trusts=b""),
    ),
    "ledger": Case(
        "Bob's ledger cannot be written",
        ("from there ledger",),
        ("ledger ledger",),
        sides=side("bob", more='ledger = "/proc/ledger.jsonl"\n'),
    ),
}
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "doctor.md"


def write(folder: Path, case: Case) -> Pair:
    """The files of a case, and what is to be run."""
    folder.mkdir()
    sides = {**SIDES, **case.sides}
    for name, each in sides.items():
        for file, content in (("ca", each.trusts), ("cert", each.shows.pem), ("key", each.shows.key)):
            (folder / f"{name}.{file}").touch(0o600)
            (folder / f"{name}.{file}").write_bytes(content)
        (folder / f"{name}.toml").write_text(settings(name, each))
    (folder / "script.py").write_text("import junto as sf\nsf.init()\n")
    gateway = issue("bob", (), OTHER_CA)
    (folder / "gateway.pem").write_bytes(gateway.pem + gateway.key)

    def placed(job: Job) -> Job:
        found = [str(folder / each) if (folder / each).exists() else each for each in job.arguments]
        return replace(job, arguments=found)

    jobs = [
        placed(Job(name, ["doctor", "-c", f"{name}.toml", "--wait", case.wait], clock=sides[name].clock))
        for name in case.runs
    ]
    return Pair(case.rules, [placed(each) for each in case.helpers], jobs)


def settings(name: str, each: Side) -> str:
    other = "alice" if name == "bob" else "bob"
    text = f'''{each.more}
[cluster_config]
self_party = "{name}"
[cluster_config.parties.{name}]
address = "{each.own}"
listen_addr = "0.0.0.0:{PORT}"
[cluster_config.parties.{other}]
address = "{each.other}"
'''
    tls = f'[tls_config]\nca_cert = "{name}.ca"\ncert = "{name}.cert"\nkey = "{name}.key"\n'
    return text + (tls if each.trusts else "")


def examined(chosen: Mapping[str, Case], folder: Path) -> dict[str, dict[str, str]]:
    """What each party's doctor printed, by case and party."""
    answers = networks.run([write(folder / name, case) for name, case in chosen.items()], folder)
    return {
        name: dict(zip(case.runs, found, strict=True))
        for (name, case), found in zip(chosen.items(), answers, strict=True)
    }


def causes(text: str) -> Causes:
    return tuple(
        f"{rung.strip()} {cause}" for rung, cause in re.findall(r"✗ (.{11}) .* \[(.*)\]$", text, re.M)
    )


def told(text: str) -> str:
    """What a doctor says is not as it should be, without what is another time each time."""
    lines = [line for line in text.splitlines() if re.match("  [✗!]| {16}", line)]
    text = "\n".join([*lines, text.splitlines()[-1].partition(",")[0]])
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "2026-01-31 12:00 UTC", text)
    return re.sub(r"\d+ h from now", "72 h from now", text)


def section(case: Case, texts: Mapping[str, str]) -> str:
    """A case as the documentation shows it."""
    said = "\n\n".join(
        f"{name}$ junto doctor --config {name}.toml\n{told(text)}" for name, text in texts.items()
    )
    return f"### {case.title}\n\n```text\n{said}\n```\n"


def differs(case: Case, texts: Mapping[str, str]) -> bool:
    """Whether the doctors found something else, or said it in other words than the page."""
    expected = dict(zip(("alice", "bob"), (case.alice, case.bob), strict=True))
    found = {name: causes(text) for name, text in texts.items()}
    return (
        found != {name: expected[name] for name in case.runs}
        or section(case, texts) not in PAGE.read_text()
        or not all(case.holds in text for text in texts.values())
    )


def possible() -> dict[str, Case]:
    """The cases that this machine can make."""
    return {
        name: each
        for name, each in CASES.items()
        if FAKETIME or not each.sides or not any(one.clock for one in each.sides.values())
    }


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_both_doctors_tell_the_same_story(tmp_path: Path) -> None:
    if reason := networks.missing():
        pytest.skip(f"{reason}: the doctor was not tried in networks that are wrong")
    chosen = possible()
    (tmp_path / "first").mkdir()
    answers = examined(chosen, tmp_path / "first")
    # Doctors have seconds, and a machine at its limit may take them: what differs is tried again with more.
    again = {name: replace(case, wait="25") for name, case in chosen.items() if differs(case, answers[name])}
    (tmp_path / "again").mkdir()
    answers |= examined(again, tmp_path / "again")
    assert {name: answers[name] for name, case in again.items() if differs(case, answers[name])} == {}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        answers_ = examined(CASES, Path(place))
    text_ = PAGE.read_text()
    first = text_.index("### ")
    PAGE.write_text(
        text_[:first] + "\n".join(section(CASES[name], texts) for name, texts in answers_.items())
    )

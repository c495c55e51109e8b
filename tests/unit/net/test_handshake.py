from junto.net import handshake

PARTIES = ("bob", "alice")


def hello(party="alice", job="job", parties=PARTIES, facts=None, nonce=b"n" * 16):
    return handshake.hello(party, job, parties, facts or {"wire version": "1"}, nonce)


def test_equal_settings_have_no_difference_whatever_the_order_and_the_versions():
    mine, theirs = hello(), hello("bob", parties=PARTIES[::-1], nonce=b"m" * 16)
    assert handshake.compare(mine, theirs) == []
    assert set(mine.versions) >= {"junto", "python", "numpy"}


def test_every_difference_is_listed_with_both_values():
    theirs = hello("bob", "other", ("alice", "bob", "carol"), {"wire pickle": "off"})
    differences = handshake.compare(hello(), theirs)
    assert [(one.what, one.mine, one.theirs) for one in differences] == [
        ("job name", "job", "other"),
        ("parties", "alice, bob", "alice, bob, carol"),
        ("wire version", "1", None),
        ("wire pickle", None, "off"),
    ]


def test_both_sides_print_the_same():
    mine, theirs = hello(), hello("bob", "other")
    here = handshake.refusal(mine, theirs, handshake.compare(mine, theirs))
    there = handshake.refusal(theirs, mine, handshake.compare(theirs, mine))
    assert here.message.splitlines()[1:] == there.message.splitlines()[1:]
    assert here.message.splitlines()[1:] == ["  job name", "    alice  job", "    bob    other"]
    assert (here.party, there.party) == ("bob", "alice")


def test_the_run_s_id_depends_on_everything_and_on_no_order():
    nonces = {"alice": b"a" * 16, "bob": b"b" * 16}
    run = handshake.run_id("job", nonces)
    assert len(run) == 16
    assert run == handshake.run_id("job", dict(reversed(nonces.items())))
    others = [
        handshake.run_id("jo", nonces),
        handshake.run_id("job", {"alice": b"b" * 16, "bob": b"a" * 16}),
        handshake.run_id("job", {**nonces, "carol": b"c" * 16}),
        handshake.run_id("job", {"alic": b"e" + b"a" * 15, "bob": b"b" * 16}),
    ]
    assert len({run, *others}) == 5

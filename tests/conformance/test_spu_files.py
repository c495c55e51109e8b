"""Values kept in files: back as they were, and never from parts that do not belong together."""

from __future__ import annotations

import os
import shutil
import stat

import numpy as np
import pytest

import junto as sf
from junto.device.spu import sharefile
from spu_values import secret, spu_of

PARTIES = ["alice", "bob", "carol", "dave"]
TREE = {
    "w": np.array([[1.5, -2.25], [0.0, 100.0]], np.float32),
    3: (np.array([3, -4], np.int32), [np.uint8(200)]),
    "b": np.array([True, False, True]),
    "none": np.zeros((0, 2), np.float32),
}


@pytest.fixture(scope="module", params=["debug", "simulation"])
def spus(request):
    sf.init(parties=PARTIES, address="local", debug_mode=request.param == "debug", logging_level="error")
    yield {
        "first": spu_of("alice", "bob", "carol", "dave"),
        "again": spu_of("alice", "bob", "carol"),
        "turned": spu_of("bob", "alice", "carol"),
        "coarse": spu_of("alice", "bob", "carol", bits=14),
        "pair": spu_of("alice", "bob"),
        "pair again": spu_of("alice", "bob"),
    }
    sf.shutdown()


@pytest.fixture
def paths(tmp_path):
    return {party: tmp_path / f"{party}.share" for party in PARTIES[:3]}


def cause(caught):
    return str(caught.value.__cause__)


def same(got):
    assert np.abs(got["w"] - TREE["w"]).max() <= 2**-18
    assert (got[3][0] == TREE[3][0]).all()
    assert type(got[3]) is tuple
    assert got[3][1][0] == 200
    assert (got["b"] == TREE["b"]).all()
    assert got["none"].shape == (0, 2)


@pytest.mark.parametrize("target", ["pair", "pair again"])
def test_a_pair_keeps_values_too(spus, paths, target):
    two = {party: paths[party] for party in ("alice", "bob")}
    spus["pair"].dump(secret(spus["pair"], TREE), two)
    got = sf.reveal(spus[target].load(two))
    assert np.abs(got["w"] - TREE["w"]).max() <= 2**-18
    assert (got["b"] == TREE["b"]).all()


def test_back_as_it_was_on_this_device_and_on_another_with_the_same_roles(spus, paths):
    spus["first"].dump(secret(spus["first"], TREE), paths)
    for name in ("first", "again"):
        same(sf.reveal(spus[name].load(paths)))
    listed = [*paths.values(), "not used"]
    same(sf.reveal(spus["first"].load(listed)))


def test_parts_are_encrypted_under_each_party_s_passphrase(spus, paths, monkeypatch):
    monkeypatch.setenv("SHARES", "correct horse")
    spu, pair = spus["pair"], {party: paths[party] for party in ("alice", "bob")}
    receipt = spu.dump(secret(spu, TREE), pair, passphrase="env:SHARES")
    assert all(path.read_bytes().startswith(b"junto encrypted") for path in pair.values())
    got = sf.reveal(spu.load(pair, receipt=receipt, passphrase="env:SHARES"))
    assert (got["b"] == TREE["b"]).all()
    for source, says in (("env:OTHER", "have no passphrase"), (None, "nothing says where")):
        with pytest.raises(sf.RemoteError) as caught:
            spu.load(pair, passphrase=source)
        assert says in cause(caught)
    with pytest.raises(sf.DeviceError, match="has to be said"):
        spu.dump(secret(spu, TREE), pair, passphrase="correct horse", overwrite=True)
    shutil.copy(pair["alice"], pair["bob"])
    with pytest.raises(sf.RemoteError) as caught:
        spu.load(pair, passphrase="env:SHARES")
    assert "for another party" in cause(caught)


def test_a_receipt_names_one_dump(spus, paths, tmp_path):
    """So that an older dump, which all parties have, does not pass for the newest."""
    spu, value = spus["first"], secret(spus["first"], TREE)
    old = spu.dump(value, paths)
    copies = {party: shutil.copy(path, tmp_path / f"old {party}") for party, path in paths.items()}
    new = spu.dump(value, paths, overwrite=True)
    assert len({old, new}) == 2
    same(sf.reveal(spu.load(paths, receipt=new)))
    same(sf.reveal(spu.load(copies, receipt=old)))
    same(sf.reveal(spu.load(copies)))
    with pytest.raises(sf.DeviceError, match="of another dump than the one whose receipt is given"):
        spu.load(copies, receipt=new)


def test_results_of_calls_in_a_tree(spus, paths):
    spu = spus["first"]
    x = secret(spu, np.linspace(-1, 1, 5).astype(np.float32))
    model = {"w": spu(lambda v: v * v)(x), "c": [spu(lambda v: v @ v)(x), spu(lambda v: v < 0)(x)]}
    spu.dump(model, paths)
    loaded = spu.load(paths)
    out = spu(lambda m, v: m["w"] * v + m["c"][0])(loaded, x)
    v = np.linspace(-1, 1, 5).astype(np.float32)
    assert np.allclose(sf.reveal(out), v**3 + v @ v, atol=1e-4)
    assert sf.reveal(loaded)["c"][1].tolist() == [True, True, False, False, False]


def test_files_are_their_owners_alone_and_nothing_is_left_beside_them(spus, paths, tmp_path):
    spus["first"].dump(secret(spus["first"], TREE), paths)
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(each.name for each in paths.values())
    assert {stat.S_IMODE(each.stat().st_mode) for each in paths.values()} == {0o600}


def test_nothing_is_overwritten_unless_asked_for(spus, paths, tmp_path):
    spu = spus["first"]
    spu.dump(secret(spu, np.float32(1)), paths)
    paths["carol"].unlink()
    before = paths["alice"].read_bytes()
    with pytest.raises(sf.RemoteError) as caught:
        spu.dump(secret(spu, np.float32(2)), paths)
    assert "a file already" in cause(caught)
    assert paths["alice"].read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2
    spu.dump(secret(spu, np.float32(2)), paths, overwrite=True)
    assert sf.reveal(spu.load(paths)) == 2


def test_if_one_cannot_write_no_part_is_changed(spus, paths, tmp_path):
    spu = spus["first"]
    spu.dump(secret(spu, np.float32(1)), paths)
    gone = {**paths, "bob": tmp_path / "no such folder" / "bob.share"}
    with pytest.raises(sf.RemoteError) as caught:
        spu.dump(secret(spu, np.float32(2)), gone, overwrite=True)
    assert caught.value.party == "bob"
    assert "no such folder" not in str(caught.value)
    assert sf.reveal(spu.load(paths)) == 1
    assert len(list(tmp_path.iterdir())) == 3


def test_parts_of_different_dumps_are_refused(spus, paths, tmp_path):
    spu, x = spus["first"], secret(spus["first"], np.float32(1))
    spu.dump(x, paths)
    others = {party: tmp_path / f"{party}.other" for party in paths}
    spu.dump(x, others)  # of the very same value
    for party in paths:
        with pytest.raises(sf.DeviceError, match="not of one dump"):
            spu.load({**paths, party: others[party]})
    assert sf.reveal(spu.load(others)) == 1


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("turned", "roles alice, bob, carol, here bob, alice, carol"),
        ("coarse", "fxp_fraction_bits 32, here 14"),
    ],
)
def test_another_device_refuses_and_says_how_it_differs(spus, paths, name, says):
    spus["first"].dump(secret(spus["first"], np.float32(1)), paths)
    with pytest.raises(sf.RemoteError) as caught:
        spus[name].load(paths)
    assert says in cause(caught)


def test_anothers_part_is_refused(spus, paths):
    spu = spus["first"]
    spu.dump(secret(spu, np.float32(1)), paths)
    with pytest.raises(sf.RemoteError) as caught:
        spu.load({**paths, "alice": paths["bob"], "bob": paths["alice"]})
    assert "party bob, here alice" in cause(caught)


@pytest.mark.parametrize("where", range(0, 700, 13))
def test_a_part_that_was_changed_or_cut_is_refused(spus, paths, where):
    spu = spus["first"]
    spu.dump(secret(spu, np.arange(4.0)), paths)
    data = bytearray(paths["alice"].read_bytes())
    where %= len(data)
    data[where] ^= 4
    paths["alice"].write_bytes(data)
    with pytest.raises(sf.RemoteError):
        spu.load(paths)
    data[where] ^= 4
    paths["alice"].write_bytes(data[:-where] if where else data + b"x")
    with pytest.raises(sf.RemoteError):
        spu.load(paths)
    paths["alice"].write_bytes(data)
    assert sf.reveal(spu.load(paths)).tolist() == [0, 1, 2, 3]


def test_a_header_that_asks_for_too_much_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "part"
    for version, length in ((1, 2**31), (2, 10)):
        path.write_bytes(sharefile.MAGIC + sharefile._LENGTHS.pack(version, length) + b"{}")
        with pytest.raises(sf.DeviceError, match=r"too long|version 2"):
            sharefile.read(path)
    for layout, says in (
        ("float32[1000000000000,1000000]", "too large for an SPU"),
        ("float32[1000000,1000]", "bytes and should have 80000"),
    ):
        common = sharefile.DumpCommon("FM64", 18, ("a", "b"), layout, ("x", "y"))
        draft = sharefile.Draft(tmp_path / "large", overwrite=True)
        draft.write(sharefile.Part(common, 0, []), bytes(32))
        draft.publish()
        with pytest.raises(sf.DeviceError, match=says):
            sharefile.read(tmp_path / "large")


def test_what_makes_no_sense_says_so(spus, paths):
    spu, x = spus["first"], secret(spus["first"], np.float32(1))
    with pytest.raises(sf.DeviceError, match=r"each party keeps its own|paths is 'one.share'"):
        spu.dump(x, "one.share")
    with pytest.raises(sf.DeviceError, match="3 paths were given for 4 nodes"):
        spu.dump(x, list(paths.values()))
    with pytest.raises(sf.DeviceError, match="erin is no node"):
        spu.load({**paths, "erin": "x"})
    with pytest.raises(sf.DeviceError, match="same path"):
        spu.dump(x, dict.fromkeys(paths, paths["alice"]))
    with pytest.raises(sf.DeviceError, match="does not"):
        spus["again"].dump(x, paths)
    with pytest.raises(sf.DeviceError, match="a ndarray does not"):
        spu.dump([x, np.ones(2)], paths)
    with pytest.raises(sf.RemoteError) as caught:
        spu.load({"alice": paths["alice"], "bob": paths["bob"]})
    assert "no path" in cause(caught) or "cannot be read" in cause(caught)


def test_a_part_that_others_may_read_is_reported(spus, paths, caplog):
    spus["first"].dump(secret(spus["first"], np.float32(1)), paths)
    os.chmod(paths["bob"], 0o644)
    with caplog.at_level("WARNING", "junto"):
        assert sf.reveal(spus["first"].load(paths)) == 1
    assert "others on this machine" in caplog.text


def test_the_same_value_is_kept_differently_each_time(spus, paths, tmp_path):
    spu, x = spus["first"], secret(spus["first"], np.arange(200.0))
    spu.dump(x, paths)
    again = {party: tmp_path / f"{party}.again" for party in paths}
    spu.dump(x, again)
    for party in ("alice", "bob"):
        one, other = (sharefile.read(each[party]).parcels[0] for each in (paths, again))
        assert not (one == other).any()
        assert len(np.unique(one, axis=0)) == 200
    assert sharefile.read(paths["carol"]).parcels == []
    seals = [seal for each in (paths, again) for seal in sharefile.read(each["alice"]).common.seals]
    assert len(set(seals)) == 6  # the others see them; not even an empty part's says that it is empty


def test_seals_of_one_piece_have_nothing_in_common():
    parcels = [np.zeros(3, np.uint64)]
    salts = [sharefile.fresh_salt() for _ in range(3)]
    assert len({*salts, bytes(len(salts[0]))}) == 4
    assert len({sharefile.seal(salt, parcels) for salt in salts}) == 3


def test_a_party_that_says_something_else_than_a_text_is_named(spus, paths, monkeypatch):
    x = secret(spus["again"], np.ones(2))
    honest = sharefile.seal
    said = iter([honest(b"", []), ["no", "text"], honest(b"", [])])
    monkeypatch.setattr(sharefile, "seal", lambda salt, parcels: next(said))
    with pytest.raises(sf.ProtocolViolation, match="what bob says of its part is no text"):
        spus["again"].dump(x, paths)
    assert not any(os.path.exists(path) for path in paths.values())

"""A file that is damaged, or made to do harm, is refused in words of ours, in the time of its bytes.

Each reader gets a whole file, changed at random where its structure is: what stands in JSON is replaced,
moved, put in lists; what stands in bytes is cut, turned over and put in. What is still a file may be read.
So it is with what another party tells of its table or its model: there any value that can travel may come.
"""

from __future__ import annotations

import base64
import copy
import json
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from junto import ledger
from junto.certificates import Credential, create_ca, create_request, load_ca, sign_request
from junto.certificates import inspect as read_certificate
from junto.cli.crossings import put_together
from junto.config import build_settings
from junto.config.pem import parse_tls
from junto.config.toml import read_toml
from junto.device.spu import sharefile
from junto.errors import ConfigError, JoinError, JuntoError
from junto.federated import secure_sum
from junto.frame import facts
from junto.join import prepared_file, prepared_key
from junto.join.hashed_dh import new_scalar
from junto.join.table_files import File, FileTable
from junto.learn import clear_models, clear_preprocessing, dataset
from junto.learn.trees import leaving, xgboost_json
from junto.ledger import LedgerEntry
from tries import tries

DEEP = "[" * 100_000
REPLACEMENTS: list[Any] = [
    None, True, -1, 0, 1, 2**31, 2**63, 10**400, 1e308, float("nan"), float("inf"), "",
    "x", "\ud800", "x\0\n",    "9" * 5000, "1e999", [], {}, [[]], {"a": 1}, [None], [-1, -1], [10**400],
]  # fmt: skip


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in what JSON can say."""
    yield path
    keys = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield from places(tree[key], (*path, key))


def at(tree: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def changed(tree: Any, chance: random.Random) -> Any:
    """With one to three of its places changed."""
    tree = copy.deepcopy(tree)
    every = list(places(tree))[1:]
    for _ in range(chance.choice([1, 1, 2, 3])):
        *above, key = chance.choice(every)
        with suppress(LookupError, TypeError):  # it went with another one
            holder = at(tree, tuple(above))
            change = chance.randrange(4)
            if change == 0:
                holder[key] = copy.deepcopy(at(tree, chance.choice(every)))
            elif change == 1:
                del holder[key]
            elif change == 2:
                holder[key] = [holder[key]]
            else:
                holder[key] = chance.choice(REPLACEMENTS)
    return tree


def changed_bytes(data: bytes, chance: random.Random) -> bytes:
    """Cut, or with a byte turned over, or some put in."""
    place, change = chance.randrange(len(data)), chance.randrange(4)
    if change == 0:
        return data[:place]
    middle = [b"", bytes([data[place] ^ 1 << chance.randrange(8)]), b"\xff" * 4][change - 1]
    return data[:place] + middle + data[place + 1 :]


TREE = {
    "left_children": [1, -1, -1], "right_children": [2, -1, -1], "split_conditions": [0.5, 1.0, -1.0],
    "sum_hessian": [4.0, 2.0, 2.0], "split_indices": [0, 0, 0], "default_left": [1, 0, 0],
    "loss_changes": [1.0, 0.0, 0.0], "split_type": [0, 0, 0],
}  # fmt: skip


def xgboost_model(*trees: Any) -> dict[str, Any]:
    learner = {
        "objective": {"name": "binary:logistic", "reg_loss_param": {"scale_pos_weight": "1"}},
        "gradient_booster": {"name": "gbtree", "model": {"trees": trees, "tree_info": [0] * len(trees)}},
        "learner_model_param": {"num_feature": "2", "num_class": "0", "base_score": "5E-1"},
        "feature_names": ["a", "b"],
    }
    return json.loads(json.dumps({"learner": learner}))  # type: ignore[no-any-return]


MODEL = {
    "format": clear_models.FORMAT, "kind": "LogisticRegression", "columns": ["a", "b"], "mean": [0.0, 0.0],
    "numbers": {"coef": [1.0, 2.0], "intercept": 0.5}, "scale": [1.0, 1.0], "classes": [0, 1], "power": 0.0,
}  # fmt: skip
STEP = {
    "format": clear_preprocessing.FORMAT, "kind": "StandardScaler",
    "parameters": {"with_mean": True, "with_std": True},
    "columns": {"a": {"mean": 1.0, "var": 4.0, "scale": 2.0}},
}  # fmt: skip
ENTRY = LedgerEntry("sent", 1, 0, "alice(f)", "fit.py:3", "move", "alice", "bob", "tuple", (1, 2), 8)
LINES = [
    {"genesis": 1, "time": "2026-01-01T00:00:00.000+00:00", "job": "job", "run": "ab", "party": "alice"},
    {"time": "2026-01-01T00:00:00.000+00:00", **asdict(ENTRY)},
    {"end": 1, "time": "2026-01-01T00:00:00.000+00:00", "run": "ab"},
]
KEY = prepared_key.PreparedKey("ab" * 16, new_scalar(), bytes(32), 9, {"bob": 3})
HEADER = prepared_file.PreparedHeader(
    "ab" * 16, 1, "2026-01-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00", ["id"], ["int"], 5, 0, {},
    "cd" * 32, KEY.signer.public_key().public_bytes_raw().hex(),
)  # fmt: skip


def in_file(path: Path, *readers: Callable[[str], Any]) -> Callable[[bytes], None]:
    """Each of them reads a file of these bytes, whatever the one before it says."""

    def read(data: bytes) -> None:
        path.write_bytes(data)
        for reader in readers:
            with suppress(JuntoError):
                reader(str(path))

    return read


def ledgers(path: Path) -> Callable[[bytes], None]:
    return in_file(
        path,
        lambda name: ledger.summarise(each.entry for each in ledger.read(name)),
        lambda name: put_together(ledger.read(name)),
        ledger.verify,
        ledger.runs,
        lambda name: ledger.LedgerFile(name).close(),
    )


def lines(told: Any) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in told)


def signed(told: Any) -> bytes:
    text = json.dumps(told).encode()
    start = prepared_file.MAGIC + len(text).to_bytes(4, "little") + text
    return start + KEY.signer.sign(start)


def share(told: Any) -> bytes:
    common = json.dumps(told.get("common"), sort_keys=True) if isinstance(told, dict) else told
    header = json.dumps({**told, "common": common} if isinstance(told, dict) else told).encode()
    head = sharefile.MAGIC + sharefile._LENGTHS.pack(sharefile.VERSION, len(header)) + header
    return head + bytes(24) + sha256(head + bytes(24)).digest()


SHARE = {
    "common": {
        "field": "FM64", "fraction": 18, "roles": ["alice", "bob"], "layout": {"list": ["float32[3]"]},
        "seals": ["ab", "cd"],
    },
    "index": 0,
    "salt": "00" * 32,
}  # fmt: skip
IN_JSON: dict[str, tuple[Any, Callable[[Any], bytes], Callable[[Path], Callable[[bytes], Any]]]] = {
    "ledger": (LINES, lines, ledgers),
    "model": (MODEL, lambda told: json.dumps(told).encode(), lambda _: clear_models._read),
    "preprocessing": (STEP, lambda told: json.dumps(told).encode(), lambda _: clear_preprocessing.step_of),
    "xgboost": (
        xgboost_model(TREE, TREE),
        lambda told: json.dumps(told).encode(),
        lambda _: lambda data: xgboost_json.read(data, 10),
    ),
    "share": (SHARE, share, lambda path: in_file(path, lambda name: sharefile.read(Path(name)))),
    "prepared table": (asdict(HEADER), signed, lambda _: lambda data: prepared_file.header_of(data, "bob")),
    "its key": (
        KEY._said(),
        lambda told: json.dumps(told).encode(),
        lambda _: lambda data: prepared_key._read(data, KEY.name),
    ),
}


@pytest.mark.parametrize("kind", IN_JSON)
def test_whatever_a_file_in_json_says_it_is_read_or_refused(kind: str, tmp_path: Path) -> None:
    told, written, reader = IN_JSON[kind]
    read, chance = reader(tmp_path / "file"), random.Random(kind)
    read(written(told))  # of the whole one nothing is wrong
    for _ in range(tries(400)):
        with suppress(JuntoError, ValueError if kind == "xgboost" else JuntoError):
            read(written(changed(told, chance)))
        with suppress(JuntoError, ValueError if kind == "xgboost" else JuntoError):
            read(changed_bytes(written(told), chance))
    with suppress(JuntoError, ValueError if kind == "xgboost" else JuntoError):
        read(DEEP.encode())


def test_a_tree_of_xgboost_is_looked_at_once_for_each_node() -> None:
    """Two branches that meet again at each level: 2**60 ways through 60 nodes."""
    count = 60
    ladder: dict[str, Any] = {key: [0] * count for key in TREE}
    ladder["left_children"] = ladder["right_children"] = [*range(1, count), -1]
    for children in ([1, -1], [0, -1], [1, 2]):
        wrong = {**ladder, "left_children": children, "right_children": children}
        with pytest.raises(ValueError, match="as a tree is none"):
            xgboost_json.read(xgboost_model(wrong), 10)
    with pytest.raises(ValueError, match="as a tree is none"):
        xgboost_json.read(xgboost_model(ladder), 10)
    many = xgboost_model(TREE)
    many["learner"]["feature_names"] = []
    many["learner"]["learner_model_param"]["num_feature"] = str(10**12)
    with pytest.raises(ValueError, match="1000000000000 columns"):
        xgboost_json.read(many, 10)


def changed_pem(pem: bytes, chance: random.Random) -> bytes:
    """The same with other bytes under the same armour."""
    first, *middle, last = pem.decode().strip().splitlines()
    inner = base64.b64encode(changed_bytes(base64.b64decode("".join(middle)), chance)).decode()
    text = [first, *(inner[start : start + 64] for start in range(0, len(inner), 64)), last, ""]
    return "\n".join(text).encode()


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_whatever_is_in_a_certificate_a_request_or_a_key_it_is_read_or_refused() -> None:
    ca, request, chance = create_ca("pilot"), create_request("alice", ["h.example.org"]), random.Random(7)
    own = sign_request(request.pem, ca)
    tls = {"ca_cert": ca.pem, "cert": own, "key": request.key}
    parse_tls(tls)
    steps: list[tuple[bytes, Callable[[bytes], Any]]] = [
        (own, read_certificate),
        (request.pem, read_certificate),
        (request.pem, lambda pem: sign_request(pem, ca)),
        (ca.pem, lambda pem: sign_request(request.pem, Credential(pem, ca.key))),
        (ca.key, lambda pem: load_ca(Credential(ca.pem, pem))),
        *[(pem, lambda pem, key=key: parse_tls({**tls, key: pem})) for key, pem in tls.items()],
    ]
    for _ in range(tries(150)):
        for pem, step in steps:
            with suppress(JuntoError):
                step(changed_pem(pem, chance))


SETTINGS = {
    "job_name": "pilot",
    "meet_timeout_s": 5.0,
    "cluster_config": {
        "self_party": "alice",
        "parties": {"alice": {"address": "127.0.0.1:9001"}, "bob": {"address": "127.0.0.1:9002"}},
    },
    "cross_silo_comm_options": {"timeout_in_ms": 20000},
}


def test_whatever_stands_in_settings_they_are_taken_or_refused() -> None:
    chance = random.Random(3)
    build_settings(SETTINGS)
    for _ in range(tries(400)):
        with suppress(JuntoError):
            build_settings(changed(SETTINGS, chance))


NO_TOML = {
    "deep": f"a = {DEEP}",
    "deep table": "a = " + "{a = " * 5000,
    "long number": f"a = {'9' * 5000}",
    "escape": 'a = "\\ud800"',
    "moment": "a = 1979-05-27T07:32:00+99:99",
}


@pytest.mark.parametrize("what", NO_TOML)
def test_what_is_no_toml_is_refused_by_its_name(what: str, tmp_path: Path) -> None:
    path = tmp_path / "alice.toml"
    path.write_text(NO_TOML[what])
    with pytest.raises(ConfigError, match=r"alice\.toml' is not valid TOML"):
        read_toml(str(path))


def test_a_home_that_nobody_has_is_no_file_and_a_path_of_no_file_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_toml("~nobody-of-this-name/alice.toml")
    with pytest.raises(ConfigError, match="is no path"):
        read_toml("alice\0.toml")
    path = tmp_path / "alice.toml"
    path.write_text('ledger = "~nobody-of-this-name/ledger"')
    assert read_toml(str(path))["ledger"].endswith("~nobody-of-this-name/ledger")


def arrow_file(path: Path, column: pa.Array, metadata: dict[str, str] | None = None) -> str:
    table = pa.table({"id": column}).replace_schema_metadata(metadata)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return str(path)


BACKWARDS = pa.StringArray.from_buffers(
    3, pa.py_buffer(np.array([0, 9, 1, 3], np.int32)), pa.py_buffer(b"abcdefghi")
)
NO_TEXT = pa.StringArray.from_buffers(1, pa.py_buffer(np.array([0, 2], np.int32)), pa.py_buffer(b"\xff\xfe"))


@pytest.mark.parametrize("column", [BACKWARDS, NO_TEXT])
@pytest.mark.parametrize("library", ["pandas", "polars", "arrow"])
def test_an_arrow_file_is_looked_at_before_anything_reads_it(
    column: pa.Array, library: str, tmp_path: Path
) -> None:
    """Unlooked at, lengths that run backwards ended the process."""
    table = FileTable(File(arrow_file(tmp_path / "t.arrow", column), None, library), None)
    with pytest.raises(JoinError, match="cannot be read as what its ending says"):
        list(table.key_blocks(["id"]))
    with pytest.raises(JoinError, match="cannot be read as what its ending says"):
        table.take(np.array([0]), {"id": "str"})


def test_what_a_file_says_to_pandas_may_be_damaged_too(tmp_path: Path) -> None:
    path = arrow_file(tmp_path / "t.arrow", pa.array([1]), {"pandas": "{"})
    with pytest.raises(JoinError, match="cannot be read as what its ending says"):
        FileTable(File(path, None, "pandas"), None).take(np.array([0]), {"id": "int"})


@pytest.mark.parametrize("ending", ["arrow", "parquet"])
def test_a_table_s_file_that_was_cut_off_is_refused(ending: str, tmp_path: Path) -> None:
    """And so is one whose end makes no sense: Arrow calls that an error of the system's, without a number."""
    path = tmp_path / f"t.{ending}"
    if ending == "arrow":
        arrow_file(path, pa.array([1, 2, 3]))
    else:
        pyarrow.parquet.write_table(pa.table({"id": [1, 2, 3]}), path)
    whole = path.read_bytes()
    tail = 10 if ending == "arrow" else 8  # the length of what stands before it, and letters
    about = int.from_bytes(whole[-tail : 4 - tail], "little")
    changed = whole[: -tail - about] + b"\xff" * about + whole[-tail:]
    for data in [changed, *(whole[:end] for end in range(0, len(whole), 16))]:
        path.write_bytes(data)
        with pytest.raises(JoinError, match="cannot be read as what its ending says"):
            FileTable(File(str(path), None, None), None).whole()


VALUES: list[Any] = [
    *REPLACEMENTS, np.array([1, 2]), np.array([]), np.float64("nan"), np.int64(3),
    pd.DataFrame({"a": [1, 2]}), pd.Series([1, 2]), {1, 2}, b"x", (1, 2), 1 + 2j, slice(1),
]  # fmt: skip
TOLD: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "a frame": (
        {"columns": [["a", "float64", "number"]], "rows": 3, "problem": ""},
        lambda told: facts.believed("bob", told),
    ),
    "a table": (
        {"rows": 3, "columns": 2, "fault": "", "column": "", "known": True},
        lambda told: dataset.believed("X bob", told),
    ),
    "a model": (
        {"fault": "", "objective": "binary:logistic", "number": 1.0, "classes": 2, "trees": 3, "depth": 2,
         "worth": True, "known": True},
        lambda told: leaving._believed("bob", told),
    ),
    "a part of a sum": (
        {"fault": "", "size": 3, "form": "x"},
        lambda told: secure_sum._believed("bob", told),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TOLD)
def test_whatever_a_party_tells_of_what_it_has_it_is_believed_or_refused(what: str) -> None:
    told, believed = TOLD[what]
    believed(told)
    chance = random.Random(what)
    for value in VALUES:
        with pytest.raises(JuntoError):
            believed(value)
        for key in told:
            with suppress(JuntoError):
                believed({**told, key: value})
    for _ in range(tries(200)):
        with suppress(JuntoError):
            believed(changed(told, chance))

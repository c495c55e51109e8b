"""Coverage-guided fuzzing of `decode`: any exception but MalformedBytes ends the process with a trace.

    python tests/security/fuzz_wire.py FOLDER [libFuzzer options]

FOLDER holds the corpus (seeded here) and receives the input that broke something. Longer runs than
the test's: add ``-max_total_time=600``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

with atheris.instrument_imports(include=["junto.wire"]):
    from junto.wire import (  # noqa: F401
        arrays,
        arrow,
        codec,
        decode,
        pandas_values,
        pickles,
        records,
        scalars,
        sparse,
    )

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import scipy.sparse

import foreign_types as ft
from junto.errors import MalformedBytes
from junto.wire.policy import Limits, WirePolicy


@dataclass
class Record:
    a: Any
    b: Any


POLICY = WirePolicy(Limits(max_nodes=100_000), {"R": Record}, {"foreign_types": ("*",)})
SEEDS = (
    {"a": [1, 2.5, (None, True)], (1, 2): {3}, "big": 2**99},
    np.arange(6.0).reshape(2, 3).T,
    np.array(["ab", "c"]),
    pa.table({"a": ["x", None], "b": [[1], None]}),
    pa.array(["x", "y"]).dictionary_encode(),
    pl.Series([1, 2]),
    pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.Categorical(["u", "v"])}),
    ft.Model([1, {2: (3,)}]),
    pd.Series(pd.date_range("2020", periods=2, tz="UTC")),
    dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
    Record(1, "x"),
    pd.MultiIndex.from_product([["a"], [1, 2]]),
    scipy.sparse.csr_matrix(np.eye(3)),
    ft.Bag({1: ft.Row([2])}),
    pd.Series([1, None], dtype="Int64"),
    b"x" * 5000,
    "text" * 9000,
    slice(1, 2),
    np.datetime64("2020-01-01"),
)


def one_input(data: bytes) -> None:
    ft.RAN.clear()
    try:
        value = codec.decode(memoryview(bytearray(data)), POLICY)
    except MalformedBytes:
        return
    finally:
        if ft.RAN:
            raise RuntimeError("something that was not listed ran")
    codec.encode(value, POLICY)


def main() -> None:
    folder = Path(sys.argv[1])
    for number, value in enumerate(SEEDS):
        (folder / f"seed{number}").write_bytes(b"".join(codec.encode(value, POLICY).pieces))
    options = ["-max_len=8192", "-timeout=10", "-rss_limit_mb=3000", f"-artifact_prefix={folder}/broke-"]
    atheris.Setup([sys.argv[0], *options, *sys.argv[2:], str(folder)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

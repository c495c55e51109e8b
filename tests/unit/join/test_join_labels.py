"""The codes of a column of text, of whatever library it is; digests of rows by kernel and by hashlib."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import junto as sf
from junto.join.labels import coded, codes_of
from junto.join.row_digests import plain_digests, sha256_rows, sha512_rows

TEXTS = ["b", "", "ä", "b"]
SAID = ["ä", "z", "b", ""]
SORTED = ["", "b", "ä"]
COLUMNS = {
    "pandas objects": (pd.Series(TEXTS, dtype=object), SORTED),
    "pandas text": (pd.Series(TEXTS, dtype="string"), SORTED),
    "pandas categories": (pd.Series(pd.Categorical(TEXTS, categories=SAID)), SAID),
    "polars": (pl.Series(TEXTS), SORTED),
    "polars enum": (pl.Series(TEXTS, dtype=pl.Enum(SAID)), SAID),
    "arrow view": (pa.chunked_array([TEXTS[:1], TEXTS[1:]], pa.string_view()), SORTED),
    "arrow dictionary": (pa.DictionaryArray.from_arrays([2, 3, 0, 2], SAID), SAID),
    "arrow dictionaries": (
        pa.chunked_array([pa.array(TEXTS[:2]).dictionary_encode(), pa.array(TEXTS[2:]).dictionary_encode()]),
        ["b", "", "ä"],
    ),
    "a text said twice": (pa.DictionaryArray.from_arrays([0, 1, 2, 3], ["b", "", "ä", "b"]), ["b", "", "ä"]),
    "nothing": (pa.array([], pa.string()), []),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_each_text_has_one_code_and_the_list_says_which(name):
    column, said = COLUMNS[name]
    codes, labels = coded(column, "town")
    assert codes.dtype == np.int32
    assert labels == said
    assert [labels[code] for code in codes] == TEXTS[: len(codes)] if len(column) else len(codes) == 0
    assert codes_of(labels, ["nowhere", *labels]).tolist() == [-1, *range(len(labels))]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, 2]),
        pd.Series([{}, 1]),
        pl.Series([True]),
        pa.array([b"a"]),
        pd.Series(pd.Categorical([1])),
    ],
    ids=str,
)
def test_what_is_no_text_has_no_codes(column):
    assert coded(column, "town") is None


@pytest.mark.parametrize(
    "column", [pd.Series(["a", None], dtype=object), pl.Series(["a", None]), pa.array(["a", None])]
)
def test_gaps_are_named_by_the_column_alone(column):
    with pytest.raises(sf.JoinError, match=r"column 'town' of text has gaps"):
        coded(column, "town")


@pytest.mark.parametrize("shape", [(0, 48), (3, 0), (9, 48), (9, 120)])
def test_digests_of_rows_are_those_of_hashlib(shape):
    rows = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    for digests, wide in ((sha256_rows, False), (sha512_rows, True)):
        np.testing.assert_array_equal(digests(rows), plain_digests(rows, wide))

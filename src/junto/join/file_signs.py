"""What a file is by its first bytes, where its name says that it is something else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from junto.errors import JoinError
from junto.join.csv_files import COMPRESSIONS
from junto.join.outputs import ARROW, CSV, PARQUET

_NAMED: Final = "give it a name that ends in "
_SIGNS: Final[tuple[tuple[str, bytes, str, str], ...]] = (
    ("gzip", rb"\x1f\x8b", "is compressed by gzip", f"{_NAMED}.csv.gz"),
    ("bz2", rb"BZh[1-9]1AY&SY", "is compressed by bzip2", f"{_NAMED}.csv.bz2"),
    ("zstd", rb"\x28\xb5\x2f\xfd", "is compressed by zstd", f"{_NAMED}.csv.zst"),
    (PARQUET, rb"PAR1[\0-\x20]", "is a Parquet file", f"{_NAMED}.parquet, or read_parquet"),
    (ARROW, rb"ARROW1\0\0", "is an Arrow file", f"{_NAMED}.arrow"),
    (
        "zip",
        rb"PK\x03\x04",
        "is a ZIP archive, or a workbook of Excel",
        "alice(pd.read_excel)(path), or unpack it",
    ),
    ("xls", rb"\xd0\xcf\x11\xe0", "is a workbook of Excel", "alice(pd.read_excel)(path)"),
    ("utf16", rb"\xff\xfe|\xfe\xff", "is text in UTF-16", "save it as UTF-8"),
)
"""Of each kind: how such a file begins, as no text does, what it is, and what to do."""


def require_kind(path: str, kind: str) -> None:
    """Raise JoinError if a path is a pattern, or a file of `kind` begins as one of another kind.

    Raises:
        OSError: there is no such file.
    """
    if re.search(r"[*?\[]", path) and not Path(path).exists():
        raise JoinError(
            "the path is a pattern, and a table is one file",
            fix="put the files together at their owner, by a function there: alice(read_all)(pattern)",
        )
    with Path(path).open("rb") as file:
        beginning = file.read(16)
    due = COMPRESSIONS.get(Path(path).suffix.lower(), CSV) if kind == CSV else kind
    for name, sign, what, fix in _SIGNS:
        if name != due and re.match(sign, beginning, re.DOTALL):
            raise JoinError(f"a {kind} file {what}", fix=fix)
    known = {name: sign for name, sign, *_ in _SIGNS}
    if due in COMPRESSIONS.values() and not re.match(known[due], beginning):
        raise JoinError(f"a {kind} file is not compressed, and its name says that it is", fix=f"{_NAMED}.csv")

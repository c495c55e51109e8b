"""Text as whole numbers: a code for each text of a column, and the list that says what each code means.

A column that says its texts (a categorical of pandas, an ``Enum`` of polars, a dictionary of Arrow) has the
codes of its own order; any other has its different texts in the order of their code points. So two owners
who declare the same texts have the same codes. The list stays with the owner of the column.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from junto.errors import JoinError
from junto.join.kinds import flat

TEXT: Final = "text"
"""What the owners are told of such a column in place of the type of its numbers."""
CODE: Final = "int32"
"""The type of its numbers."""

Codes = npt.NDArray[np.int32]
_NO_CODE: Final = -1


def coded(column: Any, name: str) -> tuple[Codes, list[str]] | None:
    """The codes of a column of text and the text of each code; None of a column of anything else.

    Args:
        column: of pandas, polars or Arrow.
        name: of it.

    Raises:
        JoinError: there are gaps in it.
    """
    import pyarrow as pa
    import pyarrow.compute as compute

    made = _arrow(column)
    if made is None:
        return None
    declared = made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made
    texts = flat(declared).cast(pa.large_string())
    if texts.null_count:
        raise JoinError(f"column {name!r} of text has gaps", fix="fill them where the table is loaded")
    if pa.types.is_dictionary(declared.type):
        said = compute.unique(flat(declared.dictionary).cast(pa.large_string()).drop_null())
    else:
        said = pa.array(sorted(compute.unique(texts).to_pylist()), pa.large_string())
    codes = compute.index_in(texts, said).to_numpy(zero_copy_only=False)
    return codes.astype(np.int32), said.to_pylist()


def codes_of(labels: Sequence[str], texts: Sequence[str]) -> Codes:
    """At the owner: the codes of some texts; -1, which no row has, of one that is not there."""
    code = {text: number for number, text in enumerate(labels)}
    return np.array([code.get(text, _NO_CODE) for text in texts], np.int32)


def _arrow(column: Any) -> Any:
    """The column as Arrow has it, if it is of text."""
    import pyarrow as pa

    if isinstance(column, np.ndarray) and column.dtype != object:
        return None
    try:
        if isinstance(column, pa.Array | pa.ChunkedArray):
            made = column
        else:
            made = column.to_arrow() if hasattr(column, "to_arrow") else pa.array(column, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return None
    kind = made.type.value_type if pa.types.is_dictionary(made.type) else made.type
    tests = pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view
    return made if any(is_it(kind) for is_it in tests) else None

"""Arrow arrays without what their buffers hold beside them.

Arrow keeps the old value under a null, the rows outside of a slice (IPC even fills its padding with
them) and dictionary entries that no row uses. None of that was meant to be sent.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def without_hidden_values(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same column in buffers that hold nothing else."""
    return pa.chunked_array([_scrubbed(chunk) for chunk in column.chunks], type=column.type)


def _scrubbed(array: pa.Array) -> pa.Array:
    kind = array.type
    if pa.types.is_null(kind):
        return array
    if array.null_count or array.offset or array.nbytes != array.get_total_buffer_size():
        array = array.take(pa.array(np.arange(len(array))))
    mask = array.is_null() if array.null_count else None
    if pa.types.is_dictionary(kind):
        return _used_dictionary(array)
    if pa.types.is_struct(kind):
        children = [_scrubbed(child) for child in array.flatten()]
        return pa.StructArray.from_arrays(children, fields=list(kind), mask=mask)
    if pa.types.is_fixed_size_list(kind):
        values = _scrubbed(array.values.slice(0, len(array) * kind.list_size))
        return pa.FixedSizeListArray.from_arrays(values, type=kind, mask=mask)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        build = pa.LargeListArray if pa.types.is_large_list(kind) else pa.ListArray
        return build.from_arrays(array.offsets, _scrubbed(array.values), type=kind, mask=mask)
    return array


def _used_dictionary(array: pa.DictionaryArray) -> pa.DictionaryArray:
    missing = array.indices.is_null().to_numpy(zero_copy_only=False)
    codes = array.indices.fill_null(0).to_numpy(zero_copy_only=False)
    used = np.unique(codes[~missing])
    position = np.where(missing, 0, np.searchsorted(used, codes))
    indices = pa.array(position, mask=missing).cast(array.type.index_type)
    entries = _scrubbed(array.dictionary.take(pa.array(used)))
    return pa.DictionaryArray.from_arrays(_scrubbed(indices), entries, ordered=array.type.ordered)

"""The closed set of tags and the layout of an encoded value.

    offset 0   magic "JNT" and one byte of version
           4   u32, little-endian: length a of the atoms
           8   u32, little-endian: length b of the blobs
          12   atoms: ONE flat msgpack array of None, bool, int, float, str (a bytes)
        12+a   blobs: short byte strings one after the other (b bytes)
       align   buffers in the order in which the atoms mention them, each on a 64-byte boundary,
               gaps filled with zeros, nothing after the last

Atoms and blobs are the header: the part that is parsed. The atoms are the value in preorder. An
atom that is no int stands for itself; an int is a tag from below and says how many of the
following atoms belong to it. The array being flat, no depth of bytes can make a parser recurse;
nesting is counted by our own reader (`Limits.max_depth`).
"""

from __future__ import annotations

from typing import Final

MAGIC: Final = b"JNT\x01"
VERSION: Final = 1
PREFIX: Final = 12
ALIGN: Final = 64

INT: Final = 0
BIG_INT: Final = 1
LONG_TEXT: Final = 2
LONG_BYTES: Final = 3
BYTES: Final = 21
BYTEARRAY: Final = 4
COMPLEX: Final = 5
LIST: Final = 6
TUPLE: Final = 7
DICT: Final = 8
SET: Final = 9
FROZENSET: Final = 10
DATETIME: Final = 11
DATE: Final = 12
TIME: Final = 13
TIMEDELTA: Final = 14
DECIMAL: Final = 15
FRACTION: Final = 16
UUID: Final = 17
SLICE: Final = 18
RANGE: Final = 19
RECORD: Final = 20
ARRAY: Final = 30
ARRAY_SCALAR: Final = 31
ARRAY_TEXT: Final = 32
DTYPE: Final = 33
JAX_ARRAY: Final = 34
SPARSE: Final = 35
FRAME: Final = 40
SERIES: Final = 41
INDEX: Final = 42
TIMESTAMP: Final = 43
PANDAS_TIMEDELTA: Final = 44
MISSING: Final = 45
ARROW: Final = 50
POLARS: Final = 51
PICKLE: Final = 60

MAX_INT_BYTES: Final = 64 << 10
MAX_FRACTION_BYTES: Final = 1 << 10
MAX_DECIMAL_CHARS: Final = 64 << 10
LONG_TEXT_CHARS: Final = 16 << 10
LONG_BYTES_LEN: Final = 4 << 10
TABLE_COST: Final = 100
"""Nodes that a table counts for: an empty one is a few bytes on the wire and kilobytes in memory."""

COLUMN_COST: Final = 10
"""The same for each column of a pandas frame."""

JAX_COST: Final = 20
"""The same for an array of jax, which takes its time to make."""


def max_atoms(max_nodes: int) -> int:
    """How many atoms a header may have; sender and receiver use the same bound."""
    return 8 * max_nodes + 4096

"""Private set intersection: join the tables of several parties without showing rows that are not shared.

from junto.join import join

joined = join({alice: of_alice, bob: of_bob}, on="id")
joined[alice], joined[bob]  # their own columns, row by row the same keys
"""

from junto.join.hidden_table import Hidden
from junto.join.joining import Joined, join, psi
from junto.join.less import Common, count_common, sum_common
from junto.join.lookup import lookup
from junto.join.prepared import prepare, update
from junto.join.prepared_table import PreparedTable
from junto.join.preparing import PreparedLimits

__all__ = [
    "Common",
    "Hidden",
    "Joined",
    "PreparedLimits",
    "PreparedTable",
    "count_common",
    "join",
    "lookup",
    "prepare",
    "psi",
    "sum_common",
    "update",
]

"""What comes of a join of which nobody learns the matches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from junto.device.boundary import Scripted
from junto.device.pyu import PYU
from junto.errors import JoinError

if TYPE_CHECKING:
    from junto.device.spu.object import SPUObject


@dataclass(frozen=True)
class Hidden(metaclass=Scripted):
    """What came of a join of which nobody learns the matches. All of it is on the SPU.

    Attributes:
        columns: of both owners, by name, but for the keys: arrays of shape (rows,). The second owner's are
            zero where the flag is.
        flag: 1.0 where a row stands for a key that both have, else 0.0; shape (rows,).
        rows: keys of the first owner, and rows that stand for nobody, of which all columns are zero: as many
            as were padded, or, where nobody helps, 0.3 a key and 128.
        learned: what each party has learned, in words.
    """

    columns: Mapping[str, SPUObject]
    flag: SPUObject
    rows: int
    learned: Mapping[PYU, str]

    def __getitem__(self, name: str) -> SPUObject:
        """The column of that name.

        Raises:
            JoinError: there is none.
        """
        if name not in self.columns:
            raise JoinError(f"there is no column {name!r}", fix=f"there are {', '.join(self.columns)}")
        return self.columns[name]

    def __repr__(self) -> str:
        return f"<Hidden: {self.rows} rows of {', '.join(self.columns)} on {self.flag.device.name}>"

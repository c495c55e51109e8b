"""`v_read_csv` with the parameters that SecretFlow gives it; `junto.frame.read_csv` is what it calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from junto.device.boundary import public
from junto.device.pyu import PYU
from junto.errors import FrameError
from junto.frame.read import LIBRARIES, read_csv
from junto.frame.vertical import VerticalFrame

Names = str | Sequence[str]


@public
def v_read_csv(
    filepath: Mapping[PYU, str],
    *,
    dtypes: Mapping[PYU, Mapping[str, Any]] | None = None,
    keys: Names | Mapping[PYU, Names] | None = None,
    drop_keys: Names | Mapping[PYU, Names] | None = None,
    backend: str = "pandas",
    **others: Any,
) -> VerticalFrame:
    """Each party's CSV file as its columns of one frame, called as SecretFlow's `data.vertical.read_csv`.

    Args:
        filepath: for each party, where its file is.
        dtypes: types of columns, by party. A key is text unless it is given as int.
        keys: by which rows are joined; None: row i means the same in all files.
        drop_keys: `keys`, which leaves them out of the frame (default), or nothing, ``[]``, to keep them.
        backend: ``pandas``, ``polars`` or ``arrow``.
        others: of SecretFlow's further parameters, `usecols` (default: the columns of `dtypes`, or all) and
            `spu`, which is not needed; the rest is refused unless it says what is so anyway.

    Raises:
        FrameError: a parameter asks for what is not there; else as `read_csv`.
    """
    usecols = others.pop("usecols", None)
    said = {name for name, value in others.items() if value not in (None, False)} - {"spu", "psi_protocl"}
    if said - ({"delimiter"} if others.get("delimiter") == "," else set()):
        raise FrameError(
            f"v_read_csv reads files with commas and a header; it does not take {', '.join(sorted(said))}",
            fix="read each file by a task, alice(pandas.read_csv)(path, sep=';'), and join them: align(...)",
        )
    if backend not in LIBRARIES:
        raise FrameError(f"backend is one of {', '.join(LIBRARIES)}, not {backend!r}", fix="leave it out")
    if keys is not None and drop_keys not in (None, keys, []):
        raise FrameError("drop_keys is the same as keys, or [] to keep them in the frame", fix="leave it out")
    told = {party: dict(columns) for party, columns in (dtypes or {}).items()}
    on = None if keys is None else _typed({party: _of(keys, party) for party in filepath}, told)
    columns = usecols or ({party: list(names) for party, names in told.items()} or None)
    frame = read_csv(filepath, on, columns=columns, library=backend, keep_keys=drop_keys == [])
    kept = set(frame.columns)
    casts = {name: kind for types in told.values() for name, kind in types.items() if name in kept}
    return frame.astype(casts) if casts else frame


def _of(keys: Names | Mapping[PYU, Names], party: PYU) -> tuple[str, ...]:
    names = keys[party] if isinstance(keys, Mapping) else keys
    return (names,) if isinstance(names, str) else tuple(names)


def _typed(
    keys: Mapping[PYU, Sequence[str]], told: Mapping[PYU, Mapping[str, Any]]
) -> dict[PYU, dict[str, type]]:
    """Keys are text, but for those of which somebody says that they are whole numbers."""
    kinds = [
        int
        if any("int" in str(told.get(party, {}).get(names[place], "")) for party, names in keys.items())
        else str
        for place in range(min(map(len, keys.values()), default=0))
    ]
    return {party: dict(zip(names, kinds, strict=False)) for party, names in keys.items()}

"""Rows of a prepared table are looked up: who asks decrypts what it has the keys of, in a file that it keeps.

Paper:     as `prepared`; the columns of a key are encrypted under what the OPRF gives for it (Freedman,
           Ishai, Pinkas, Reingold, "Keyword search and oblivious pseudorandom functions", TCC 2005).
Computes:  at the party that asks, for each of its keys the columns of the row with that key, if there is one.
Parties:   who asks, the owner.
Secure:    semi-honest; see `hashed_dh`.
Learns:    what `prepared` tells; who asks has the columns of its keys, and of these keys sees later changes.
Cost:      the file once, 14 and 8 bytes a word a row; then 64 bytes a key that is asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from junto.device.current import current
from junto.device.disclosure import wait
from junto.device.pyu import PYU, PYUObject, put
from junto.errors import JoinError
from junto.join.asking import Question, on_of_both, owners_path, require_columns
from junto.join.join_cost import explaining, table_of
from junto.join.lookup import checked_sides, made_up_answers, with_keys
from junto.join.points_lookup import points_run
from junto.join.prepared import learned_by
from junto.join.prepared_table import PreparedTable
from junto.join.request import Request, helped_by, requested

log: logging.Logger = logging.getLogger("junto.join")


def prepared_lookup(
    keys: Mapping[PYU, Any], table: Mapping[PYU, Any], names: list[str], on: Any, rest: tuple[Any, Any]
) -> PYUObject:
    """See `lookup`, of a prepared table. `rest`: what it is given as helper, and as pad.

    Raises:
        JoinError: see `lookup`; the column is not in the prepared table.
    """
    asks, _ = checked_sides(keys, table, names)
    prepared, tables = owners_path({**keys, **table})
    helper, pad = rest
    if pad:
        raise JoinError("pad is for a look-up in a table that is not prepared", fix="leave pad out")
    request = with_keys(requested(tables, on_of_both(on, prepared), "left", asks, "first"), asks)
    run = partial(_run, names=names)
    if not isinstance(helper, bool):
        request, run = helped_by(request, helper), partial(points_run, names=names)
    if (rehearsal := explaining()) is not None:
        from junto.join.prepared_cost import told

        told(rehearsal, request, prepared, run, "lookup", {name: ["double", 1] for name in names})
        own = table_of(asks, request.tables[asks])
        made: PYUObject = put(asks, made_up_answers(own, None, names))
        return made
    return run(request, prepared)


def _run(request: Request, prepared: PreparedTable, names: Sequence[str]) -> PYUObject:
    question = Question(request, prepared, [f"looked up: {', '.join(map(repr, names))}"])
    asks, owner = question.asks, question.owner
    path, keeper, offer = question.kept(asks)
    require_columns(question, offer, names)
    question.ask()
    found: PYUObject = question.desks[asks].fetch(path, owner.party, list(names))
    wait(found)  # which reads what the keeper may remove
    wait([keeper.close(), question.desks[owner].close()])
    for party, fact in learned_by(question, "the columns of its own keys").items():
        if current().program.is_here(party.party):
            log.info("looked up: %s", fact)
    return found

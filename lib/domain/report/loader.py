"""Loading reports by their keys."""

from __future__ import annotations

from collections.abc import Iterable

from lib.domain.query.budget import Budget
from lib.domain.report.report import COLLECTION, KINDS, Key
from lib.store.port import Doc, Store, Tx

LOADED_AT_ONCE = 500
"""Most reports that are loaded together."""


def load_reports(reader: Store | Tx, keys: Iterable[Key], budget: Budget | None = None) -> dict[Key, Doc | None]:
    """The stored reports of these keys, kind by kind. Each key counts as a document of the budget."""
    wanted, found = dict.fromkeys(keys), dict[Key, Doc | None]()
    for kind in KINDS:
        some = [key for key in wanted if key.kind == kind]
        for at in range(0, len(some), LOADED_AT_ONCE):
            part = some[at : at + LOADED_AT_ONCE]
            if budget is not None:
                budget.spend(len(part))
            found.update(zip(part, reader.load_many(COLLECTION[kind], [k.store_key for k in part]), strict=True))
    return found

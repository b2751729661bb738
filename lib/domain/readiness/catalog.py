"""The catalog of purposes: those of every hub and those that its operators defined (kcidb.md 4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lib.clock import stamp
from lib.domain.readiness.form import check_name, decode_purpose, encode_form, is_referred_to
from lib.domain.readiness.purpose import BUILT_IN, Catalog, Purpose
from lib.errors import Conflict, Invalid, NotFound
from lib.store.port import Scan, Store, Tx, Where

PURPOSES_MAX = 100
"""Most purposes that operators may define."""
KNOWN_FOR = timedelta(seconds=1)
"""What another process defined holds that much later."""
_ALL = Scan(limit=PURPOSES_MAX + 1)


@dataclass(slots=True)
class PurposeCatalog:
    """Show, define and drop purposes."""

    store: Store
    _known: tuple[datetime, Catalog] | None = None
    _read: tuple[Mapping[str, Any], Catalog] = field(default_factory=lambda: ({}, BUILT_IN))

    def catalog(self, now: datetime) -> Catalog:
        """All purposes by name."""
        known = self._known
        if known is None or not known[0] <= now < known[0] + KNOWN_FOR:
            forms = {d.key: d.body["form"] for d in self.store.find(*_PAGE).docs}
            if forms != self._read[0]:
                self._read = forms, _catalog_of(forms)
            known = self._known = now, self._read[1]
        return known[1]

    def define(self, data: Any, now: datetime) -> tuple[Purpose, bool]:
        """Add a purpose, or replace one of the operators'; gives it, and whether it is new. Raises Invalid with the
        path of the fault, Conflict for a built-in name."""

        def work(tx: Tx) -> tuple[Purpose, bool]:
            forms = {d.key: d.body["form"] for d in tx.find(*_PAGE).docs}
            made = decode_purpose(data, _catalog_of(forms))
            if made.name in BUILT_IN:
                raise Conflict(f"The purpose {made.name} is built in and cannot be replaced")
            is_new = made.name not in forms
            if is_new and len(forms) >= PURPOSES_MAX:
                raise Invalid("name", f"there are {PURPOSES_MAX} purposes already, which is the most")
            body = {"form": encode_form(made), "at": stamp(now)}
            if is_new:
                tx.create("kcidb_purpose", made.name, body)
            else:
                tx.save("kcidb_purpose", made.name, body)
            return made, is_new

        done = self.store.transact(work)
        self._known = None
        return done

    def drop(self, name: str) -> None:
        """Remove a purpose of the operators'. Raises NotFound, and Conflict while something depends on it."""
        try:
            check_name(name, "name")
        except Invalid:
            raise NotFound("purpose", name) from None

        def work(tx: Tx) -> None:
            forms = {d.key: d.body["form"] for d in tx.find(*_PAGE).docs}
            watches = tx.find("kcidb_watch", Scan((Where("purpose", "==", name),), limit=1)).docs
            if name in BUILT_IN:
                raise Conflict(f"The purpose {name} is built in and cannot be removed")
            if name not in forms:
                raise NotFound("purpose", name)
            if watches or is_referred_to(name, _catalog_of(forms)):
                raise Conflict(f"The purpose {name} is in use by a watch or another purpose")
            tx.drop("kcidb_purpose", name)

        self.store.transact(work)
        self._known = None


_PAGE = "kcidb_purpose", _ALL


def _catalog_of(forms: Mapping[str, Any]) -> Catalog:
    """The purposes of stored forms, and those of every hub. What refers to another is read after it."""
    catalog = dict(BUILT_IN)
    waiting = dict(forms)
    while waiting:
        read = {}
        for name, form in waiting.items():
            try:
                read[name] = decode_purpose(form, catalog)
            except Invalid:
                continue
        if not read:
            break
        catalog |= read
        waiting = {name: form for name, form in waiting.items() if name not in read}
    return catalog

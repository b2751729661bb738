"""Pairs: short texts under a key in a namespace, for whoever needs to remember something (kernelci.md 2.6).

Any user may use any namespace, as upstream, until an administrator guards it: where a user group `kv:<namespace>`
exists, only its members and superusers may (11.14).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from lib.clock import stamp
from lib.domain.account.access import Actor
from lib.domain.account.account import unique_key
from lib.errors import Forbidden, Invalid
from lib.store.port import Store, Tx

NAMESPACE_CHARS_MAX = 200
KEY_CHARS_MAX = 500
VALUE_BYTES_MAX = 1024 * 1024


def guard_of(namespace: str) -> str:
    """The name of the group that guards a namespace, if it exists."""
    return f"kv:{namespace}"


@dataclass(slots=True)
class KeyValues:
    """Get, put and drop."""

    store: Store

    def get(self, actor: Actor, namespace: str, key: str) -> str | None:
        """The value, or None."""
        self._admit(actor, namespace)
        doc = self.store.load("kv", _name(namespace, key))
        return None if doc is None else str(doc.body["value"])

    def put(self, actor: Actor, namespace: str, key: str, value: str, now: datetime) -> None:
        """Remember a value; an empty one is none."""
        self._admit(actor, namespace)
        if len(value.encode(errors="replace")) > VALUE_BYTES_MAX:
            raise Invalid("value", f"has at most {VALUE_BYTES_MAX} bytes")
        name = _name(namespace, key)
        body = {"namespace": namespace, "key": key, "value": value, "owner": actor.username, "updated_at": stamp(now)}

        def work(tx: Tx) -> None:
            is_new = tx.load("kv", name) is None
            if not value:
                tx.drop("kv", name)
            elif is_new:
                tx.create("kv", name, body)
            else:
                tx.save("kv", name, body)

        self.store.transact(work)

    def drop(self, actor: Actor, namespace: str, key: str, now: datetime) -> None:
        """Forget a value; nothing happens when there is none."""
        self.put(actor, namespace, key, "", now)

    def _admit(self, actor: Actor, namespace: str) -> None:
        guard = guard_of(namespace)
        if actor.is_superuser or guard in actor.groups:
            return
        if self.store.load("unique", unique_key("group", guard)) is not None:
            raise Forbidden(f"only members of the group {guard} use this namespace")


def _name(namespace: str, key: str) -> str:
    """The key of the stored document: hashed, since keys of clients may hold what those of a store may not."""
    if not 1 <= len(namespace) <= NAMESPACE_CHARS_MAX:
        raise Invalid("namespace", f"has 1 to {NAMESPACE_CHARS_MAX} characters")
    if not 1 <= len(key) <= KEY_CHARS_MAX:
        raise Invalid("key", f"has 1 to {KEY_CHARS_MAX} characters")
    parts = (part.encode(errors="surrogatepass") for part in (namespace, key))
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()

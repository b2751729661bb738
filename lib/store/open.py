"""Opens the store that a URL names. The only place that knows the adapters; imports the one it needs.

sqlite:///var/hub.db       a file, relative to the working directory sqlite:////srv/hub.db      a file, absolute
sqlite://                  in memory: deleted when the store closes firestore://PROJECT[/DATABASE]    a Firestore
database in native mode, by the credentials of the environment
"""

from __future__ import annotations

import re
from pathlib import Path

from lib.clock import Clock, now
from lib.errors import Invalid
from lib.store.port import Store

_KNOWN = "use sqlite:///file.db, sqlite:////absolute/file.db, sqlite:// or firestore://project[/database]"
_FIRESTORE = re.compile(r"[a-z][a-z0-9.:-]{2,62}(/(\(default\)|[a-z][a-z0-9-]{2,62}))?")


def open_store(url: str, *, clock: Clock = now) -> Store:
    """The store of a URL. Creates a missing parent folder. Raises Invalid for a URL that names no store."""
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and (rest == "" or (rest.startswith("/") and not rest.endswith("/"))):
        from lib.store.sqlite.store import SqliteStore

        path = rest[1:]
        if path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        return SqliteStore(path, clock=clock)
    if scheme == "firestore" and _FIRESTORE.fullmatch(rest):
        from lib.store.firestore.store import FirestoreStore

        project, _, database = rest.partition("/")
        return FirestoreStore(project, database or "(default)", clock=clock)
    raise Invalid("HUB_STORE", f"names no store: {url!r}; {_KNOWN}")

"""Opens the bus that a URL names. The only place that knows the adapters; imports the one it needs.

embedded       wakes waiters on this machine, by way of the store's file when that is SQLite
"""

from __future__ import annotations

from lib.errors import Invalid
from lib.messaging.port import Bus


def open_bus(url: str = "embedded", store_url: str = "") -> Bus:
    """The bus of a URL, beside the store that `store_url` names. Raises Invalid for a URL that names none."""
    if url == "embedded":
        from lib.messaging.sqlite import EmbeddedBus

        prefix, _, path = store_url.partition(":///")
        return EmbeddedBus(path if prefix == "sqlite" and path else None)
    raise Invalid("HUB_BUS", f"names no bus: {url!r}; use embedded")

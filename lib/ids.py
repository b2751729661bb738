"""The id schemes. The other modules take ids as arguments, so tests can use counted ids instead."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import re
import secrets
import uuid
from collections.abc import Callable
from datetime import datetime

NODE_ID = re.compile(r"[0-9a-f]{24}\Z")


def is_node_id(text: object) -> bool:
    """Whether `text` is a well-formed record id: 24 lower-case hex digits (kernelci.md 3, id format)."""
    return isinstance(text, str) and NODE_ID.match(text) is not None


def derived(*parts: str) -> str:
    """The event id derived from these texts: equal texts give equal ids. It has the form of a UUID (version 8)."""
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    value = int.from_bytes(digest[:16], "big") & ~(0xF << 76 | 0x3 << 62) | 0x8 << 76 | 0x2 << 62
    return str(uuid.UUID(int=value))


class Ids:
    """Makes ids that sort by the time of their creation, strictly within one process.

    Layout of `record`: 4 bytes seconds, 5 bytes random per process, 3 bytes counter.
    """

    def __init__(self) -> None:
        self._process = secrets.token_hex(5)
        self._random = random.Random(secrets.randbits(256))  # noqa: S311
        self._counter: Callable[[], int] = itertools.count(secrets.randbelow(1 << 22)).__next__

    def record(self, now: datetime) -> str:
        """A new record id: 24 lower-case hex digits, time-ordered."""
        return f"{int(now.timestamp()):08x}{self._process}{self._counter() & 0xFFFFFF:06x}"

    def event(self) -> str:
        """A new event id: a random UUID (version 4). It must be unique; it need not be secret."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

"""A Firestore for tests: the local stand-in with the declared indexes and no others, started once a run, each test in a
database of its own.

FIRESTORE_EMULATOR_HOST, when it is set, names another one to use instead (Google's own, say).
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import os
from typing import Any

from lib.clock import Clock, now
from lib.store.firestore.index import firestore_indexes
from lib.store.port import Store
from tests.emulators.firestore import Server, start

HOST = "FIRESTORE_EMULATOR_HOST"
PROJECT = "demo-tributary"


@functools.cache
def server() -> Server:
    """The stand-in, running until the tests end."""
    running = start(indexes=firestore_indexes())
    atexit.register(running.stop)
    return running


def database_of(text: str) -> str:
    """A database id of a test's own: the same for the same text."""
    return f"t{hashlib.sha256(text.encode()).hexdigest()[:20]}"


def url_of(database: str) -> str:
    return f"firestore://{PROJECT}/{database}"


def open_store(database: str, *, clock: Clock = now, **more: Any) -> Store:
    """A store over a database of the stand-in."""
    from lib.store.firestore.store import FirestoreStore

    with_host()
    return FirestoreStore(PROJECT, database, clock=clock, **more)


def with_host() -> None:
    """Have the official client find the stand-in, unless another one was named."""
    os.environ.setdefault(HOST, server().address)

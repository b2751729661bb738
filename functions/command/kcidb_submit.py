"""The command `kcidb submit`: documents into this machine's store, or over HTTP to a hub (kcidb.md 3.3 to 3.5)."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple, Protocol

from functions import output
from functions.command import document, kcidb_rest, progress
from functions.command.kcidb_rest import Rest
from functions.command.kcidb_stream import faults_of
from functions.settings import read
from functions.wiring import Wiring, found_at_home
from lib.dialects.kcidb import codec
from lib.domain.account.access import Actor
from lib.domain.hub import Hub
from lib.domain.ingest.intake import Sender
from lib.errors import Forbidden, Malformed

ACTOR = Actor("command", "command", is_superuser=True)
"""Whoever may write the store's file may tell anything."""


class Taken(NamedTuple):
    """What became of a document: its id, or why it was refused."""

    id: str
    faults: list[str]


class Place(Protocol):
    """Where documents go."""

    def take(self, n: int, text: bytes, *, is_partial: bool) -> Taken: ...


def submit(asked: argparse.Namespace) -> int:
    """Submit documents; shows the id of each, and on stderr why one was refused. Exit status 1 when one was."""
    size = document.size(asked.files)
    return send(document.read(asked.files), asked, is_partial=asked.partial, size=size)


def send(
    texts: Iterable[bytes], asked: argparse.Namespace, *, is_partial: bool = False, size: int | None = None
) -> int:
    """Submit these documents, of so many bytes, to where `--url` or the environment says."""
    status = 0
    with opened(asked) as place, progress.bar("Submitting", size) as bar:
        for n, text in enumerate(texts, 1):
            taken = place.take(n, text, is_partial=is_partial)
            output.warn(*taken.faults)
            if taken.id:
                output.say(taken.id)
            else:
                status = 1
            bar.step(len(text) + 1)
    return status


@contextmanager
def opened(asked: argparse.Namespace) -> Iterator[Place]:
    """The place that was asked for."""
    rest = kcidb_rest.named(asked.url, asked.token)
    if rest is not None:
        yield Far(rest)
        return
    with closing(Wiring(found_at_home(read())).hub) as hub:
        yield Near(hub)


class Near:
    """The store of this machine."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def take(self, n: int, text: bytes, *, is_partial: bool) -> Taken:
        try:
            sender, now = Sender(ACTOR, "command"), self._hub.clock()
            receipt = self._hub.intake.take(codec.opened(text), sender, now, is_partial=is_partial)
        except Malformed as error:
            return Taken("", faults_of(n, error))
        except Forbidden as error:
            return Taken("", [f"document {n}: {error}"])
        return Taken(receipt.submission.id, [f"document {n}: {warning}" for warning in receipt.warnings])


class Far:
    """A hub elsewhere."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def take(self, n: int, text: bytes, *, is_partial: bool) -> Taken:
        status, answer = self._rest.submit(text, "?partial=1" if is_partial else "")
        if status < 300 and answer.get("id"):
            return Taken(str(answer["id"]), [f"document {n}: {w}" for w in answer.get("warnings", ())])
        return Taken("", [f"document {n}: {line}" for line in _faults(status, answer)])


def _faults(status: int, answer: dict[str, Any]) -> list[str]:
    """Why a hub refused: upstream's say so in one text, ours fault by fault."""
    errors = answer.get("errors")
    if not isinstance(errors, list) or not all(isinstance(error, dict) for error in errors):
        errors = []
    lines = [f"{error.get('msg', error)} ({error.get('hint', 'see docs/kcidb.md')})" for error in errors]
    return lines or [f"{status} {answer.get('message', '')}"]

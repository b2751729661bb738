"""The command `tributary kcidb rebuild [--verify]`: every report computed anew from the submissions as they were sent,
and compared with what is stored, byte for byte (kcidb.md 2.7)."""

from __future__ import annotations

import argparse
import itertools
from contextlib import closing

from functions import output
from functions.command import progress
from functions.settings import read
from functions.wiring import Wiring, found_at_home, scratch_store
from lib.clock import stamp
from lib.domain.ingest.rebuild import Mismatch, Rebuild
from lib.domain.ingest.sent import Sent
from lib.domain.ingest.submission import SUBMISSIONS

SHOWN_MAX = 20
"""Most differences that are named one by one."""


def rebuild(asked: argparse.Namespace) -> int:
    """Replay, compare, and mend unless it was only to be verified; gives the exit status."""
    with closing(Wiring(found_at_home(read())).hub) as hub, closing(scratch_store(hub.clock)) as scratch:
        with progress.bar("Replaying") as bar:
            if bar.is_watched:
                bar.begin("Replaying", hub.store.count(SUBMISSIONS, ()))

            def decode(text: bytes, is_partial: bool) -> Sent:
                bar.step()
                return hub.intake.decode(text, is_partial)

            work = Rebuild(hub.store, scratch, decode, hub.projector.contribute)
            count = work.replay()
            bar.begin("Comparing", None)
            differences = list(work.compare())
            reports = sum(hub.store.count(name, ()) for name in work.collections)
        output.say(f"{count} submissions replayed, {reports} reports compared, {len(differences)} differ")
        output.say(*(f"{d.collection} {d.name} {_what(d)}" for d in itertools.islice(differences, SHOWN_MAX)))
        if not differences:
            return 0
        if asked.verify:
            return 1
        with progress.bar("Mending"):
            work.mend(differences, stamp(hub.clock()))
        output.say(f"{len(differences)} mended")
        return 0


def _what(d: Mismatch) -> str:
    """What is wrong with a report."""
    return "is missing" if d.stored is None else "has no source" if d.made is None else "differs"

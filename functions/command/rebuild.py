"""The command `python -m functions.admin kcidb rebuild [--verify]`: every report computed anew from the submissions as
they were sent, and compared with what is stored, byte for byte (kcidb.md 2.7)."""

from __future__ import annotations

import argparse
import itertools
from contextlib import closing
from typing import Any

from functions import output

SHOWN_MAX = 20
"""Most differences that are named one by one."""


def add_command(verbs: Any) -> None:
    """Add it to the commands of `kcidb`."""
    parser = verbs.add_parser("rebuild", help="compute every report anew from the submissions, and mend what differs")
    parser.add_argument("--verify", action="store_true", help="only compare; exit status 1 when anything differs")
    parser.set_defaults(run=rebuild)


def rebuild(asked: argparse.Namespace) -> int:
    """Replay, compare, and mend unless it was only to be verified; gives the exit status."""
    from functions.settings import read
    from functions.wiring import Wiring, at_home, scratch_store
    from lib.clock import stamp
    from lib.domain.ingest.rebuild import Rebuild

    with closing(Wiring(at_home(read())).hub) as hub, closing(scratch_store(hub.clock)) as scratch:
        work = Rebuild(hub.store, scratch, hub.intake.decode, hub.projector.contribute)
        count = work.replay()
        differences = list(work.compare())
        reports = sum(hub.store.count(name, ()) for name in work.collections)
        output.say(f"{count} submissions replayed, {reports} reports compared, {len(differences)} differ")
        for d in itertools.islice(differences, SHOWN_MAX):
            what = "is missing" if d.stored is None else "is told of by nobody" if d.made is None else "differs"
            output.say(f"{d.collection} {d.name} {what}")
        if not differences:
            return 0
        if asked.verify:
            return 1
        work.mend(differences, stamp(hub.clock()))
        output.say(f"{len(differences)} mended")
        return 0

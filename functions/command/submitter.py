"""The commands `tributary kcidb token | revoke`: tokens of those who submit (docs/kcidb.md)."""

from __future__ import annotations

import argparse
from contextlib import closing

from functions import output
from functions.settings import read
from functions.wiring import Wiring, found_at_home
from lib.domain.hub import Hub
from lib.errors import Invalid

DAYS_MAX = 3650
_DAY_S = 86_400


def show_token(asked: argparse.Namespace) -> int:
    """Show a token, and nothing else, so that a script can take it."""
    if not 1 <= asked.days <= DAYS_MAX:
        raise Invalid("--days", f"must be 1 to {DAYS_MAX}")
    with closing(_hub()) as hub:
        output.say(hub.submitters.mint(asked.origin, hub.clock(), asked.days * _DAY_S, asked.name))
    return 0


def revoke_token(asked: argparse.Namespace) -> int:
    """Revoke by name, or by a token itself: its name where it has one, else its digest."""
    with closing(_hub()) as hub:
        name = hub.submitters.named_by(asked.name, hub.clock())
        hub.submitters.revoke(name, hub.clock())
        output.say(f"Tokens named {name} submit no more")
    return 0


def _hub() -> Hub:
    return Wiring(found_at_home(read())).hub

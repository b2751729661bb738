"""The commands `python -m functions.admin kcidb token | revoke`: tokens of those who submit (docs/kcidb.md)."""

from __future__ import annotations

import argparse
from contextlib import closing
from typing import Any

from functions import output

DAYS_DEFAULT, DAYS_MAX = 365, 3650
_DAY_S = 86_400


def add_commands(verbs: Any) -> None:
    """Add them to the commands of `kcidb`."""
    token = verbs.add_parser("token", help="show a new token that lets submit results of some origins")
    token.add_argument("--origin", action="append", required=True, help="whose results; as often as there are some")
    token.add_argument("--days", type=int, default=DAYS_DEFAULT, help=f"how long it is good; default: {DAYS_DEFAULT}")
    token.add_argument("--name", default="", help="by which it can be revoked; default: one is made up")
    token.set_defaults(run=show_token)
    revoke = verbs.add_parser("revoke", help="let the tokens of a name submit no more")
    revoke.add_argument("name", help="as given to `token`; of a token minted elsewhere, the token itself")
    revoke.set_defaults(run=revoke_token)


def show_token(asked: argparse.Namespace) -> int:
    """Show a token, and nothing else, so that a script can take it."""
    from lib.errors import Invalid

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


def _hub() -> Any:
    from functions.settings import read
    from functions.wiring import Wiring, at_home

    return Wiring(at_home(read())).hub

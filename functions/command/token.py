"""The commands `python -m functions.admin tokens create | list | revoke` (docs/auth.md)."""

from __future__ import annotations

import argparse
from contextlib import closing
from typing import Any

from functions import output


def add_command(commands: Any) -> None:
    """Add it to the commands of the hub."""
    from lib.domain.account.access import SCOPES

    tokens = commands.add_parser("tokens", help="make, list and revoke tokens of users")
    verbs = tokens.add_subparsers(required=True, metavar="VERB")
    create = verbs.add_parser(
        "create", help="show a new token", formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="scopes:\n" + "\n".join(f"  {name:<23}{text}" for name, text in SCOPES.items()),
    )  # fmt: skip
    create.add_argument("username", metavar="USER", help="the owner, as whom the token acts")
    create.add_argument("--name", required=True, help="what the token is for")
    create.add_argument(
        "--scope", action="append", default=[], help="what it permits, as often as there are some; default: everything"
    )
    create.add_argument("--expires", help="hours or days, like 12h or 90d; default: never")
    create.set_defaults(run=create_token)
    listed = verbs.add_parser("list", help="list tokens, without their secrets")
    listed.add_argument("username", metavar="USER", nargs="?", help="the owner; default: every user")
    listed.set_defaults(run=list_tokens)
    revoke = verbs.add_parser("revoke", help="refuse a token from now on")
    revoke.add_argument("id", metavar="ID", help="as `list` shows it: the middle part of the token")
    revoke.set_defaults(run=revoke_token)


def create_token(asked: argparse.Namespace) -> None:
    """Show a token, and nothing else, so that a script can take it."""
    with closing(_hub()) as hub:
        owner = _user(hub, asked.username).as_actor()
        output.say(hub.tokens.create(owner, asked.name, asked.scope, asked.expires, hub.clock())[1])


def list_tokens(asked: argparse.Namespace) -> None:
    """One line a token: its id, owner, name, scopes and instants, between tabs."""
    with closing(_hub()) as hub:
        tokens = hub.tokens.find(_user(hub, asked.username).id) if asked.username else hub.tokens.all()
        output.say("ID\tUSER\tNAME\tSCOPES\tEXPIRES\tLAST USED")
        for token in tokens:
            user = hub.accounts.get(token.user_id)
            output.say(
                "\t".join((
                    token.id, user.username if user else token.user_id, token.name, " ".join(token.scopes) or "-",
                    token.expires_at or "never", token.last_used_at or "never",
                ))
            )  # fmt: skip


def revoke_token(asked: argparse.Namespace) -> None:
    """Revoke a token of any user."""
    with closing(_hub()) as hub:
        hub.tokens.revoke(asked.id)
        output.say(f"Revoked {asked.id}")


def _user(hub: Any, username: str) -> Any:
    """The user of a name. Raises Invalid."""
    from lib.errors import Invalid

    user = hub.accounts.by_name(username)
    if user is None:
        raise Invalid("USER", f"no user has the name {username}")
    return user


def _hub() -> Any:
    from functions.settings import read
    from functions.wiring import Wiring, at_home

    return Wiring(at_home(read())).hub

"""The commands `tributary admin tokens create | list | revoke` (docs/auth.md)."""

from __future__ import annotations

import argparse
from contextlib import closing

from functions import output
from functions.settings import read
from functions.wiring import Wiring, found_at_home
from lib.domain.account.account import User
from lib.domain.hub import Hub
from lib.errors import Invalid


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


def _user(hub: Hub, username: str) -> User:
    """The user of a name. Raises Invalid."""
    user = hub.accounts.by_name(username)
    if user is None:
        raise Invalid("USER", f"no user has the name {username}")
    return user


def _hub() -> Hub:
    return Wiring(found_at_home(read())).hub

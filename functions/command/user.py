"""The commands `tributary admin create-admin | token | verify-token | reset-token`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import closing

from functions import output
from functions.fault import Faulty
from functions.settings import read
from functions.wiring import Wiring, at_home, found_at_home
from lib.domain.account.account import User
from lib.domain.hub import Hub


def create_admin(asked: argparse.Namespace) -> None:
    """Make an administrator, verified; shows the password if it was made up here."""
    settings = read()
    username = asked.username or settings.admin_username
    email = asked.email or (f"{username}@kernelci.org" if asked.username else settings.admin_email)
    password = sys.stdin.readline().rstrip("\r\n") if asked.password_stdin else output.made_up_password()
    if not password:
        raise Faulty(["no password on stdin"])
    with closing(Wiring(at_home(settings)).hub) as hub:
        user = hub.accounts.register(username, email, password, hub.clock(), is_superuser=True, is_verified=True)
    output.say(f"Administrator: {user.username}", *([] if asked.password_stdin else [f"Password: {password}"]))


def token(asked: argparse.Namespace) -> None:
    """Show a token that does what the user may."""
    _show(asked.username, lambda hub, user: hub.accounts.auth.mint(user.id, hub.clock()))


def verify_token(asked: argparse.Namespace) -> None:
    """Show a token that verifies the user's address."""
    _show(asked.username, lambda hub, user: hub.account_mail.verify_token(user, hub.clock()))


def reset_token(asked: argparse.Namespace) -> None:
    """Show a token that sets the user's password."""
    _show(asked.username, lambda hub, user: hub.account_mail.reset_token(user, hub.clock()))


def _show(username: str, make: Callable[[Hub, User], str]) -> None:
    """Show a token of an active user, and nothing else, so that a script can take it."""
    with closing(Wiring(found_at_home(read())).hub) as hub:
        user = hub.accounts.by_name(username)
        if user is None or not user.is_active:
            raise Faulty([f"no active user has the name {username}"])
        output.say(make(hub, user))

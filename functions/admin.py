"""The command line: `python -m functions.admin create-admin | token USERNAME | openapi`.

Works on the store that the environment names, beside a running hub or without one. A mistake is one line on stderr and
exit status 2.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from functions import openapi, output
from functions.settings import Faulty, read
from functions.wiring import Wiring, at_home
from lib.domain.account import unique_key
from lib.errors import Refusal

OPENAPI = Path(__file__).parent.parent / "schemas" / "openapi.json"


class Mistake(Exception):
    """What was asked for cannot be done; the text says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status."""
    asked = _parser().parse_args(arguments)
    try:
        asked.run(asked)
    except Faulty as error:
        return output.refuse(*error.faults)
    except (Mistake, Refusal) as error:
        return output.refuse(str(error))
    except OSError as error:
        return output.refuse(f"{error.filename or 'store'}: {error.strerror or error}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m functions.admin", description="Look after a hub.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    create = commands.add_parser("create-admin", help="make an administrator")
    create.add_argument("--username", help="default: HUB_ADMIN_USERNAME, or admin")
    create.add_argument("--email", help="default: HUB_ADMIN_EMAIL, or <username>@kernelci.org")
    create.add_argument(
        "--password-stdin", action="store_true", help="read the password from stdin; else one is made up"
    )
    create.set_defaults(run=create_admin)

    token = commands.add_parser("token", help="show a new token of a user")
    token.add_argument("username")
    token.set_defaults(run=show_token)

    describe = commands.add_parser("openapi", help=f"write {OPENAPI.parent.name}/{OPENAPI.name} from the route table")
    describe.set_defaults(run=write_openapi)
    return parser


def create_admin(asked: argparse.Namespace) -> None:
    """Make an administrator, verified; shows the password if it was made up here."""
    settings = at_home(read())
    username = asked.username or settings.admin_username
    email = asked.email or (f"{username}@kernelci.org" if asked.username else settings.admin_email)
    password = sys.stdin.readline().rstrip("\r\n") if asked.password_stdin else output.made_up_password()
    if not password:
        raise Mistake("no password on stdin")
    with closing(Wiring(settings).hub) as hub:
        user = hub.accounts.register(username, email, password, hub.clock(), is_superuser=True, is_verified=True)
    output.say(f"Administrator: {user.username}", *([] if asked.password_stdin else [f"Password: {password}"]))


def show_token(asked: argparse.Namespace) -> None:
    """Show a new token of an active user, and nothing else, so that a script can take it."""
    with closing(Wiring(at_home(read())).hub) as hub:
        claim = hub.store.load("unique", unique_key("username", asked.username))
        user = hub.accounts.get(claim.body["id"]) if claim is not None else None
        if user is None or not user.is_active:
            raise Mistake(f"no active user has the name {asked.username}")
        output.say(hub.accounts.auth.mint(user.id, hub.clock()))


def write_openapi(asked: argparse.Namespace) -> None:
    """Write the description of the surface."""
    OPENAPI.write_bytes(openapi.document())


if __name__ == "__main__":
    sys.exit(main())

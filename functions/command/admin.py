"""The command line: `python -m functions.admin create-admin | token | verify-token | reset-token | tokens |
dead-letters | kcidb | openapi`.

Works on the store that the environment names, beside a running hub or without one. A mistake is one line on stderr and
exit status 2.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from functions import output
from functions.command import dead_letter, kcidb, token
from functions.settings import Faulty, read
from functions.wiring import Wiring, at_home
from lib.errors import Refusal

if TYPE_CHECKING:
    from lib.domain.account.account import User
    from lib.domain.hub import Hub

OPENAPI = Path(__file__).parents[2] / "schemas" / "openapi.json"
ROUTES = Path(__file__).parents[2] / "docs" / "routes.md"
KCIDB_PAGE = Path(__file__).parents[2] / "docs" / "kcidb-schema.md"


class Mistake(Exception):
    """What was asked for cannot be done; the text says why."""


TOKENS: tuple[tuple[str, str, Callable[[Hub, User], str]], ...] = (
    ("token", "show a new token of a user", lambda hub, user: hub.accounts.auth.mint(user.id, hub.clock())),
    (
        "verify-token", "show a token that verifies a user's address, as it would be mailed",
        lambda hub, user: hub.account_mail.verify_token(user, hub.clock()),
    ),
    (
        "reset-token", "show a token that sets a user's password, as it would be mailed",
        lambda hub, user: hub.account_mail.reset_token(user, hub.clock()),
    ),
)  # fmt: skip
"""Commands that show a token of a user: what each is for, and how it is made."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status."""
    asked = _parser().parse_args(arguments)
    try:
        return asked.run(asked) or 0
    except Faulty as error:
        return output.refuse(*error.faults)
    except (Mistake, Refusal) as error:
        return output.refuse(str(error))
    except OSError as error:
        return output.refuse(f"{error.filename or 'store'}: {error.strerror or error}")


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

    for name, text, make in TOKENS:
        shown = commands.add_parser(name, help=text)
        shown.add_argument("username")
        shown.set_defaults(run=show_token, make=make)

    token.add_command(commands)
    dead_letter.add_command(commands)
    kcidb.add_command(commands)

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
        user = hub.accounts.by_name(asked.username)
        if user is None or not user.is_active:
            raise Mistake(f"no active user has the name {asked.username}")
        output.say(asked.make(hub, user))


def write_openapi(asked: argparse.Namespace) -> None:
    """Write the description of the surface, and for people the table of it and the page about KCIDB's schema."""
    from functions.edge import openapi
    from schemas.kcidb import page

    OPENAPI.write_bytes(openapi.document())
    lines = ROUTES.read_text().splitlines(keepends=True)
    places = [at for at, line in enumerate(lines) if line.startswith("| `")]
    lines[places[0] : places[-1] + 1] = [f"{row}\n" for row in openapi.rows()]
    ROUTES.write_text("".join(lines))
    KCIDB_PAGE.write_text(page.page())


if __name__ == "__main__":
    sys.exit(main())

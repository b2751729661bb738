"""The commands `tributary admin …`: a table."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from functions.command.command import Command, Parser

LETTERS_DEFAULT = 100
"""Dead letters that one command looks at; the next one goes on."""
DEAD_DEFAULT = "tributary-dead"


def _create_admin(parser: Parser) -> None:
    parser.add_argument("--username", help="default: HUB_ADMIN_USERNAME, or admin")
    parser.add_argument("--email", help="default: HUB_ADMIN_EMAIL, or <username>@kernelci.org")
    parser.add_argument(
        "--password-stdin", action="store_true", help="read the password from stdin; else one is made up"
    )


def _username(parser: Parser) -> None:
    parser.add_argument("username")


def _look(parser: Parser) -> None:
    parser.add_argument("--subscription", default=DEAD_DEFAULT, help=f"who keeps them; default: {DEAD_DEFAULT}")
    parser.add_argument(
        "--limit", type=int, default=LETTERS_DEFAULT, help=f"look at so many; default: {LETTERS_DEFAULT}"
    )


def _settle(parser: Parser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("ids", nargs="*", default=[], metavar="ID", help="ids, as shown by list")
    which.add_argument("--all", action="store_true", help="every one")
    _look(parser)


def _create_token(parser: Parser) -> None:
    parser.add_argument("username", metavar="USER", help="the owner, as whom the token acts")
    parser.add_argument("--name", required=True, help="what the token is for")
    parser.add_argument(
        "--scope", action="append", default=[],
        help="a scope of docs/auth.md, like nodes:write; may be repeated; default: everything that the owner may do",
    )  # fmt: skip
    parser.add_argument("--expires", help="hours or days, like 12h or 90d; default: never")


def _list_tokens(parser: Parser) -> None:
    parser.add_argument("username", metavar="USER", nargs="?", help="the owner; default: every user")


def _revoke_token(parser: Parser) -> None:
    parser.add_argument("id", metavar="ID", help="as `list` shows it: the middle part of the token")


_DEAD = "functions.command.dead_letter:"
_TOKEN = "functions.command.tokens:"

COMMANDS = (
    Command(
        "create-admin", "make an administrator, and a store where there is none",
        "functions.command.user:create_admin", _create_admin,
    ),
    Command("token", "show a new token of a user", "functions.command.user:token", _username),
    Command(
        "verify-token", "show a token that verifies a user's address, as it would be mailed",
        "functions.command.user:verify_token", _username,
    ),
    Command(
        "reset-token", "show a token that sets a user's password, as it would be mailed",
        "functions.command.user:reset_token", _username,
    ),
    Command("tokens", "make, list and revoke tokens of users", parts=(
        Command("create", "show a new token", f"{_TOKEN}create_token", _create_token),
        Command("list", "list tokens, without their secrets", f"{_TOKEN}list_tokens", _list_tokens),
        Command("revoke", "refuse a token from now on", f"{_TOKEN}revoke_token", _revoke_token),
    )),
    Command("dead-letters", "look at, send again or drop messages that a subscriber did not take", parts=(
        Command("list", "show messages that a subscriber did not take, oldest first", f"{_DEAD}show", _look),
        Command("replay", "publish such messages again, as they were", f"{_DEAD}replay", _settle),
        Command("drop", "delete such messages", f"{_DEAD}drop", _settle),
    )),
    Command(
        "openapi", "write schemas/openapi.json, docs/routes.md and docs/kcidb-schema.md from their tables",
        "functions.command.surface:write",
    ),
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of them; gives the exit status."""
    from functions.command import main as command

    return command.main(["admin", *(sys.argv[1:] if arguments is None else arguments)])


if __name__ == "__main__":
    sys.exit(main())

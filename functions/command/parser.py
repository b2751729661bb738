"""The words of the command line, and its help: `tributary serve | admin … | kcidb … | completion …`."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from functions import output
from functions.command import admin, kcidb
from functions.command.command import Command, Parser, sentence
from functions.version import VERSION

PROGRAM = "tributary"
STATUSES = (
    (0, "done"),
    (1, 'the answer is "no", or a part of the input was refused; stderr or the answer says which'),
    (2, "the command could not run: wrong words, a faulty setting, no store, no answer from a hub"),
    (130, "ended by Ctrl-C"),
)
"""Exit statuses, and what each means."""


def _serve_options(parser: Parser) -> None:
    parser.add_argument("--bind", metavar="HOST:PORT", help="where it listens, instead of HUB_BIND")
    parser.add_argument("--store", metavar="URL", help="the store, instead of HUB_STORE")


def _completion_options(parser: Parser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh"))


COMMANDS = (
    Command(
        "serve", "run the hub: HTTP, background work and ticker in one process", "functions.home.serve:serve",
        _serve_options,
    ),
    Command("admin", "look after a hub", parts=(*admin.COMMANDS, kcidb.GROUP._replace(is_former=True))),
    kcidb.GROUP,
    Command(
        "completion", "show what makes a shell complete the words", "functions.command.completion:show",
        _completion_options,
    ),
)  # fmt: skip


class _Root(argparse.ArgumentParser):
    """The parser of the first word. Its help shows every command."""

    def format_help(self) -> str:
        blocks = ["usage: tributary [-h] [--version] COMMAND …\n", "One hub for the results of CI systems."]
        for command in COMMANDS:
            if command.parts:
                blocks.append("\n".join([f"{sentence(command.help)}:", *_lines(command)]))
        singles = [line for command in COMMANDS if not command.parts for line in _lines(command)]
        blocks.insert(2, "\n".join(["Commands:", *singles]))
        blocks.append("\n".join(["Exit status:", *(f"  {number:<4} {text}" for number, text in STATUSES)]))
        return "\n\n".join([*blocks, "`tributary COMMAND --help` shows the options.", ""]).replace("\n\n\n", "\n\n")


class _Version(argparse.Action):
    """Shows the version, which is read only then."""

    def __call__(self, parser: Parser, *_: Any) -> NoReturn:
        output.say(f"{PROGRAM} {VERSION}")
        parser.exit()


def make() -> Parser:
    """The parser; what it reads has `run`, the command's own `module:function`."""
    parser = _Root(prog=PROGRAM)
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=argparse.ArgumentParser)
    for command in COMMANDS:
        command.add_to(commands)
    return parser


def leaves() -> list[tuple[str, str]]:
    """The words of each command, and its line."""
    return [leaf for command in COMMANDS for leaf in command.leaves()]


def _lines(command: Command) -> list[str]:
    return [f"  {words:<26} {text}" for words, text in command.leaves()]

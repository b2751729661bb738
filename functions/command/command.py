"""A command of the command line: a line of a table. Its module is imported when it is asked for, so that every answer
begins at once."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Parser = argparse.ArgumentParser


def _none(parser: Parser) -> None:
    """Add no options."""


class Command(NamedTuple):
    """One command, or a group of them. `run` is `module:function`, which takes what was asked and gives the exit
    status; a group has `parts` instead. A `former` one still works and is shown nowhere."""

    name: str
    help: str
    run: str = ""
    add_options: Callable[[Parser], None] = _none
    parts: tuple[Command, ...] = ()
    is_former: bool = False

    def add_to(self, commands: Any) -> None:
        """Add it to the subparsers of a parser."""
        shown = {} if self.is_former else {"help": self.help}
        parser: Parser = commands.add_parser(self.name, description=f"{sentence(self.help)}.", **shown)
        self.add_options(parser)
        if not self.parts:
            parser.set_defaults(run=self.run)
            return
        below = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
        for part in self.parts:
            part.add_to(below)

    def leaves(self, before: str = "") -> Iterator[tuple[str, str]]:
        """The words of each command that does something, and its line."""
        if self.is_former:
            return
        words = f"{before} {self.name}".strip()
        if not self.parts:
            yield words, self.help
        for part in self.parts:
            yield from part.leaves(words)


def sentence(text: str) -> str:
    """A line with a capital at its beginning."""
    return f"{text[0].upper()}{text[1:]}"

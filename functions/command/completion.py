"""The command `tributary completion`, and what a shell asks at each press of the Tab key: the work of argcomplete."""

from __future__ import annotations

import argparse

from argcomplete import autocomplete
from argcomplete.shell_integration import shellcode

from functions import output

PROGRAM = "tributary"


def show(asked: argparse.Namespace) -> None:
    """Show the lines that a shell reads at its start."""
    output.say(shellcode([PROGRAM], shell=asked.shell))


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell; the process ends here."""
    autocomplete(parser, always_complete_options="long")

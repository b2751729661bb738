"""Output of the commands of this folder: answers on stdout, faults on stderr."""

from __future__ import annotations

import os
import sys


def say(*lines: str) -> None:
    """Write lines to stdout. A reader that stops reading (`| head`) is not a fault."""
    try:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
    except BrokenPipeError:
        # Otherwise Python reports unwritten output when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def pass_on(text: str) -> None:
    """Write a text unchanged to the next program of a pipe. Raises ValueError if the output is a terminal."""
    if sys.stdout.isatty():
        raise ValueError("this goes through a pipe, not to a terminal")
    sys.stdout.write(text)
    sys.stdout.flush()


def refuse(*faults: str) -> int:
    """Write the reasons of a refusal to stderr, one fault a line. Returns the exit status."""
    for fault in faults:
        sys.stderr.write(f"error: {fault}\n")
    return 2

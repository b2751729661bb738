"""What the commands of this folder say: answers on stdout, faults on stderr."""

from __future__ import annotations

import os
import sys


def say(*lines: str) -> None:
    """Answer, a line each. Somebody who stops reading (`| head`) is no fault."""
    try:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
    except BrokenPipeError:
        # Else Python complains of what is left to write when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def pass_on(text: str) -> None:
    """Give a text to the next program of a pipe, as it is. Raises ValueError where a person would read it."""
    if sys.stdout.isatty():
        raise ValueError("this goes through a pipe, not to a terminal")
    sys.stdout.write(text)
    sys.stdout.flush()


def refuse(*faults: str) -> int:
    """Tell why nothing was done, a line a fault; gives the exit status."""
    for fault in faults:
        sys.stderr.write(f"error: {fault}\n")
    return 2

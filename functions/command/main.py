"""`tributary …`: reads the words, runs one command, and turns what it raises into one line and an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from functions import output
from functions.command import parser
from functions.fault import Faulty
from lib.errors import Refusal

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status."""
    words = parser.make()
    if "_ARGCOMPLETE" in os.environ:
        from functions.command.completion import complete

        complete(words)
    asked = words.parse_args(arguments)
    try:
        return _function(asked.run)(asked) or 0
    except Faulty as error:
        return output.refuse(*error.faults)
    except Refusal as error:
        return output.refuse(str(error))
    except OSError as error:
        return output.refuse(f"{error.filename or 'store'}: {error.strerror or error}")
    except KeyboardInterrupt:
        return INTERRUPTED


def _function(name: str) -> Callable[..., int | None]:
    """What `module:function` names."""
    module, _, function = name.partition(":")
    found: Callable[..., int | None] = getattr(import_module(module), function)
    return found


if __name__ == "__main__":
    sys.exit(main())

"""The file `tributary` in a folder on the path, which starts this checkout's code: `make install`, `make uninstall`.

Uses the standard library alone: to remove it, no environment needs to be there.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from functions import output
from functions.fault import Faulty
from functions.place import CHECKOUT

NAME = "tributary"
MARK = "# Tributary's command, of the checkout below: `make install` wrote it, `make uninstall` removes it."
_TEXT = """#!/bin/sh
{mark}
checkout={checkout}
if [ ! -x "$checkout/.venv/bin/python" ]; then
  echo "error: $checkout/.venv is not there; run make install in that folder" >&2
  exit 2
fi
exec "$checkout/.venv/bin/python" -P "$checkout/functions/tributary.py" "$@"
"""


def text() -> str:
    """The launcher of this checkout."""
    return _TEXT.format(mark=MARK, checkout=shlex.quote(str(CHECKOUT)))


def install(prefix: Path) -> None:
    """Write it to `bin` below the prefix, and say where it is. Raises Faulty for a file of something else, OSError."""
    path = prefix / "bin" / NAME
    _owned(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{NAME}.{os.getpid()}")
    draft.write_text(text())
    draft.chmod(0o755)
    draft.replace(path)
    output.say(f"Installed {path}", *_hints(path))


def uninstall(prefix: Path) -> None:
    """Remove it. Raises Faulty for a file of something else, or of another checkout."""
    path = prefix / "bin" / NAME
    kept = _owned(path)
    if kept is None:
        output.say(f"There is no {path}")
        return
    if kept != text():
        raise Faulty([f"{path} starts another checkout: run make uninstall there, or remove the file"])
    path.unlink()
    output.say(f"Removed {path}")


def _owned(path: Path) -> str | None:
    """The text of a launcher that is there. Raises Faulty for what is none."""
    if not path.exists() and not path.is_symlink():
        return None
    kept = path.read_text(errors="replace") if path.is_file() else ""
    if MARK not in kept.splitlines()[1:2]:
        raise Faulty([f"{path} is something else: remove it, or name another place: make install PREFIX=/some/folder"])
    return kept


def _hints(path: Path) -> list[str]:
    """What is left to do before the shell finds it."""
    found = shutil.which(NAME)
    if found is None:
        return [
            f"{path.parent} is not on PATH. Add this line to ~/.profile, and log in again:",
            f"  export PATH={shlex.quote(str(path.parent))}:$PATH",
        ]
    if not Path(found).samefile(path):
        return [f"The shell finds {found} first: put {path.parent} before it on PATH"]
    return ["Try: tributary --help"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Install or uninstall; gives the exit status."""
    parser = argparse.ArgumentParser(prog="launcher", description="Put the command on the path, or remove it.")
    parser.add_argument("verb", choices=("install", "uninstall"))
    parser.add_argument("prefix", type=lambda name: Path(name).expanduser().absolute(), help="its folder `bin` is used")
    asked = parser.parse_args(arguments)
    try:
        (install if asked.verb == "install" else uninstall)(asked.prefix)
    except Faulty as error:
        return output.refuse(*error.faults)
    except OSError as error:
        return output.refuse(f"{error.filename or asked.prefix}: {error.strerror or error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

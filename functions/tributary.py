"""The command `tributary`, started by its path from any folder: only this checkout's code is imported."""

from __future__ import annotations

import sys
from pathlib import Path


def start() -> int:
    """Run one command; gives the exit status."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from functions.command.main import main

    return main()


if __name__ == "__main__":
    sys.exit(start())

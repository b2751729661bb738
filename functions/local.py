"""`tributary serve` as the module that it was before the command had a name."""

from __future__ import annotations

import sys

from functions.command.main import main

if __name__ == "__main__":
    sys.exit(main(["serve", *sys.argv[1:]]))

"""`python -m functions.admin …`: the command line by its former name."""

from __future__ import annotations

import sys

from functions.command.admin import main

if __name__ == "__main__":
    sys.exit(main())

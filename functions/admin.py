"""`tributary admin …` as the module that it was before the command had a name."""

from __future__ import annotations

import sys

from functions.command.admin import main

if __name__ == "__main__":
    sys.exit(main())

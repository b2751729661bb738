"""`python -m functions.local`: `make serve` by its former name."""

from __future__ import annotations

import sys

from functions.home.serve import main

if __name__ == "__main__":
    sys.exit(main())

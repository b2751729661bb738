"""The real server, whose threads work when they are woken, and by themselves once an hour only."""

from __future__ import annotations

import sys

from functions.home import serve
from lib.domain.event import loop

if __name__ == "__main__":
    loop.EVERY_S = 3600
    sys.exit(serve.main())

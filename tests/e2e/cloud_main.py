"""The functions of `main.py`, with the certificates of this test's issuer in the place of Google's.

What functions-framework is given as its source: `TEST_CERTIFICATES` names the file that `https://…/certs` would be.
"""

from __future__ import annotations

import os
from pathlib import Path

from functions import wiring
from functions.settings import read
from main import hub, on_event, sweep

__all__ = ["hub", "on_event", "sweep"]

_certificates = Path(os.environ["TEST_CERTIFICATES"])
wiring.SHARED.append(wiring.Wiring(read(), fetch=lambda url: (_certificates.read_bytes(), {})))

"""The functions of `main.py`, with the certificates of this test's issuer in the place of Google's.

What functions-framework is given as its source: `TEST_CERTIFICATES` names the file that `https://…/certs` would be.
With `TEST_KILL=N:FILE` the process is killed when it is about to publish for the Nth time, once: FILE says that it was.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from functions import wiring
from functions.settings import read
from main import hub, on_event, sweep

__all__ = ["hub", "on_event", "sweep"]

_certificates = Path(os.environ["TEST_CERTIFICATES"])
wiring.SHARED.append(wiring.Wiring(read(), fetch=lambda url: (_certificates.read_bytes(), {})))


def _die_at(number: int, mark: Path) -> None:
    from lib.messaging.pubsub import PubsubBus

    publish, calls = PubsubBus.publish, 0

    def deadly(self: PubsubBus, messages: Any) -> None:
        nonlocal calls
        calls += 1
        if calls >= number and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        publish(self, messages)

    PubsubBus.publish = deadly  # type: ignore[method-assign]


if "TEST_KILL" in os.environ:
    _number, _, _mark = os.environ["TEST_KILL"].partition(":")
    _die_at(int(_number), Path(_mark))

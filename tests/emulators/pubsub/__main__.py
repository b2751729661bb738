"""`python -m tests.emulators.pubsub --port 8085`: the stand-in until it is interrupted."""

from __future__ import annotations

import argparse
import signal
import sys

from tests.emulators.pubsub import start


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.emulators.pubsub")
    parser.add_argument("--port", type=int, default=8085, help="where to listen on 127.0.0.1; 0: any")
    asked = parser.parse_args()
    # Blocked before any thread starts, so that they come to `sigwait` alone.
    stops = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    with start(asked.port) as emulator:
        print(f"PUBSUB_EMULATOR_HOST={emulator.address}", flush=True)
        signal.sigwait(stops)
    return 0


if __name__ == "__main__":
    sys.exit(main())

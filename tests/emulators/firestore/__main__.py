"""`python -m tests.emulators.firestore --port 8787 [--indexes firestore.indexes.json]`"""

from __future__ import annotations

import argparse
import signal

from tests.emulators.firestore import start


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.emulators.firestore")
    parser.add_argument("--port", type=int, default=0, help="where to listen on 127.0.0.1; 0: any")
    parser.add_argument("--indexes", help="a firestore.indexes.json: a query that its indexes do not serve is refused")
    asked = parser.parse_args()
    # Blocked before any thread starts, so that they come to `sigwait` alone.
    stops = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    server = start(asked.indexes, asked.port)
    print(f"FIRESTORE_EMULATOR_HOST={server.address}", flush=True)
    signal.sigwait(stops)
    server.stop()


if __name__ == "__main__":
    main()

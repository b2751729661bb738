"""`python -m tests.emulators.firestore --port 8787 [--indexes firestore.indexes.json]`"""

from __future__ import annotations

import argparse

from tests.emulators.firestore import start


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.emulators.firestore")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--indexes", help="a firestore.indexes.json: composite queries without their index are refused")
    options = parser.parse_args()
    server = start(options.indexes, options.port)
    print(f"FIRESTORE_EMULATOR_HOST={server.address}", flush=True)
    try:
        server.wait()
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()

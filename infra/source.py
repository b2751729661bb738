"""The source of a function, and its digest: `python -m infra.source` prints it.

Each deployed function has the digest as a label, so that a function with unchanged source is not built again.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from infra import output

ROOT = Path(__file__).parent.parent
UPLOADED = ("main.py", "requirements.txt", "functions", "lib", "schemas")
"""The files that `.gcloudignore` includes; a test compares the two."""
DIGEST_CHARS = 16


def files() -> Iterator[Path]:
    """Every file of the source, in order, without Python's caches."""
    for top in UPLOADED:
        path = ROOT / top
        found = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        yield from (p for p in found if "__pycache__" not in p.parts and p.suffix not in (".pyc", ".pyo", ".pyd"))


def digest() -> str:
    """The digest of all names and contents."""
    whole = hashlib.sha256()
    for path in files():
        whole.update(f"{path.relative_to(ROOT).as_posix()}\0{path.stat().st_size}\0".encode())
        whole.update(path.read_bytes())
    return whole.hexdigest()[:DIGEST_CHARS]


if __name__ == "__main__":
    output.say(digest())
    sys.exit(0)

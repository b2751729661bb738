"""The generated files of this folder: indexes, rules, and the configuration of Firebase's tools.

`make infra-files` writes them; a test of tests/house checks that they are up to date.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lib.store.firestore.index import firestore_indexes

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent
RULES = """\
rules_version = '2';
// Nobody reads or writes past the hub: servers are not asked by these rules, browsers and phones always are.
service cloud.firestore {
  match /databases/{database}/documents {
    match /{document=**} {
      allow read, write: if false;
    }
  }
}
"""
FIREBASE = {"firestore": {"rules": "firestore.rules", "indexes": "firestore.indexes.json"}}


def files() -> dict[Path, str]:
    """The generated files and their texts."""
    return {
        FOLDER / "firestore.indexes.json": _json(firestore_indexes()),
        FOLDER / "firestore.rules": RULES,
        FOLDER / "firebase.json": _json(FIREBASE),
    }


def _json(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"

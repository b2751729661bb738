"""Compares the wanted state with the found state: `python -m infra.compare` answers each line of the script with a
line.

The question is `FILE<TAB>{"where": …, "has": …, "wanted": …, "fixed": …, "lacks": …}`, and the answer

    missing                 nothing in FILE matches `where`, or the match lacks a part of `has`
    same NAME               it exists and is as wanted
    differs NAME<TAB>WHAT   these fields are not as wanted
    fixed NAME<TAB>WHAT     these are not, and cannot be changed in place

The question `FILE<TAB>{"where": …, "pick": FIELD}` is answered with the value of that field: `picked VALUE`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from infra import output

SETS = ("bindings", "members")
"""Lists of an IAM policy that must contain the wanted entries and may contain others. Other lists must be equal, in
order."""


def fits(where: Any, found: Any) -> bool:
    """Whether a found value matches `where`; texts are patterns (`projects/*/secrets/x`)."""
    if isinstance(where, Mapping):
        return isinstance(found, Mapping) and all(fits(w, found.get(key)) for key, w in where.items())
    if isinstance(where, list):
        return isinstance(found, list) and len(where) == len(found) and all(map(fits, where, found))
    return found is not None and fnmatchcase(str(found), str(where))


def differences(wanted: Any, found: Any, path: str = "") -> list[str]:
    """The paths of the differences. A field that is wanted as None must be absent; other fields may be present. A
    service omits fields that are false, zero or empty."""
    if isinstance(wanted, Mapping):
        held = found if isinstance(found, Mapping) else {}
        return [d for key, w in wanted.items() for d in differences(w, held.get(key), f"{path}.{key}".lstrip("."))]
    if isinstance(wanted, list):
        return _differ_in_list(wanted, found if isinstance(found, list) else [], path)
    if not wanted:
        return [path] if found else []
    return [] if wanted == found or str(wanted) == str(found) else [path]


def _differ_in_list(wanted: list[Any], found: list[Any], path: str) -> list[str]:
    if path.rpartition(".")[2] in SETS:
        lacks = [w for w in wanted if all(differences(w, f) or not _alike(w, f) for f in found)]
        return [path] if lacks else []
    if len(wanted) != len(found):
        return [path]
    return [d for i, (w, f) in enumerate(zip(wanted, found, strict=True)) for d in differences(w, f, f"{path}.{i}")]


def _alike(wanted: Any, found: Any) -> bool:
    return isinstance(wanted, Mapping) == isinstance(found, Mapping)


def items(text: str) -> list[Any]:
    """The result of a Look as a list: a list unchanged, an object as a list of one, an empty text as an empty list."""
    kept = json.loads(text) if text.strip() else []
    return kept if isinstance(kept, list) else [kept]


def judge(found: Sequence[Any], asked: Mapping[str, Any]) -> str:
    """The answer to one question."""
    item = next((f for f in found if fits(asked.get("where", {}), f)), None)
    if item is None or differences(asked.get("has", {}), item):
        return "missing"
    if field := asked.get("pick"):
        return f"picked {item[field]}" if item.get(field) else "missing"
    name = item.get("name") or "-"
    if stuck := differences(asked.get("fixed", {}), item):
        return f"fixed {name}\t{', '.join(stuck)}"
    if "lacks" in asked and not differences(asked["lacks"], item):
        return f"differs {name}\t{', '.join(asked['lacks'])}"
    if differing := differences(asked.get("wanted", {}), item):
        return f"differs {name}\t{', '.join(differing)}"
    return f"same {name}"


def main() -> int:
    """Answer until the input ends. Returns the exit status."""
    for line in iter(sys.stdin.readline, ""):
        file, _, asked = line.partition("\t")
        output.say(judge(items(Path(file).read_text()), json.loads(asked)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Objects of older majors as those of 5.3, exactly as KCIDB upgrades them (kcidb.md 1.5).

Pure. Takes valid objects and does not check what comes of them: not everything that was valid has a valid successor.
An object keeps its place in its list. What is made for waived tests is `waiver`, to stand behind the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Object = dict[str, Any]
Lists = dict[str, list[Object]]

WAIVED_ISSUE: Mapping[str, Any] = {
    "id": "_:waived", "origin": "_", "version": 1, "comment": "Test waived as unreliable",
}  # fmt: skip


def waived_incident(test_id: str) -> Object:
    """The incident that says that a test's result was waived."""
    return {
        "id": f"_:waived:1:{test_id}", "origin": "_", "issue_id": "_:waived", "issue_version": 1, "test_id": test_id,
        "present": True,
    }  # fmt: skip


def waiver(test_ids: Sequence[str]) -> Lists:
    """What tells in 5.x that tests were waived: one issue, and an incident a test. Nothing for none."""
    if not test_ids:
        return {}
    return {"issues": [dict(WAIVED_ISSUE)], "incidents": [waived_incident(id_) for id_ in test_ids]}


def waived_places(lists: Mapping[str, Sequence[Object]]) -> list[int]:
    """The places of the tests that were waived, as every major before 5 says it."""
    return [place for place, test in enumerate(lists.get("tests", ())) if test.get("waived")]


def upgrade(lists: Mapping[str, Sequence[Object]], major: int) -> Lists:
    """The lists of a submission of this major, as 5.3 has them; without the `waiver`."""
    made = {kind: [dict(one) for one in objects] for kind, objects in lists.items()}
    for before in range(major, 5):
        _STEPS[before](made)
    return made


def _to_2(lists: Lists) -> None:
    """One id instead of pairs; no slashes in names of files."""
    for kind, parent in (("revisions", ""), ("builds", "revision_"), ("tests", "build_")):
        for one in lists.get(kind, ()):
            for prefix in {"", parent}:
                one[f"{prefix}id"] = f"{one.pop(f'{prefix}origin')}:{one.pop(f'{prefix}origin_id')}"
            for name in ("patch_mboxes", "input_files", "output_files"):
                if name in one:
                    one[name] = [{**file, "name": file["name"].replace("/", "_")} for file in one[name]]


def _to_3(lists: Lists) -> None:
    """The origin apart; a revision's id is a hash."""
    for objects in lists.values():
        for one in objects:
            one["origin"] = one["id"].partition(":")[0]
    for one in lists.get("revisions", ()):
        one["id"] = one["id"].partition(":")[2]
        _rename(one, "git_repository_commit_hash", "git_commit_hash")
        _rename(one, "git_repository_commit_name", "git_commit_name")
    for one in lists.get("builds", ()):
        one["revision_id"] = one["revision_id"].partition(":")[2]


def _to_4(lists: Lists) -> None:
    """Checkouts instead of revisions; a build is taken to be of its own origin's checkout."""
    if "revisions" in lists:
        lists["checkouts"] = lists.pop("revisions")
    for one in lists.get("checkouts", ()):
        one["patchset_hash"] = one["id"].partition("+")[2]
        one["id"] = f"_:{one['origin']}:{one['id']}"
        _rename(one, "patch_mboxes", "patchset_files")
        _rename(one, "discovery_time", "start_time")
        one.pop("publishing_time", None)
    for one in lists.get("builds", ()):
        one["checkout_id"] = f"_:{one['origin']}:{one.pop('revision_id')}"
    for objects in lists.values():
        for one in objects:
            _rename(one, "description", "comment")
            if "environment" in one:
                one["environment"] = dict(one["environment"])
                _rename(one["environment"], "description", "comment")


def _to_5(lists: Lists) -> None:
    """Builds get a status."""
    for one in lists.get("checkouts", ()):
        one.pop("contacts", None)
    for one in lists.get("builds", ()):
        if "valid" in one:
            one["status"] = "PASS" if one.pop("valid") else "FAIL"
    for one in lists.get("issues", ()):
        one.pop("build_valid", None)
        one.pop("test_status", None)
    for one in lists.get("tests", ()):
        one.pop("waived", None)


def _rename(one: Object, old: str, new: str) -> None:
    if old in one:
        one[new] = one.pop(old)


_STEPS: Mapping[int, Callable[[Lists], None]] = {1: _to_2, 2: _to_3, 3: _to_4, 4: _to_5}

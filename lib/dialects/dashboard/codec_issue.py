"""Dashboard codec: issues and where they were seen (kcidb.md 4.5). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lib.dialects.dashboard.codec import Wire, encode_checkout
from lib.domain.dashboard.issue import Occurrences, Sighting, marks_of
from lib.domain.report.report import Fields

if TYPE_CHECKING:
    from lib.store.port import Body

CULPRITS = ("code", "tool", "harness")


def encode_culprits(issue: Fields) -> Wire:
    """Who an issue blames, key by key."""
    culprit = issue.get("culprit") or {}
    return {f"culprit_{name}": culprit.get(name) for name in CULPRITS}


def encode_issue(body: Body) -> Wire:
    """An issue in a list."""
    view = body["object"]
    return {
        "field_timestamp": body["changed_at"],
        "id": view["id"],
        "comment": view.get("comment"),
        "origin": view["origin"],
        "version": view["version"],
        **encode_culprits(view),
        "categories": view.get("categories"),
    }


def encode_issue_details(body: Body, extra: Wire) -> Wire:
    """An issue by itself."""
    view = body["object"]
    return {
        **encode_issue(body),
        "report_url": view.get("report_url"),
        "report_subject": view.get("report_subject"),
        "misc": view.get("misc") or {},
        "extra": {view["id"]: extra},
    }


def encode_sighting(sighting: Sighting | None) -> Wire | None:
    """Incident."""
    if sighting is None:
        return None
    shown = encode_checkout(sighting.checkout)
    return {
        "first_seen": sighting.heard_at,
        **shown,
        "issue_version": sighting.version,
        "checkout_id": sighting.checkout["id"],
    }


def encode_spread(id: str, spread: Occurrences, versions: Iterable[int]) -> Wire:
    """Where an issue was seen; of the versions asked for and those that were seen."""
    return {
        "first_incident": encode_sighting(spread.first),
        "last_incident": encode_sighting(spread.last),
        "versions": {
            str(version): _version(id, version, spread.trees.get(version, set()))
            for version in sorted({*versions, *spread.trees})
        },
    }


def _version(id: str, version: int, trees: set[tuple[str, str]]) -> Wire:
    return {
        "id": id,
        "version": version,
        "trees": [{"tree_name": n or None, "git_repository_branch": b or None} for n, b in sorted(trees)],
        "tags": marks_of(trees),
    }


def encode_issue_options(issues: Iterable[Wire]) -> Wire:
    """What a list of issues (as encoded) may be filtered by."""
    issues = list(issues)
    categories = {name for issue in issues for name in issue["categories"] or ()}
    return {
        "origins": sorted({issue["origin"] for issue in issues}),
        "culprits": [name for name in CULPRITS if any(issue[f"culprit_{name}"] for issue in issues)],
        "categories": sorted(categories),
    }

"""What is declared agrees with what it is about: targets, settings, uploads, the rules of Firestore."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

import main
from functions import jobs
from functions.edge import routes
from functions.settings import SETTINGS
from infra import declared, function, generated, parameter, push, schedule, source
from infra.name import PUSH, SCHEDULER
from infra.parameter import Parameters
from infra.step import Ensure, Look, Pick

ROOT = Path(__file__).parents[2]
DEMO = Parameters("demo", "europe-west1", "europe-west1", email="ops@example.org", domain="hub.example.org")
COMPOSITES_MAX = 1000
"""Composite indexes of a database without billing; with it there may be 1,000 (Firestore's quotas)."""
FIELDS_MAX = 100
MODES = {"order": {"ASCENDING", "DESCENDING"}, "arrayConfig": {"CONTAINS"}}


@pytest.mark.parametrize("slice", [*routes.SLICES, routes.WHOLE])
def test_each_slice_is_a_target_and_deployed(slice):
    assert callable(getattr(main, slice))
    p = DEMO._replace(domain="", is_single=slice == routes.WHOLE)
    assert slice in {f.slice for f in function.chosen(p)}


@pytest.mark.parametrize(("paths", "is_needed"), [({"hub": ["/shared"]}, True), ({"node": ["/node"]}, False)])
def test_the_whole_is_deployed_beside_the_slices_where_the_load_balancer_needs_it(monkeypatch, paths, is_needed):
    monkeypatch.setattr(function, "paths", lambda: paths)
    assert ("hub" in {f.slice for f in function.chosen(DEMO)}) is is_needed
    assert "hub" not in {f.slice for f in function.chosen(DEMO._replace(domain=""))}


def test_each_line_of_the_table_is_a_slice():
    assert set(function.TABLE) <= {*routes.SLICES, routes.WHOLE}


@pytest.mark.parametrize("f", [function.row(s) for s in (*routes.SLICES, "hub")], ids=lambda f: f.name)
def test_a_function_is_told_settings_that_there_are(f):
    known = {setting.name for setting in SETTINGS}
    assert set(function.environment(f, DEMO)) - {"THREADS"} <= known
    assert re.fullmatch("[a-z][a-z0-9-]{4,28}[a-z0-9]", f.name), "also the name of a service account: 6 to 30"


def test_only_slices_without_a_writing_route_may_do_no_more_than_read():
    for f in function.TABLE.values():
        if f.store_role == function.READS:
            methods = {b.route.method for b in routes.table(f.slice).bounds}
            assert methods == {"GET"}, f.slice


def test_where_visitors_of_firebase_are_known_every_slice_may_make_their_records():
    p = DEMO._replace(firebase="demo-users")
    assert {f.role(p) for f in function.chosen(p)} == {function.WRITES}
    assert {function.environment(f, p)["HUB_FIREBASE_PROJECT"] for f in function.chosen(p)} == {"demo-users"}


def test_a_single_function_takes_the_calls_of_all_callers():
    p = DEMO._replace(domain="", is_single=True)
    (hub,) = function.chosen(p)
    found = function.environment(hub, p)
    assert hub.slice == routes.WHOLE and found["HUB_OIDC_AUDIENCE"] == hub.url(p) == found["HUB_PUBLIC_URL"]
    assert found["HUB_PUSH_ACCOUNTS"] == p.account(PUSH) and found["HUB_SCHEDULER_ACCOUNTS"] == p.account(SCHEDULER)
    told = repr(list(declared.steps(p)))
    assert all(hub.url(p) + each.path in told for each in push.PUSHES) and "tributary-sweep-<NUMBER>" not in told


def test_what_is_called_is_served():
    paths = {b.path for b in routes.table().bounds if b.route.slice in (function.SWEEP, function.ON_EVENT)}
    assert {*(job.path for job in schedule.JOBS), *(p.path for p in push.PUSHES)} == paths
    assert {job.id.removeprefix("tributary-") for job in schedule.JOBS} == {job.name for job in jobs.JOBS}


@pytest.mark.parametrize("p", [
    DEMO, DEMO._replace(domain=""), DEMO._replace(domain="", is_single=True, email="", has_recovery=True),
], ids=["domain", "plain", "single"])  # fmt: skip
def test_every_step_compares_with_an_earlier_look_and_has_a_title_of_its_own(p):
    looks, titles = set(), []
    for step in declared.steps(p):
        if isinstance(step, Look):
            looks.add(step.name)
        elif isinstance(step, Ensure | Pick):
            assert step.look in looks
        if isinstance(step, Ensure):
            titles.append(step.title)
            assert step.create or step.lacks
            assert bool(step.wanted or step.lacks) <= bool(step.update), step.title
    assert len(titles) == len(set(titles))


def test_what_is_uploaded_is_what_the_digest_covers():
    tracked = _git("ls-files", "--cached", "--others", "--exclude-standard")
    ignored = _git("ls-files", "--cached", "--others", "--ignored", "--exclude-from=.gcloudignore")
    expected = {p.relative_to(ROOT).as_posix() for p in source.files()}
    assert expected == {p for p in tracked - ignored if (ROOT / p).is_file()}
    assert any(p.startswith("lib/store/") for p in expected)


def _git(*words: str) -> set[str]:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines())


def test_the_digest_tells_one_source_from_another(tmp_path, monkeypatch):
    for name in source.UPLOADED:
        path = tmp_path / name
        path.write_text("1") if "." in name else path.mkdir()
    monkeypatch.setattr(source, "ROOT", tmp_path)
    first = source.digest()
    (tmp_path / "lib" / "__pycache__").mkdir()
    (tmp_path / "lib" / "__pycache__" / "a.pyc").write_text("x")
    assert source.digest() == first
    (tmp_path / "lib" / "a.py").write_text("x")
    assert len({first, source.digest()}) == 2
    assert re.fullmatch("[0-9a-f]{16}", first)


def test_the_index_file_is_what_firestore_takes():
    declared = json.loads((generated.FOLDER / "firestore.indexes.json").read_text())
    assert set(declared) == {"indexes", "fieldOverrides"}
    assert 0 < len(declared["indexes"]) <= COMPOSITES_MAX
    seen = [json.dumps(index, sort_keys=True) for index in declared["indexes"]]
    assert len(seen) == len(set(seen))
    for index in declared["indexes"]:
        assert set(index) == {"collectionGroup", "queryScope", "fields"}
        assert index["queryScope"] in ("COLLECTION", "COLLECTION_GROUP")
        names = [field["fieldPath"] for field in index["fields"]]
        assert 2 <= len(names) <= FIELDS_MAX and len(names) == len(set(names))
        assert all(_is_field(field) for field in index["fields"])
        assert sum("arrayConfig" in field for field in index["fields"]) <= 1


def test_the_overrides_are_what_firestore_takes():
    overrides = json.loads((generated.FOLDER / "firestore.indexes.json").read_text())["fieldOverrides"]
    seen = [(o["collectionGroup"], o["fieldPath"]) for o in overrides]
    assert len(seen) == len(set(seen))
    ttls = [o["collectionGroup"] for o in overrides if o.get("ttl")]
    assert len(ttls) == len(set(ttls)), "a collection group has one TTL policy"
    for override in overrides:
        assert {"collectionGroup", "fieldPath", "indexes"} <= set(override) <= {
            "collectionGroup", "fieldPath", "indexes", "ttl"}  # fmt: skip
        for index in override["indexes"]:
            assert index["queryScope"] == "COLLECTION"
            assert _is_field({"fieldPath": "x", **{k: v for k, v in index.items() if k != "queryScope"}})


def _is_field(field: dict) -> bool:
    (mode,) = set(field) - {"fieldPath"}
    return bool(field["fieldPath"]) and field[mode] in MODES[mode]


def test_the_rules_deny_everything():
    rules = (generated.FOLDER / "firestore.rules").read_text()
    assert re.findall(r"allow .*", rules) == ["allow read, write: if false;"]
    assert json.loads((generated.FOLDER / "firebase.json").read_text()) == {
        "firestore": {"rules": "firestore.rules", "indexes": "firestore.indexes.json"}
    }


def test_each_parameter_is_told_of():
    text = (ROOT / "infra" / "README.md").read_text()
    for each in parameter.PARAMETERS:
        assert f"| `{each.name}` | {each.help} |" in text, each.name

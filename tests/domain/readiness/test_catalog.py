"""Purposes as JSON, and the operators' own."""

from __future__ import annotations

import pytest

from lib.domain.readiness.catalog import PURPOSES_MAX, PurposeCatalog
from lib.domain.readiness.form import decode_purpose, encode_form, encode_purpose
from lib.domain.readiness.purpose import BUILT_IN
from lib.errors import Conflict, Invalid, NotFound
from tests.build import NOW

BOOTS = {
    "name": "arm64-boots",
    "about": "boots on arm64 that can be compared",
    "settle_s": 600,
    "needs": {
        "tests": [
            {"purpose": "history"},
            {"field": "path", "in": ["boot", "boot.nfs"]},
            {
                "any": [
                    {"field": "misc.lab"},
                    {"above": "builds", "needs": [{"field": "architecture", "in": ["arm64"]}]},
                ]
            },
            {"settled": "self"},
        ]
    },
}


def form(**changes):
    return {**BOOTS, **changes}


def with_one(condition, kind="tests"):
    return {"name": "x", "settle_s": 1, "needs": {kind: [condition]}}


@pytest.mark.parametrize("purpose", [*BUILT_IN.values(), decode_purpose(BOOTS, BUILT_IN)], ids=lambda p: p.name)
def test_it_is_read_as_it_was_written(purpose):
    again = decode_purpose(encode_form(purpose), BUILT_IN)
    assert (again.needs, again.settle, again.about) == (purpose.needs, purpose.settle, purpose.about)


def test_it_is_shown_with_what_follows_from_it():
    shown = encode_purpose(decode_purpose(BOOTS, BUILT_IN), BUILT_IN)
    assert shown == {**BOOTS, "builtin": False, "lasting": False}
    assert encode_purpose(BUILT_IN["listed"], BUILT_IN)["lasting"] is True


@pytest.mark.parametrize(("data", "path", "words"), [
    ([], "", "object"), (form(colour=1), "colour", "there are"),
    (form(name="Boots"), "name", "lower-case"), (form(name="x" * 65), "name", "at most"),
    (form(name=None), "name", "lower-case"),
    (form(about=1), "about", "text"), (form(about="x" * 501), "about", "at most 500"),
    (form(settle_s=0), "settle_s", "from 1"), (form(settle_s=True), "settle_s", "whole"),
    (form(settle_s=7 * 86400 + 1), "settle_s", "604800"),
    (form(needs={}), "needs", "at least one"), (form(needs=[]), "needs", "list of conditions"),
    (form(needs={"trees": []}), "needs.trees", "the kinds are"), (form(needs={"tests": []}), "needs.tests", "1 to 50"),
    (form(needs={"tests": [{"field": "id"}] * 51}), "needs.tests", "1 to 50"),
    (form(needs={"tests": {}}), "needs.tests", "list"),
    (with_one("status"), "needs.tests[0]", "forms"), (with_one({}), "needs.tests[0]", "forms"),
    (with_one({"field": "a", "above": "b"}), "needs.tests[0]", "forms"),
    (with_one({"field": "statsu"}), "needs.tests[0].field", "did you mean status"),
    (with_one({"field": "status", "in": []}), "needs.tests[0].in", "1 to 50"),
    (with_one({"field": "status", "in": ["x", 1.5]}), "needs.tests[0].in[1]", "must be"),
    (with_one({"field": "status", "in": ["x" * 501]}), "needs.tests[0].in[0]", "must be"),
    (with_one({"any": "x"}), "needs.tests[0].any", "list"),
    (with_one({"any": [{"any": [{"field": "x"}]}]}), "needs.tests[0].any[0].any[0].field", "no field"),
    (with_one({"any": [{"any": [{"any": [{"any": [{"any": [{"field": "id"}]}]}]}]}]}),
     "needs.tests[0].any[0].any[0].any[0].any[0].any", "5 deep"),
    (with_one({"above": "issues"}), "needs.tests[0].above", "builds, checkouts"),
    (with_one({"above": "builds"}, "checkouts"), "needs.checkouts[0].above", "nothing"),
    (with_one({"above": "builds", "needs": [{"field": "path"}]}), "needs.tests[0].needs[0].field", "no field"),
    (with_one({"settled": "tests"}), "needs.tests[0].settled", "self"),
    ({"name": "x", "needs": {"tests": [{"settled": "self"}]}}, "settle_s", "needed"),
    (with_one({"purpose": "nothing"}), "needs.tests[0].purpose", "no such"),
    (with_one({"purpose": ["x"]}), "needs.tests[0].purpose", "no such"),
    (with_one({"purpose": "report"}), "needs.tests[0].purpose", "says nothing of tests"),
    (form(needs={"tests": [{"purpose": "history"}] * 10}), "needs.tests", "with those referred to"),
])  # fmt: skip
def test_a_fault_is_named_by_its_path(data, path, words):
    with pytest.raises(Invalid) as caught:
        decode_purpose(data, BUILT_IN)
    assert caught.value.path == path and words in caught.value.message


def test_operators_define_replace_and_drop(store):
    agenda, other = PurposeCatalog(store), PurposeCatalog(store)
    assert agenda.define(BOOTS, NOW)[1] is True
    assert agenda.define(form(about="other"), NOW)[1] is False
    assert agenda.catalog(NOW)["arm64-boots"].about == other.catalog(NOW)["arm64-boots"].about == "other"
    assert list(agenda.catalog(NOW))[: len(BUILT_IN)] == list(BUILT_IN)
    agenda.drop("arm64-boots")
    assert dict(agenda.catalog(NOW)) == dict(BUILT_IN)
    for name in ("arm64-boots", "no name / at all"):
        with pytest.raises(NotFound):
            agenda.drop(name)


def test_what_every_hub_has_stays(store):
    agenda = PurposeCatalog(store)
    with pytest.raises(Conflict, match="built in"):
        agenda.define(form(name="report"), NOW)
    with pytest.raises(Conflict, match="built in"):
        agenda.drop("report")


def test_what_others_are_made_of_stays(store):
    agenda = PurposeCatalog(store)
    agenda.define(BOOTS, NOW)
    agenda.define({"name": "a", "needs": {"tests": [{"purpose": "arm64-boots"}]}}, NOW)
    with pytest.raises(Conflict, match="in use"):
        agenda.drop("arm64-boots")
    with pytest.raises(Invalid, match="refer back to arm64-boots itself"):
        agenda.define(form(needs={"tests": [{"any": [{"field": "id"}, {"purpose": "a"}]}]}), NOW)
    with pytest.raises(Invalid, match="refer back"):
        agenda.define(form(needs={"tests": [{"purpose": "arm64-boots"}]}), NOW)
    with pytest.raises(Invalid, match="must speak of tests: the purpose a refers to that"):
        agenda.define(form(needs={"builds": [{"field": "status"}]}), NOW)
    large = {"tests": [{"field": "id"}] * 50}
    with pytest.raises(Invalid, match="of the purpose a come to at most 50"):
        agenda.define(form(needs=large), NOW)
    # Read in any order, though `a` comes first and refers to the other.
    assert set(PurposeCatalog(store).catalog(NOW)) == {*BUILT_IN, "a", "arm64-boots"}


def test_there_is_a_most(store, monkeypatch):
    monkeypatch.setattr("lib.domain.readiness.catalog.PURPOSES_MAX", 2)
    agenda = PurposeCatalog(store)
    for name in ("a", "b"):
        agenda.define(form(name=name), NOW)
    with pytest.raises(Invalid, match="the most"):
        agenda.define(form(name="c"), NOW)
    assert agenda.define(form(name="b"), NOW)[1] is False
    assert PURPOSES_MAX == 100

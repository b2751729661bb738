"""The laws of the merge that speak of submissions as sent: upgrades, versions, what comes out goes in again."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.dialects.kcidb.codec import decode, encode, read, upgraded
from lib.domain.report.canonical import canonical
from lib.domain.report.report import KINDS, absorb, is_lifted, lift
from tests.build.collision import FIELDS, apart, reread, same

quick = settings(max_examples=60, suppress_health_check=list(HealthCheck))
kinds = pytest.mark.parametrize("kind", KINDS)
AT = "2026-01-03T00:00:00.000000Z"


def objects(kind):
    required, optional = FIELDS[kind]
    return st.fixed_dictionaries({"id": st.just("a:x"), "origin": st.just("a"), **required}, optional=optional)


def submissions(kind):
    found = st.lists(objects(kind), min_size=1, max_size=2)
    return found.map(lambda some: {"version": {"major": 5, "minor": 3}, kind: some})


def merged(documents):
    """The reports and the texts of the excerpts."""
    bodies, texts = {}, {}
    for document in documents:
        sent = decode(reread(document))
        for key, whole in sent.copies:
            fields, text = lift(whole)
            if text is not None:
                texts[fields["log_excerpt"]["sha256"]] = text
            bodies[key] = absorb(key.kind, bodies.get(key), fields, sent.id, AT)
    return bodies, texts


def whole(view, texts):
    excerpt = view.get("log_excerpt")
    return {**view, "log_excerpt": texts[excerpt["sha256"]]} if is_lifted(excerpt) else view


@kinds
@quick
@given(st.data())
def test_the_view_is_valid_and_in_normal_form(kind, data):
    """(7, 8) what comes out goes in again, and is the same then."""
    bodies, texts = merged(data.draw(st.lists(submissions(kind), min_size=1, max_size=4)))
    views = [whole(body["object"], texts) for body in bodies.values()]
    again = decode(read(canonical(encode({kind: views}))))
    assert same([copy.fields for copy in again.copies], views)
    for view in views:
        for name, value in apart(view).items():
            assert value is not None and not name.startswith("_")


@kinds
@quick
@given(st.data())
def test_a_higher_minor_changes_nothing_but_the_id(kind, data):
    """(16)"""
    document = data.draw(submissions(kind))
    for minor in range(3):
        older = {**document, "version": {"major": 5, "minor": minor}}
        sent = decode(document)
        told = decode(older) if is_of(older) else None
        assert told is None or (told.copies == sent.copies and told.id != sent.id)


def is_of(document):
    """Whether a document has no fields that are younger than its minor."""
    minor = document["version"]["minor"]
    younger = {name for at, names in YOUNGER.items() if at > minor for name in names}
    return not any(younger & one.keys() for kind in KINDS for one in document.get(kind, ()))


YOUNGER = {1: ("origin_builds_finish_time", "origin_tests_finish_time"), 2: ("categories",), 3: ("input_files",)}

BUILDS_4 = st.fixed_dictionaries(
    {"id": st.just("a:b"), "origin": st.just("a"), "checkout_id": st.sampled_from(["a:c1", "a:c2"])},
    optional={"valid": st.booleans(), "log_url": st.sampled_from(["https://x/1", "https://x/22"])},
)
TESTS_4 = st.fixed_dictionaries(
    {"id": st.sampled_from(["a:t1", "a:t2"]), "origin": st.just("a"), "build_id": st.just("a:b")},
    optional={"waived": st.booleans(), "status": st.sampled_from(["PASS", "FAIL"])},
)
DOCUMENTS_4 = st.builds(
    lambda builds, tests: {"version": {"major": 4, "minor": 5}, "builds": builds, "tests": tests},
    st.lists(BUILDS_4, max_size=2),
    st.lists(TESTS_4, max_size=2),
)


@quick
@given(st.lists(DOCUMENTS_4, min_size=1, max_size=4))
def test_upgraded_when_sent_or_when_merged(documents):
    """(10) the views are the same, and a build that is not valid is one that failed."""
    late, _ = merged(documents)
    early, _ = merged([upgraded(reread(document)) for document in documents])
    assert {key: body["object"] for key, body in late.items()} == {key: body["object"] for key, body in early.items()}
    told = [build["valid"] for document in documents for build in document["builds"] if "valid" in build]
    shown = [body["object"].get("status") for key, body in late.items() if key.kind == "builds"]
    if told:
        assert shown == ["PASS" if all(told) else "FAIL"]

"""The codec of the dashboard: where a shape finds its values, and how it writes what is absent."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Any

import pytest

from lib.dialects.dashboard.codec import encode
from schemas.dashboard.shape import At, Model


class Part(Model):
    source = "/"
    id: str


class Whole(Model):
    source = "view/"
    id: str
    texts: list[str]
    texts_or_none: list[str] | None
    misc: dict[str, Any]
    names: Annotated[list[str], At("")]
    deep: Annotated[str | None, At("view/a/b/c")]
    part: Annotated[Part | None, At("of.part")]
    parts: Annotated[dict[str, list[Part]], At("of.parts")]
    itself: Annotated[Part, At("view")]


def record(view, part=None):
    of = SimpleNamespace(part=part, parts={"x": [{"id": "p", "more": 1}]})
    return SimpleNamespace(view=view, names={"b", "Unknown", "a", "z"}, of=of)


def test_a_record_is_read_by_the_paths_of_its_shape():
    assert encode(Whole, record({"id": "i", "a": {"b": {"c": "d"}}, "more": 1}, {"id": "q"})) == {
        "id": "i", "texts": [], "texts_or_none": None, "misc": {}, "names": ["a", "b", "z", "Unknown"], "deep": "d",
        "part": {"id": "q"}, "parts": {"x": [{"id": "p"}]}, "itself": {"id": "i"},
    }  # fmt: skip


@pytest.mark.parametrize("view", [{"id": "i"}, {"id": "i", "a": None}, {"id": "i", "a": {"b": None}}])
def test_an_absent_value_is_null(view):
    found = encode(Whole, record(view))
    assert found["deep"] is None and found["part"] is None

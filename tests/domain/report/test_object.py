"""The typed views of merged objects have the fields of the newest schema, each, and no others."""

from __future__ import annotations

import pytest

from lib.domain.report import object as views
from schemas.kcidb.field import List, Struct
from schemas.kcidb.version import NEWEST, versions


def structs(struct):
    yield struct
    for spec in struct.fields.values():
        inner = spec.type.of if isinstance(spec.type, List) else spec.type
        if isinstance(inner, Struct):
            yield from structs(inner)


ALL = {found.name: found for kind in versions()[NEWEST].values() for found in structs(kind)}


@pytest.mark.parametrize("name", ALL)
def test_fields(name):
    view = getattr(views, name.capitalize())
    assert set(view.__annotations__) == set(ALL[name].fields)
    # Postponed annotations hide `Required` from the class, so that the text tells.
    required = {field for field, hint in view.__annotations__.items() if "Required[" in hint.__forward_arg__}
    assert required == {field for field, spec in ALL[name].fields.items() if spec.is_required}

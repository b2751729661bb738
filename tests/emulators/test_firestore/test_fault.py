"""Whatever a client sends is answered or refused in words; nothing ends in an unknown error."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import InvalidArgument, MethodNotImplemented

ONE = {"integer_value": 1}
KINDS = [{}, {"field_reference_value": "a"}, {"function_value": {"name": "f"}}, {"pipeline_value": {}}]
NAMES = [
    "", "node/a", "projects/p", "projects/p/databases/d/documents", "projects/p/databases/d/documents/",
    "projects/p/databases/d/documents/node", "projects/p/databases/d/documents/node/a/b",
    "projects/p/databases/d/documents/node//x", "projects/p/databases/d/documentsnode/a",
]  # fmt: skip


@pytest.fixture
def api(client):
    return client._firestore_api


@pytest.fixture
def base(client):
    return client._database_string


@pytest.mark.parametrize("name", NAMES)
def test_names_that_are_none(api, name):
    for refused in (
        lambda: api.commit(request={"database": "projects/p/databases/d", "writes": [{"update": {"name": name}}]}),
        lambda: list(api.batch_get_documents(request={"database": "projects/p/databases/d", "documents": [name]})),
        lambda: api.get_document(request={"name": name}),
        lambda: api.delete_document(request={"name": name}),
    ):
        with pytest.raises(InvalidArgument):
            refused()


@pytest.mark.parametrize("database", ["", "projects/p", "projects/p/databases/", "projects/p/databases/d/documents"])
def test_databases_that_are_none(api, database):
    with pytest.raises(InvalidArgument, match="not the name of a database"):
        api.begin_transaction(request={"database": database})


@pytest.mark.parametrize("value", KINDS, ids=["unset", "field", "function", "pipeline"])
def test_values_that_are_none(api, base, value):
    write = {"update": {"name": f"{base}/documents/node/a", "fields": {"v": value}}}
    field = {"field": {"field_path": "v"}, "op": "EQUAL", "value": value}
    query = {"from_": [{"collection_id": "node"}], "where": {"field_filter": field}}
    with pytest.raises(InvalidArgument, match="neither stored nor compared"):
        api.commit(request={"database": base, "writes": [write]})
    with pytest.raises(InvalidArgument, match="neither stored nor compared"):
        list(api.run_query(request={"parent": f"{base}/documents", "structured_query": query}))


@pytest.mark.parametrize("fields", [
    {"v": {"geo_point_value": {"latitude": 91}}},
    {"v": {"reference_value": "elsewhere"}},
    {"v": {"map_value": {"fields": {"__type__": {"string_value": "__vector__"}, "value": ONE}}}},
    {"": ONE},
], ids=["off the globe", "no reference", "no vector", "no name"])  # fmt: skip
def test_fields_that_are_refused(api, base, fields):
    with pytest.raises(InvalidArgument):
        api.commit(
            request={"database": base, "writes": [{"update": {"name": f"{base}/documents/a/b", "fields": fields}}]}
        )


@pytest.mark.parametrize("write", [
    {},
    {"transform": {"document": "{base}/documents/a/b"}},
    {"update": {"name": "{base}/documents/a/b"}, "update_mask": {"field_paths": ["a", "a"]}},
    {"update": {"name": "{base}/documents/a/b"}, "update_mask": {"field_paths": ["__name__"]}},
    {"update": {"name": "{base}/documents/a/b"}, "update_mask": {"field_paths": ["a..b"]}},
    {"update": {"name": "{base}/documents/a/b"}, "update_transforms": [{"field_path": "a"}]},
], ids=["nothing", "no transforms", "a field twice", "its name", "no path", "no kind"])  # fmt: skip
def test_writes_that_are_refused(api, base, write):
    for kind in ("transform", "update"):
        for key in ("document", "name"):
            if key in write.get(kind, {}):
                write = {**write, kind: {**write[kind], key: write[kind][key].format(base=base)}}
    with pytest.raises(InvalidArgument):
        api.commit(request={"database": base, "writes": [write]})


def test_lists_in_an_order_of_fields(api, base):
    with pytest.raises(MethodNotImplemented, match="in order of their names only"):
        list(api.list_documents(request={"parent": f"{base}/documents", "collection_id": "node", "order_by": "v"}))


def test_the_server_goes_on(client, node):
    """After all of that."""
    node.set({"x": 1})
    assert node.get().to_dict() == {"x": 1}

"""What a process is made of by its settings."""

from __future__ import annotations

import pytest

from functions.settings import read
from functions.wiring import QUERY_DOCS_FAR, QUERY_DOCS_NEAR, Wiring
from tests.build import firestore


@pytest.mark.parametrize(("store", "environ", "docs_max"), [
    ("near", {}, QUERY_DOCS_NEAR), ("far", {}, QUERY_DOCS_FAR), ("far", {"HUB_QUERY_DOCS": "70"}, 70),
])  # fmt: skip
def test_a_query_may_read_less_where_each_document_is_billed(store, environ, docs_max):
    firestore.with_host()
    url = "sqlite://" if store == "near" else firestore.url_of("wiring")
    hub = Wiring(read({"HUB_STORE": url, "SECRET_KEY": "s" * 64, **environ}, "/none")).hub
    assert hub.policy.query_docs_max == docs_max
    hub.close()

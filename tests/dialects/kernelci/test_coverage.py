"""Every route of the dialect has golden cases: one that is answered, and one for each standing that is refused."""

import pytest

from functions.edge import routes
from functions.edge.table import Found
from lib.dialects import kernelci
from lib.dialects.wire import Access

from .test_golden import ALL


def seen() -> dict[int, set[int]]:
    """The statuses that the golden cases show of each route, by its identity."""
    table = routes.table()
    found: dict[int, set[int]] = {}
    for case in ALL:
        for step in case.body["exchanges"]:
            method, _, target = step["request"].partition(" ")
            match = table.match(method, target.partition("?")[0])
            if isinstance(match, Found):
                found.setdefault(id(match.bound.route), set()).add(step["reply"]["status"])
    return found


SEEN = seen()
REFUSED = {Access.PUBLIC: set(), Access.USER: {401}, Access.VERIFIED: {401, 403}, Access.SUPER: {401, 403}}


@pytest.mark.parametrize("route", kernelci.DIALECT.routes, ids=lambda r: f"{r.method} {r.path}")
def test_each_route_has_its_cases(route):
    statuses = SEEN.get(id(route), set())
    assert any(status < 300 for status in statuses)
    assert statuses >= REFUSED[route.access]

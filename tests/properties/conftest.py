"""Hubs over every store, for the tests of the merge."""

from __future__ import annotations

import pytest

from tests.properties.intakes import STORES


@pytest.fixture(params=sorted(STORES))
def opened(request):
    """Opens the stores of a new hub at each call."""
    made = []

    def open_hub():
        open_store = STORES[request.param]()

        def open_again():
            made.append(open_store())
            return made[-1]

        return open_again

    yield open_hub
    for store in made:
        store.close()

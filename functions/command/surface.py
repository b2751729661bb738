"""The command `tributary admin openapi`: the files that describe the surface, written from the tables in the code."""

from __future__ import annotations

import argparse

from functions.edge import openapi
from functions.place import CHECKOUT
from schemas.kcidb import page

OPENAPI = CHECKOUT / "schemas" / "openapi.json"
ROUTES = CHECKOUT / "docs" / "routes.md"
KCIDB_PAGE = CHECKOUT / "docs" / "kcidb-schema.md"


def write(asked: argparse.Namespace) -> None:
    """Write the description of the surface, and for people the table of it and the page about KCIDB's schema."""
    OPENAPI.write_bytes(openapi.document())
    lines = ROUTES.read_text().splitlines(keepends=True)
    places = [at for at, line in enumerate(lines) if line.startswith("| `")]
    lines[places[0] : places[-1] + 1] = [f"{row}\n" for row in openapi.rows()]
    ROUTES.write_text("".join(lines))
    KCIDB_PAGE.write_text(page.page())

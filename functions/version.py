"""The version of the product, as pyproject.toml has it."""

from __future__ import annotations

from functions.place import CHECKOUT


def version() -> str:
    """Like `0.2.0`."""
    import tomllib

    text = (CHECKOUT / "pyproject.toml").read_text()
    number: str = tomllib.loads(text)["project"]["version"]
    return number

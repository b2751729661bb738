"""Where a process finds its `.env` and its store: in the working folder, else in the checkout that holds this code.

So `tributary` finds the store of `make serve` from any folder, and a folder with a hub of its own keeps it.
"""

from __future__ import annotations

from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
STORE = "sqlite:///var/hub.db"
"""The URL of the default store, below the working folder or the checkout."""


def env_file() -> Path:
    """`.env` of the working folder where there is one, else that of the checkout, which need not be there."""
    here = Path(".env")
    return here if here.exists() else CHECKOUT / here


def default_store() -> str:
    """The URL of the default store: in the working folder where it is there already, else in the checkout."""
    here = file_of(STORE)
    return STORE if here is not None and here.is_file() else below(CHECKOUT, STORE)


def below(folder: Path, url: str) -> str:
    """The URL of a store whose relative path is meant below `folder`, as the working folder sees it."""
    path = file_of(url)
    if path is None or path.is_absolute() or folder.resolve() == Path.cwd():
        return url
    return f"sqlite:///{folder.resolve() / path}"


def file_of(url: str) -> Path | None:
    """The file of a store; None for one that is in memory, or elsewhere."""
    scheme, _, rest = url.partition("://")
    return Path(rest[1:]) if scheme == "sqlite" and len(rest) > 1 and rest.startswith("/") else None

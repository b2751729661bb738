"""Every setting and every route is in the documentation, as the tables in the code have it."""

from __future__ import annotations

from pathlib import Path

from functions import settings
from functions.edge import openapi
from functions.settings import SETTINGS, Setting

DOCS = Path(__file__).parents[2] / "docs"


def setting_row(setting: Setting) -> str:
    default = f"`{setting.default}`" if setting.default else ""
    return f"| `{setting.name}` | {default} | {setting.unit} | {setting.help} |"


def test_each_setting_is_documented():
    lines = set((DOCS / "settings.md").read_text().splitlines())
    assert [s.name for s in SETTINGS if setting_row(s) not in lines] == []


def test_each_other_name_is_documented():
    text = (DOCS / "settings.md").read_text()
    names = [*(s.synonym for s in SETTINGS if s.synonym), *settings.UNUSED]
    assert [name for name in names if f"`{name}`" not in text] == []


def test_nothing_is_documented_that_is_not_there():
    rows = [line for line in (DOCS / "routes.md").read_text().splitlines() if line.startswith("| `")]
    assert rows == openapi.rows(), "run `make openapi`"
    named = [line for line in (DOCS / "settings.md").read_text().splitlines() if line.startswith("| `")]
    assert named == [setting_row(s) for s in SETTINGS]

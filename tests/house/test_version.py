"""The version of the project, its changelog, and what the description of the surface says are one."""

from __future__ import annotations

import re
import tomllib
from datetime import date

from functions.version import VERSION

from .rooms import ROOT

HEADING = re.compile(r"^## (\d+)\.(\d+)\.(\d+) \((\d{4}-\d\d-\d\d)\)$", re.M)
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
RELEASES = [((int(a), int(b), int(c)), date.fromisoformat(day)) for a, b, c, day in HEADING.findall(CHANGELOG)]


def test_the_newest_release_is_the_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert version == ".".join(map(str, RELEASES[0][0])) == VERSION


def test_releases_are_dated_and_newest_first():
    assert len(re.findall(r"^## ", CHANGELOG, re.M)) == len(RELEASES)
    assert sorted(RELEASES, reverse=True) == RELEASES
    assert len({version for version, _ in RELEASES}) == len(RELEASES)


def test_the_licence_is_the_one_that_is_named():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    assert "Apache License\n                           Version 2.0" in (ROOT / "LICENSE").read_text()

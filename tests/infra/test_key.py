"""The key goes through a pipe; a terminal is refused."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAKE = [sys.executable, "-m", "infra.key"]


def test_each_key_is_another():
    keys = [subprocess.run(MAKE, cwd=ROOT, capture_output=True, text=True, check=True).stdout for _ in "ab"]
    assert keys[0] != keys[1]
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in keys)


def test_a_terminal_is_not_shown_one():
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(MAKE, cwd=ROOT, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(theirs)
        os.close(ours)
    assert done.returncode == 2
    assert "not to a terminal" in done.stderr

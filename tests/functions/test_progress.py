"""The progress bar of a long command: on a terminal alone, after a while, and never in the answer."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import threading

import pytest

from functions.place import CHECKOUT
from tests.build import reports

# The bar is asked to come at once, and each document takes a while.
SLOW = """
import sys, time
from functions.command import document, main, progress
progress.QUIET_S = 0.2
read = document.read
def slow(files):
    for text in read(files):
        yield text
        time.sleep(0.3)
document.read = slow
sys.exit(main.main(sys.argv[1:]))
"""
DOCUMENT = json.dumps(reports.document(checkouts=[{"id": "a:c", "origin": "a"}]))


class Terminal:
    """A terminal of which everything is read."""

    def __init__(self) -> None:
        self._master, self.slave = pty.openpty()
        self._pieces: list[bytes] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        try:
            while piece := os.read(self._master, 65536):
                self._pieces.append(piece)
        except OSError:  # the last writer is gone
            return

    def text(self) -> str:
        """All that was written, once the process has ended."""
        os.close(self.slave)
        self._reader.join()
        os.close(self._master)
        return b"".join(self._pieces).decode()


@pytest.fixture
def files(tmp_path):
    (tmp_path / ".env").touch()
    (tmp_path / "four.json").write_text(f"{DOCUMENT}\n" * 4)
    assert ask(tmp_path, "admin", "create-admin", stderr=subprocess.PIPE)[0] == 0
    return tmp_path


def ask(folder, *words, stderr, stdout=subprocess.PIPE, term="xterm"):
    """Exit status, and the answer if it went to a pipe."""
    done = subprocess.run(
        [sys.executable, "-c", SLOW, *words], cwd=folder, stdout=stdout, stderr=stderr, timeout=60,
        stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), "TERM": term, "HUB_STORE": "sqlite:///hub.db"},
    )  # fmt: skip
    return done.returncode, done.stdout or b"", done.stderr or b""


@pytest.mark.parametrize(("verb", "what"), [
    ("submit", "Submitting"), ("merge", "Merging"), ("validate", "Validating"), ("upgrade", "Upgrading"),
])  # fmt: skip
def test_a_long_command_shows_a_bar_on_the_terminal_and_not_in_its_answer(files, verb, what):
    plain = ask(files, "kcidb", verb, "four.json", stderr=subprocess.PIPE)
    assert plain[0] == 0 and plain[1] and plain[2] == b""
    terminal = Terminal()
    status, answer, _ = ask(files, "kcidb", verb, "four.json", stderr=terminal.slave)
    assert (status, answer) == (0, plain[1])
    shown = terminal.text()
    assert what in shown and re.search(r"\d+%", shown)
    assert shown.endswith("\x1b[2K") or shown.endswith("\x1b[?25h\r\x1b[1A\x1b[2K")  # taken away at its end


def test_what_is_said_on_the_same_terminal_stays(files):
    (id,) = {*ask(files, "kcidb", "submit", "four.json", stderr=subprocess.PIPE)[1].decode().split()}
    terminal = Terminal()
    assert ask(files, "kcidb", "submit", "four.json", stdout=terminal.slave, stderr=terminal.slave)[0] == 0
    shown = terminal.text()
    assert "Submitting" in shown and shown.count(id) == 4
    terminal = Terminal()
    assert ask(files, "kcidb", "validate", "four.json", stdout=terminal.slave, stderr=terminal.slave)[0] == 0
    assert "Validating" not in terminal.text()


def test_a_short_command_and_a_dumb_terminal_show_no_bar(files):
    for words, term in ((("kcidb", "count"), "xterm"), (("kcidb", "submit", "four.json"), "dumb")):
        terminal = Terminal()
        assert ask(files, *words, stderr=terminal.slave, term=term)[0] == 0
        assert terminal.text() == ""

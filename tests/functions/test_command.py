"""`tributary` as a process: its words, its version, where it finds its store, and that it makes none by mistake."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from functions.command import parser
from functions.place import CHECKOUT
from functions.version import VERSION

SCRIPT = CHECKOUT / "functions" / "tributary.py"
FORMER = (sys.executable, "-m", "functions.admin")


def run(folder: Path, *words: str, program=(sys.executable, "-P", str(SCRIPT)), stdin="", **env: str):
    """One command in a folder that has a `.env` of its own."""
    (folder / ".env").touch()
    return subprocess.run(
        [*program, *words], cwd=folder, input=stdin, capture_output=True, text=True, timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **env},
    )  # fmt: skip


def test_the_version_is_said_soon(tmp_path):
    began = time.perf_counter()
    done = run(tmp_path, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"tributary {VERSION}\n", "")
    assert time.perf_counter() - began < 1  # 0.1 s on a machine that is not busy


def test_the_help_has_every_command_and_exit_status(tmp_path):
    shown = run(tmp_path, "--help").stdout
    for words, text in parser.leaves():
        assert any(line.split() == f"{words} {text}".split() for line in shown.splitlines()), words
        done = run(tmp_path, *words.split(), "--help")
        assert (done.returncode, done.stderr) == (0, "") and f"usage: tributary {words}" in done.stdout
    assert all(f"  {number:<4} {text}" in shown for number, text in parser.STATUSES)


@pytest.mark.parametrize("words", [(), ("nothing",), ("kcidb",), ("serve", "--nothing"), ("admin", "token")])
def test_wrong_words_are_status_2(tmp_path, words):
    done = run(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "") and "error: " in done.stderr


TESTS = ("submit-tests", "--origin", "a", "--build", "a:b", "--path", "p")
LOOKING = (
    ("admin", "token", "admin"), ("admin", "verify-token", "admin"), ("admin", "reset-token", "admin"),
    ("admin", "tokens", "create", "admin", "--name", "n"), ("admin", "tokens", "list"),
    ("admin", "tokens", "revoke", "0" * 16),
    ("kcidb", "submit"), ("kcidb", *TESTS), ("kcidb", "query", "-b", "a:b"), ("kcidb", "export"), ("kcidb", "count"),
    ("kcidb", "token", "--origin", "a"), ("kcidb", "revoke", "a"), ("kcidb", "rebuild"),
    ("kcidb", "rebuild", "--verify"), ("admin", "kcidb", "count"),
)  # fmt: skip
APART = {"serve", "completion", "admin create-admin", "admin openapi", "kcidb validate", "kcidb upgrade", "kcidb merge"}
"""Commands that make a store, or need none; `dead-letters` looks at the bus."""


def test_every_command_that_looks_into_a_store_is_tested():
    words = {words for words, _ in parser.leaves() if "dead-letters" not in words}
    tested = {" ".join(row[: 3 if row[1] == "tokens" else 2]) for row in LOOKING}
    assert words - APART == tested - {"admin kcidb"}


@pytest.mark.parametrize("words", LOOKING, ids=" ".join)
def test_a_command_makes_no_store(tmp_path, words):
    done = run(tmp_path, *words, HUB_STORE="sqlite:///deep/hub.db")
    assert (done.returncode, done.stdout) == (2, "")
    path = tmp_path / "deep" / "hub.db"
    assert done.stderr == f"error: there is no store in {path}; HUB_STORE names it, `tributary serve` makes it\n"
    assert [path.name for path in tmp_path.rglob("*")] == [".env"]


@pytest.mark.parametrize("words", [("admin", "token", "admin"), ("kcidb", "count")], ids=" ".join)
@pytest.mark.parametrize("store", ["sqlite:///empty.db", "sqlite:///empty.db/hub.db", "sqlite://"])
def test_no_store_is_made_of_what_is_none(tmp_path, words, store):
    (tmp_path / "empty.db").touch()
    done = run(tmp_path, *words, HUB_STORE=store)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "HUB_STORE" in done.stderr
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".env", "empty.db"]
    assert (tmp_path / "empty.db").stat().st_size == 0


def test_commands_that_need_no_store_make_none(tmp_path):
    assert run(tmp_path, "kcidb", "merge").returncode == 0
    assert run(tmp_path, "kcidb", *TESTS, "--dry-run").returncode == 0
    assert run(tmp_path, "admin", "dead-letters", "list").returncode == 2
    assert [path.name for path in tmp_path.rglob("*")] == [".env"]


def test_a_missing_key_is_not_made_anew(tmp_path):
    store = {"HUB_STORE": "sqlite:///hub.db"}
    assert run(tmp_path, "admin", "create-admin", **store).returncode == 0
    assert run(tmp_path, "admin", "token", "admin", **store).returncode == 0
    (tmp_path / "hub.db.secret").unlink()
    done = run(tmp_path, "admin", "token", "admin", **store)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"{tmp_path}/hub.db.secret" in done.stderr
    assert run(tmp_path, "kcidb", "count", **store).returncode == 0  # needs no key
    assert run(tmp_path, "admin", "token", "admin", SECRET_KEY="k" * 32, **store).returncode == 0
    assert not (tmp_path / "hub.db.secret").exists()


def test_a_folder_that_is_no_store_is_one_line(tmp_path):
    done = run(tmp_path, "kcidb", "count", HUB_STORE=f"sqlite:///{tmp_path}")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr


def test_the_former_names_work(tmp_path):
    env = {"HUB_STORE": "sqlite:///hub.db", "PYTHONPATH": str(CHECKOUT)}
    assert "Administrator: admin" in run(tmp_path, "create-admin", program=FORMER, **env).stdout
    assert run(tmp_path, "kcidb", "count", program=FORMER, **env).stdout == run(
        tmp_path, "kcidb", "count", **env).stdout  # fmt: skip
    done = run(tmp_path, program=(sys.executable, "-m", "functions.local"), **{**env, "HUB_BIND": "here"})
    assert (done.returncode, done.stderr[:16]) == (2, "error: HUB_BIND ")


@pytest.fixture
def checkout(tmp_path):
    """A second checkout: this one's code at another place, with a store and a `.env` of its own."""
    place = tmp_path / "a check'out"
    place.mkdir()
    for name in ("functions", "lib", "schemas", "pyproject.toml", "Makefile", ".venv"):
        (place / name).symlink_to(CHECKOUT / name)
    # The code says where it is by its own path: copied, not linked.
    (place / "functions").unlink()
    shutil.copytree(CHECKOUT / "functions", place / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    return place


def launch(checkout: Path, verb: str, prefix: Path):
    program = (sys.executable, str(checkout / "functions" / "command" / "launcher.py"), verb, str(prefix))
    return subprocess.run(
        program, capture_output=True, text=True, timeout=60, env={"PATH": "/bin", "PYTHONPATH": str(checkout)}
    )


def test_a_launcher_finds_the_store_of_its_checkout_from_any_folder(checkout, tmp_path):
    prefix, away = tmp_path / "pre fix", tmp_path / "away"
    away.mkdir()
    (away / "lib.py").write_text("raise SystemExit('the working folder was imported')")
    for _ in range(2):
        done = launch(checkout, "install", prefix)
        assert done.returncode == 0, done.stderr
        assert str(prefix / "bin" / "tributary") in done.stdout and "is not on PATH" in done.stdout
    (checkout / ".env").write_text("HUB_STORE=sqlite:///data/my.db\n")
    program = (str(prefix / "bin" / "tributary"),)

    def ask(*words, **env):
        return subprocess.run(
            [*program, *words], cwd=away, capture_output=True, text=True, timeout=60, env={"PATH": "/bin", **env}
        )

    assert ask("admin", "create-admin").returncode == 0
    assert sorted(p.name for p in (checkout / "data").iterdir()) == ["my.db", "my.db.secret"]
    assert ask("kcidb", "count").stdout.startswith('{"checkouts":0')
    assert str(away / "other.db") in ask("kcidb", "count", HUB_STORE="sqlite:///other.db").stderr
    (checkout / ".env").unlink()
    assert str(checkout / "var" / "hub.db") in ask("kcidb", "count").stderr
    assert [p.name for p in away.iterdir()] == ["lib.py"]
    assert launch(checkout, "uninstall", prefix).returncode == 0
    assert not (prefix / "bin" / "tributary").exists()
    assert launch(checkout, "uninstall", prefix).returncode == 0


def test_a_launcher_spares_what_is_not_its_own(checkout, tmp_path):
    file = tmp_path / "bin" / "tributary"
    file.parent.mkdir()
    file.write_text("#!/bin/sh\n")
    for verb in ("install", "uninstall"):
        done = launch(checkout, verb, tmp_path)
        assert (done.returncode, done.stderr.count("\n"), file.read_text()) == (2, 1, "#!/bin/sh\n")
    file.unlink()
    assert launch(CHECKOUT, "install", tmp_path).returncode == 0
    assert "starts another checkout" in launch(checkout, "uninstall", tmp_path).stderr
    assert file.exists()
    assert launch(checkout, "install", tmp_path).returncode == 0
    assert launch(checkout, "uninstall", tmp_path).returncode == 0


COMPLETED = (
    ("tributary k", {"kcidb"}), ("tributary kcidb su", {"submit", "submit-tests"}),
    ("tributary serve --b", {"--bind"}), ("tributary kcidb submit-tests --status P", {"PASS"}),
    ("tributary admin dead-letters ", {"list", "replay", "drop", "--help"}),
)  # fmt: skip


@pytest.mark.parametrize(("line", "found"), COMPLETED, ids=[line for line, _ in COMPLETED])
def test_bash_completes(tmp_path, line, found):
    assert launch(CHECKOUT, "install", tmp_path).returncode == 0
    script = f"""
    eval "$(tributary completion bash)"
    COMP_LINE='{line}' COMP_POINT={len(line)} COMP_TYPE=9
    _python_argcomplete tributary 2>&1
    printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = run(tmp_path, "-c", script, program=("bash",), PATH=f"{tmp_path}/bin:{os.environ['PATH']}")
    assert {word.strip() for word in done.stdout.splitlines()} == found, done.stderr


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
def test_zsh_takes_the_completion(tmp_path):
    assert launch(CHECKOUT, "install", tmp_path).returncode == 0
    script = 'autoload -U compinit; compinit -u -D; eval "$(tributary completion zsh)"; print $_comps[tributary]'
    done = run(tmp_path, "-fc", script, program=("zsh",), PATH=f"{tmp_path}/bin:{os.environ['PATH']}")
    assert done.stdout.strip() == "_python_argcomplete", done.stderr


def test_a_completion_loads_nothing_heavy(tmp_path):
    code = "import sys; from functions.command import completion, parser; parser.make(); print(*sys.modules)"
    loaded = run(tmp_path, "-c", code, program=(sys.executable,), PYTHONPATH=str(CHECKOUT)).stdout.split()
    assert not {"functions.settings", "functions.wiring", "pydantic", "uvicorn", "rich", "dotenv", "orjson"} & {*loaded}

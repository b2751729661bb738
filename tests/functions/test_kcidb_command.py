"""`tributary kcidb …` as a process of its own, over a store of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from functions.command import document, junit, kcidb_rest
from functions.command.kcidb_tests import path_of
from lib.errors import Invalid, TooLarge, Unavailable
from tests.build import reports

ROOT = Path(__file__).parents[2]
BUILD = {"id": "a:b1", "origin": "a", "checkout_id": "a:c1", "status": "PASS"}
GOOD = reports.document(checkouts=[{"id": "a:c1", "origin": "a"}], builds=[BUILD])
OLD = {
    "version": {"major": 4, "minor": 5},
    "builds": [{"id": "a:b1", "origin": "a", "checkout_id": "a:c1", "valid": False}],
}
BAD = reports.document(tests=[{"id": "a:t1", "origin": "a", "build_id": "a:b1", "status": "WRONG"}])
JUNIT = b"""<?xml version="1.0"?><testsuites><testsuite name="s" timestamp="2026-01-31T12:00:00">
<testcase classname="pkg.mod" name="one[a b]" time="1.5"/><testcase classname="pkg.mod" name="one[a b]"/>
<testcase classname="pkg.mod" name="two"><failure message="boom">trace</failure></testcase>
<testsuite><testcase name="three"><skipped/></testcase><testcase name="four"><error/></testcase></testsuite>
</testsuite></testsuites>"""


@pytest.fixture
def run(tmp_path):
    """Runs one command over the test's store."""

    (tmp_path / ".env").touch()

    def run(*words, stdin="", group="kcidb"):
        return subprocess.run(
            [sys.executable, "-P", str(ROOT / "functions" / "tributary.py"), group, *words], input=stdin,
            capture_output=True, text=True, timeout=60, cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HUB_STORE": f"sqlite:///{tmp_path}/hub.db"},
        )  # fmt: skip

    return run


@pytest.fixture
def store(run):
    """A store that is there."""
    assert run("create-admin", group="admin").returncode == 0


def lines(done, status=0):
    assert done.returncode == status, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_was_submitted_is_queried_exported_and_counted(run, store):
    done = run("submit", stdin=json.dumps(GOOD, indent=1) + json.dumps(OLD))
    assert done.returncode == 0 and len(done.stdout.split()) == 2, done.stderr
    assert run("submit", stdin=json.dumps(GOOD)).stdout.split() == done.stdout.split()[:1]
    (found,) = lines(run("query", "-b", "a:b1", "--parents"))
    assert found["builds"] == [{**BUILD, "status": "FAIL"}] and found["checkouts"] == GOOD["checkouts"]
    assert lines(run("count")) == [{"checkouts": 1, "builds": 1, "tests": 0, "issues": 0, "incidents": 0}]
    exported = lines(run("export", "--metadata"))
    assert [list(d)[1] for d in exported] == ["checkouts", "builds"]
    assert exported[0]["checkouts"][0]["_timestamp"].endswith("+00:00")
    assert lines(run("export", "--after", "2999-01-01", "--origin", "a")) == []
    assert lines(run("query", "-c", "a:c1", "--children", "--objects-per-report", "1")) == [
        reports.document(checkouts=GOOD["checkouts"]), reports.document(builds=found["builds"])
    ]  # fmt: skip


def test_what_is_refused_is_told_with_its_reasons(run, store):
    done = run("submit", stdin=f"{json.dumps(BAD)}\n{json.dumps(GOOD)}\nnonsense")
    assert done.returncode == 1 and len(done.stdout.split()) == 1
    first, second = done.stderr.splitlines()
    assert first.startswith("document 1: a:t1: /tests/0/status: ") and "write one of FAIL" in first
    assert second.startswith("document 3: /: not JSON")
    missing = run("query", "-t", "a:t1")
    assert (missing.returncode, missing.stdout, missing.stderr) == (1, "", "test a:t1 is not there\n")
    assert run("export", "--kind", "revisions").returncode == 2
    assert run("export", "--after", "yesterday").stderr.startswith("error: --after: ")


def test_documents_are_checked_upgraded_and_merged_without_a_store(run, tmp_path):
    both = f"{json.dumps(OLD)}\n{json.dumps(GOOD)}"
    good, bad = lines(run("validate", stdin=f"{json.dumps(OLD)}\n{json.dumps(BAD)}"), 1)
    assert (good["status"], good["version"], good["objects"]) == ("ok", "4.5", {"builds": 1})
    assert (bad["status"], bad["errors"][0]["pointer"]) == ("error", "/tests/0/status")
    (upgraded, _) = lines(run("upgrade", stdin=both))
    assert upgraded == reports.document(builds=[{**BUILD, "status": "FAIL"}])
    (merged,) = lines(run("merge", stdin=both))
    assert merged == reports.document(checkouts=GOOD["checkouts"], builds=[{**BUILD, "status": "FAIL"}])
    assert lines(run("merge", stdin=f"{json.dumps(GOOD)}{json.dumps(OLD)}"))[0] == merged
    assert run("merge", stdin=json.dumps(BAD)).returncode == run("upgrade", stdin=json.dumps(BAD)).returncode == 1
    assert not (tmp_path / "hub.db").exists()


def test_tests_are_submitted_from_options_and_reports(run, tmp_path, store):
    (tmp_path / "report.xml").write_bytes(JUNIT)
    common = ("--build", "a:b1", "--origin", "a", "--platform", "rpi4")
    details = ("--status", "PASS", "--duration", "3", "--misc", '{"job":1}', "--start-time", "2026-01-31T12:00:00Z")
    one = run("submit-tests", *common, "--path", "ltp.read01", *details)
    assert one.returncode == 0, one.stderr
    (shown,) = lines(run("submit-tests", *common, "--junit", "report.xml", "--prefix", "unit", "--dry-run"))
    assert [(t["path"], t["status"]) for t in shown["tests"]] == [
        ("unit.pkg.mod.one_a_b", "PASS"), ("unit.pkg.mod.one_a_b", "PASS"), ("unit.pkg.mod.two", "FAIL"),
        ("unit.three", "SKIP"), ("unit.four", "ERROR"),
    ]  # fmt: skip
    assert shown["tests"][2]["log_excerpt"] == "boom\ntrace" and shown["tests"][0]["duration"] == 1.5
    assert len({t["id"] for t in shown["tests"]}) == 5
    assert run("submit-tests", *common, "--junit", "report.xml").returncode == 0
    assert lines(run("count", "--origin", "a"))[0]["tests"] == 6
    assert (
        run("submit-tests", *common, "--path", "a", "--misc", "[]").stderr == "error: --misc: must be a JSON object\n"
    )
    assert run("submit-tests", *common, "--path", "a b").returncode == 1


def test_only_what_a_command_needs_is_imported():
    heavy = (
        "{'uvicorn', 'flask', 'starlette', 'google.cloud.firestore', 'functions.edge.routes', 'lib.dialects.kernelci'}"
    )
    script = (
        f"import sys, functions.command.admin, functions.command.kcidb_read; print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(("text", "count"), [
    (b"", 0), (b"\n \n", 0), (b"{}{}", 2), (b'{"a":\n[1,\n2]}\n{}\n', 2), (b'{"a":"}{\\""} {"b":1}', 2),
    (b"{}\nbroken {", 2), (b'{"a":"{"}\n{"a":"\\\\"}', 2),
])  # fmt: skip
def test_documents_are_told_apart(text, count):
    found = list(document.split(io.BytesIO(text)))
    assert len(found) == count
    assert b"".join(found).replace(b"\n", b"") == text.replace(b"\n", b"").replace(b"} {", b"}{").strip()


def test_a_document_has_its_limit(monkeypatch):
    monkeypatch.setattr(document, "DOCUMENT_BYTES_MAX", 20)
    assert len(list(document.split(io.BytesIO(b'{"a":1}\n' * 10)))) == 10
    with pytest.raises(TooLarge):
        list(document.split(io.BytesIO(b'{"a":\n' + b'"1",\n' * 10)))


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>'


@pytest.mark.parametrize("text", [BOMB, b"<testsuite>", b"", b"\xff"])
def test_what_is_no_report_is_refused(text):
    with pytest.raises(Invalid, match="--junit"):
        junit.read(text)


def test_a_report_has_its_limits(monkeypatch):
    monkeypatch.setattr(junit, "CASES_MAX", 4)
    with pytest.raises(TooLarge, match="test cases"):
        junit.read(JUNIT)
    monkeypatch.setattr(junit, "REPORT_BYTES_MAX", 4)
    with pytest.raises(TooLarge, match="bytes"):
        junit.read(JUNIT)


def test_a_path_holds_what_paths_may():
    assert path_of(("", "a b.c", "-x-", "é")) == "a_b.c.-x-"


@pytest.mark.parametrize(("url", "posted"), [
    ("https://tok@hub.example.org", "https://hub.example.org/submit"),
    ("https://hub.example.org:8443/kcidb/", "https://hub.example.org:8443/kcidb/submit"),
    ("http://tok@127.0.0.1:8080/submit", "http://127.0.0.1:8080/submit"),
])  # fmt: skip
def test_where_a_hub_takes_submissions(url, posted, monkeypatch):
    monkeypatch.setenv("KCIDB_REST", url)
    rest = kcidb_rest.named(None, None)
    assert rest.url == posted and rest.token == ("tok" if "tok@" in url else "")


@pytest.mark.parametrize(
    "url", ["ftp://hub.example.org", "hub.example.org", "http://tok@hub.example.org", "https://h/?a"]
)
def test_where_no_token_is_sent(url):
    with pytest.raises(Invalid):
        kcidb_rest.named(url, None)


class Answers(BaseHTTPRequestHandler):
    """Answers in turn what the test says, and remembers what was sent."""

    replies: list[tuple[int, dict[str, str]]]
    seen: list[str]

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.seen.append(f"{self.path} {self.headers.get('authorization')}")
        status, headers = self.replies.pop(0)
        body = b'{"id":"x","status":"ok"}'
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def far():
    """A server that answers as the test says."""
    handler = type("Handler", (Answers,), {"replies": [], "seen": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield handler, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_hub_that_cannot_answer_now_is_asked_again(far):
    handler, url = far
    handler.replies += [(503, {"retry-after": "3"}), (429, {}), (200, {})]
    slept = []
    rest = kcidb_rest.Rest(f"{url}/submit", "tok", slept.append)
    assert rest.submit(b"{}")[0] == 200 and slept == [3, 4]
    assert handler.seen == ["/submit Bearer tok"] * 3
    handler.replies += [(503, {})] * 4
    assert rest.submit(b"{}")[0] == 503
    with pytest.raises(Unavailable):
        kcidb_rest.Rest("http://127.0.0.1:1/submit", "tok", slept.append).submit(b"{}")


def test_a_token_follows_no_redirect(far):
    handler, url = far
    handler.replies += [(307, {"location": f"{url}/elsewhere"})]
    assert kcidb_rest.Rest(f"{url}/submit", "tok").submit(b"{}")[0] == 307
    assert handler.seen == ["/submit Bearer tok"]

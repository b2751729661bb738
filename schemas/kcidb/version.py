"""All versions of KCIDB's schema, as data (kcidb.md 1.2 to 1.4).

1.1 is written in full; each later version is its difference from the one before. `versions()` returns all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from schemas.kcidb.field import FieldSpec, Flag, Free, Kinds, List, Number, Struct, Text, VersionChange, apply

EXCERPT_CHARS_MAX = 16384
"""Most characters of a log excerpt."""
WHOLE_MAX = 2**63 - 1
"""Largest version of an issue; KCIDB has no limit, but stores have."""

_ONE = "write one of"
_ID_HINT = "write an origin, a colon, and a name: `myci:4711`"

TEXT_OLD = Text("text", "write a text")
TEXT = Text("text", "write a text without the character U+0000", r"[^\u0000]*")
URL = Text("URL", "write an absolute URL, other characters than RFC 3986 has as %XX", format="uri")
TIME = Text("time", "write the time with its zone: `2025-07-15T10:10:17Z`", format="date-time")
MAIL_OLD = Text("Message-ID", "write the Message-ID header's value, which has an `@`", format="email")
MAIL = Text("Message-ID", MAIL_OLD.hint, r"[^\u0000]*", "email")
ORIGIN_OLD = Text("origin", "use lower-case letters, digits and `_` only", "[a-z0-9_]*")
ORIGIN = Text("origin", "use lower-case letters, digits and `_` only, at least one", "[a-z0-9_]+")
ID_OLD = Text("id", _ID_HINT, r"[a-z0-9_]+:[\s\S]*")
ID_LINE = Text("id", _ID_HINT + ", without newlines", r"[a-z0-9_]+:[^\n]*")
ID = Text("id", _ID_HINT, r"[a-z0-9_]+:[^\u0000]*")
REVISION = Text(
    "revision id", "write the commit's hash, then with patches `+` and their SHA-256", r"[0-9a-f]{40}(\+[0-9a-f]{64})?"
)
HASH = Text("commit hash", "write the whole hash, 40 lower-case hex digits", "[0-9a-f]{40}")
PATCHSET = Text("patchset hash", 'write 64 lower-case hex digits, or "" for no patches', "([0-9a-f]{64})?")
REPOSITORY_OLD = Text("repository URL", "write a URL that begins https:// or git://", r"(https|git)://[^\n]*", "uri")
REPOSITORY = Text("repository URL", "write a URL that begins https://", r"https://[^\u0000]*", "uri")
PATH_OLD = Text("path", "use letters, digits, `_`, `-` and `.` only", "[.a-zA-Z0-9_-]*")
PATH = Text(
    "path", "use letters, digits, `_` and `-`, with single dots between the parts: `ltp.syscalls.read_1`",
    r"([a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*)?",
)  # fmt: skip
ARCHITECTURE = Text("architecture", "use lower-case letters, digits and `_` only: `x86_64`", "[a-z0-9_]*")
EXCERPT_OLD = Text("log excerpt", f"cut it to {EXCERPT_CHARS_MAX:,} characters", chars_max=EXCERPT_CHARS_MAX)
EXCERPT = Text("log excerpt", f"cut it to {EXCERPT_CHARS_MAX:,} characters, without U+0000", r"[^\u0000]*",
               chars_max=EXCERPT_CHARS_MAX)  # fmt: skip
COMPATIBLE_OLD = Text("compatible string", "write one `vendor,model` an item, without spaces", "[^ ]+")
COMPATIBLE = Text("compatible string", "write one `vendor,model` an item, without spaces", r"[^ \u0000]+")
PREFIX = Text("prefix", f"{_ONE} metric, binary", values=("metric", "binary"))
SECONDS = Number("seconds", "write a number of seconds, without quotes")
VALUE = Number("number", "write a number, without quotes")
VERSION = Number("version", "write a whole number from 0 to 2^63 - 1, without quotes", is_whole=True)
FLAG = Flag()
MISC = Free()


def _status(*values: str) -> Text:
    return Text("status", f"{_ONE} {', '.join(values)}; leave it out while there is no result", values=values)


STATUS_OLD = _status("ERROR", "FAIL", "PASS", "DONE", "SKIP")
STATUS_4 = _status("FAIL", "ERROR", "PASS", "DONE", "SKIP")
STATUS = _status("FAIL", "ERROR", "MISS", "PASS", "DONE", "SKIP")


def _resource(name: Text) -> Struct:
    return Struct(
        "resource", {"name": FieldSpec(name, "name of the file", True), "url": FieldSpec(URL, "where it is", True)}
    )


_NAME_HINT = "write a file's name without `/`"
RESOURCE_OLD = _resource(TEXT_OLD)
RESOURCE_2 = _resource(Text("file name", _NAME_HINT, "[^/]+"))
RESOURCE = _resource(Text("file name", _NAME_HINT, r"[^/\u0000]+"))

_RUN: Mapping[str, FieldSpec] = {
    "start_time": FieldSpec(TIME, "when it started"),
    "duration": FieldSpec(SECONDS, "how long it took, in seconds"),
}
_NOTES: Mapping[str, FieldSpec] = {
    "log_url": FieldSpec(URL, "the log, as text"),
    "valid": FieldSpec(FLAG, "whether it succeeded"),
    "misc": FieldSpec(MISC, "whatever else"),
}

V1_1: Kinds = {
    "revisions": Struct("revision", {
        "origin": FieldSpec(ORIGIN_OLD, "who reports it", True),
        "origin_id": FieldSpec(TEXT_OLD, "its id there", True),
        "git_repository_url": FieldSpec(URL, "the repository"),
        "git_repository_commit_hash": FieldSpec(TEXT_OLD, "the commit"),
        "git_repository_commit_name": FieldSpec(TEXT_OLD, "the commit as `git describe` has it"),
        "git_repository_branch": FieldSpec(TEXT_OLD, "the branch"),
        "patch_mboxes": FieldSpec(List(RESOURCE_OLD), "patches, in the order they were applied"),
        "message_id": FieldSpec(MAIL_OLD, "Message-ID of the mail that posted the patches"),
        "description": FieldSpec(TEXT_OLD, "what people call it"),
        "publishing_time": FieldSpec(TIME, "when it was made public"),
        "discovery_time": FieldSpec(TIME, "when it was found"),
        "contacts": FieldSpec(List(TEXT_OLD), "whom to tell"),
        **_NOTES,
    }),
    "builds": Struct("build", {
        "revision_origin": FieldSpec(ORIGIN_OLD, "who reports the revision", True),
        "revision_origin_id": FieldSpec(TEXT_OLD, "the revision's id there", True),
        "origin": FieldSpec(ORIGIN_OLD, "who reports it", True),
        "origin_id": FieldSpec(TEXT_OLD, "its id there", True),
        "description": FieldSpec(TEXT_OLD, "what people call it"),
        **_RUN,
        "architecture": FieldSpec(ARCHITECTURE, "the target architecture: `x86_64`, `arm64`"),
        "command": FieldSpec(TEXT_OLD, "the command that built it"),
        "compiler": FieldSpec(TEXT_OLD, "the compiler and its version"),
        "input_files": FieldSpec(List(RESOURCE_OLD), "files it was built from"),
        "output_files": FieldSpec(List(RESOURCE_OLD), "files it made, logs and configuration apart"),
        "config_name": FieldSpec(TEXT_OLD, "name of the configuration: `defconfig`"),
        "config_url": FieldSpec(URL, "the configuration itself"),
        **_NOTES,
    }),
    "tests": Struct("test", {
        "build_origin": FieldSpec(ORIGIN_OLD, "who reports the build", True),
        "build_origin_id": FieldSpec(TEXT_OLD, "the build's id there", True),
        "origin": FieldSpec(ORIGIN_OLD, "who reports it", True),
        "origin_id": FieldSpec(TEXT_OLD, "its id there", True),
        "environment": FieldSpec(Struct("environment", {
            "description": FieldSpec(TEXT_OLD, "what people call it"),
            "misc": FieldSpec(MISC, "whatever else"),
        }), "where it ran"),
        "path": FieldSpec(PATH_OLD, "which test it is, parts from the suite down: `ltp.syscalls.read01`"),
        "description": FieldSpec(TEXT_OLD, "what people call it"),
        "status": FieldSpec(STATUS_OLD, "the result; absent while there is none"),
        "waived": FieldSpec(FLAG, "true when its result is not to be trusted yet"),
        **_RUN,
        "output_files": FieldSpec(List(RESOURCE_OLD), "files it made, logs apart"),
        "misc": FieldSpec(MISC, "whatever else"),
    }),
}  # fmt: skip

_COMMENT = FieldSpec(TEXT_OLD, "what people should know about it")
_EXCERPT = FieldSpec(EXCERPT_OLD, "the part of the log that matters")
_IDENTITY: Mapping[str, FieldSpec] = {
    "id": FieldSpec(ID_LINE, "its id, which begins with the origin", True),
    "origin": FieldSpec(ORIGIN, "who reports it", True),
}
_TIMESTAMP: Mapping[str, FieldSpec] = {
    "_timestamp": FieldSpec(TIME, "when the database last changed it; ignored in submissions")
}

CHANGES: tuple[VersionChange, ...] = (
    VersionChange(
        2, 0, "an object has one `id`, `origin:origin_id`; so have references; no `/` in names of files",
        dropped=(
            "revisions.origin", "revisions.origin_id", "builds.revision_origin", "builds.revision_origin_id",
            "builds.origin", "builds.origin_id", "tests.build_origin", "tests.build_origin_id", "tests.origin",
            "tests.origin_id",
        ),
        retyped=((RESOURCE_OLD, RESOURCE_2),),
        added={
            "revisions": {"id": FieldSpec(ID_OLD, "its id", True)},
            "builds": {"revision_id": FieldSpec(ID_OLD, "the revision", True), "id": FieldSpec(ID_OLD, "its id", True)},
            "tests": {"build_id": FieldSpec(ID_OLD, "the build", True), "id": FieldSpec(ID_OLD, "its id", True)},
        },
    ),
    VersionChange(
        3, 0, "`origin` is a field again; a revision's id is its commit's hash, with that of its patches; `tree_name`",
        dropped=("revisions.git_repository_commit_hash", "revisions.git_repository_commit_name"),
        retyped=((ID_OLD, ID_LINE),),
        added={
            "revisions": {
                "id": FieldSpec(REVISION, "its id", True),
                "origin": FieldSpec(ORIGIN, "who reports it", True),
                "tree_name": FieldSpec(TEXT_OLD, "short name of the tree"),
                "git_repository_url": FieldSpec(REPOSITORY_OLD, "the repository"),
                "git_commit_hash": FieldSpec(HASH, "the commit"),
                "git_commit_name": FieldSpec(TEXT_OLD, "the commit as `git describe` has it"),
            },
            "builds": {
                "revision_id": FieldSpec(REVISION, "the revision", True),
                "origin": FieldSpec(ORIGIN, "who reports it", True),
            },
            "tests": {"origin": FieldSpec(ORIGIN, "who reports it", True)},
        },
    ),
    VersionChange(
        4, 0, "checkouts, many a revision, instead of revisions; `comment` instead of `description`; log excerpts",
        dropped=("revisions", "builds.revision_id", "builds.description", "tests.description",
                 "tests.environment.description"),
        retyped=((STATUS_OLD, STATUS_4),),
        added={
            "checkouts": {
                **_IDENTITY,
                "tree_name": FieldSpec(TEXT_OLD, "short name of the tree: `mainline`, `stable-rc`"),
                "git_repository_url": FieldSpec(REPOSITORY_OLD, "the repository"),
                "git_commit_hash": FieldSpec(HASH, "the commit, patches apart"),
                "git_commit_name": FieldSpec(TEXT_OLD, "the commit as `git describe` has it"),
                "git_repository_branch": FieldSpec(TEXT_OLD, "the branch"),
                "patchset_files": FieldSpec(List(RESOURCE_2), "patches, in the order they were applied"),
                "patchset_hash": FieldSpec(PATCHSET, "SHA-256 over the lower-case hex SHA-256 of every patch, each "
                                                 'followed by a newline, in order; `""` without patches'),
                "message_id": FieldSpec(MAIL_OLD, "Message-ID of the mail that posted the patches"),
                "comment": _COMMENT,
                "start_time": FieldSpec(TIME, "when the checkout started, or the revision was found"),
                "contacts": FieldSpec(List(TEXT_OLD), "whom to tell"),
                "log_url": FieldSpec(URL, "the log, as text"),
                "log_excerpt": _EXCERPT,
                "valid": FieldSpec(FLAG, "whether checkout and patches succeeded"),
                "misc": FieldSpec(MISC, "whatever else"),
            },
            "builds": {"checkout_id": FieldSpec(ID_LINE, "the checkout", True), "comment": _COMMENT,
                       "log_excerpt": _EXCERPT},
            "tests": {"comment": _COMMENT, "log_url": FieldSpec(URL, "the log, as text"), "log_excerpt": _EXCERPT},
            "tests.environment": {"comment": _COMMENT},
        },
    ),
    VersionChange(
        4, 1, "issues, and incidents: where an issue was seen",
        added={
            "issues": {
                "id": FieldSpec(ID_LINE, "its id, which begins with the origin", True),
                "version": FieldSpec(VERSION, "counts the definitions of the issue; readers take the highest", True),
                "origin": FieldSpec(ORIGIN, "who reports it", True),
                "report_url": FieldSpec(URL, "where the issue is described"),
                "report_subject": FieldSpec(TEXT_OLD, "the title it has there"),
                "culprit": FieldSpec(Struct("culprit", {
                    "code": FieldSpec(FLAG, "the code under test"),
                    "tool": FieldSpec(FLAG, "the build system, the test, or what they use"),
                    "harness": FieldSpec(FLAG, "what runs them"),
                }), "what is to blame"),
                "build_valid": FieldSpec(FLAG, "the `valid` of builds that have the issue"),
                "test_status": FieldSpec(STATUS_4, "the status of tests that have the issue"),
                "comment": _COMMENT,
                "misc": FieldSpec(MISC, "whatever else"),
            },
            "incidents": {
                **_IDENTITY,
                "issue_id": FieldSpec(ID_LINE, "the issue", True),
                "issue_version": FieldSpec(VERSION, "the issue's version", True),
                "build_id": FieldSpec(ID_LINE, "the build it was looked for in"),
                "test_id": FieldSpec(ID_LINE, "the test it was looked for in"),
                "present": FieldSpec(FLAG, "whether it was seen"),
                "comment": _COMMENT,
                "misc": FieldSpec(MISC, "whatever else"),
            },
        },
    ),
    VersionChange(4, 2, "status `MISS`: planned, and did not come to a result, for reasons outside the code",
           retyped=((STATUS_4, STATUS),)),
    VersionChange(4, 3, "`_timestamp`", added=dict.fromkeys(("checkouts", "builds", "tests", "issues", "incidents"),
                                                     _TIMESTAMP)),
    VersionChange(
        4, 4, "what a test ran on, and numbers it measured",
        added={
            "tests": {"number": FieldSpec(Struct("number", {
                "value": FieldSpec(VALUE, "the number", True),
                "unit": FieldSpec(TEXT_OLD, "its unit: `B/s`"),
                "prefix": FieldSpec(PREFIX, "which prefixes suit it when it is shown: k = 1,000 or Ki = 1,024"),
            }), "what it measured")},
            "tests.environment": {"compatible": FieldSpec(
                List(COMPATIBLE_OLD), "compatible strings of the machine, as its device tree has them")},
        },
    ),
    VersionChange(
        4, 5, "more of the commit",
        added={"checkouts": {
            "git_commit_tags": FieldSpec(List(TEXT_OLD), "tags that point at the commit"),
            "git_commit_message": FieldSpec(TEXT_OLD, "the commit's message"),
            "git_repository_branch_tip": FieldSpec(FLAG, "whether the commit was the branch's last one at the time"),
        }},
    ),
    VersionChange(
        5, 0, "builds have a `status`; no U+0000 in texts; repositories by https only; stricter paths; newlines in ids",
        dropped=("checkouts.contacts", "builds.valid", "tests.waived", "issues.build_valid", "issues.test_status"),
        retyped=(
            (TEXT_OLD, TEXT), (ID_LINE, ID), (EXCERPT_OLD, EXCERPT), (RESOURCE_2, RESOURCE), (PATH_OLD, PATH),
            (REPOSITORY_OLD, REPOSITORY), (COMPATIBLE_OLD, COMPATIBLE), (MAIL_OLD, MAIL),
        ),
        added={"builds": {"status": FieldSpec(STATUS, "the result; absent while there is none")}},
    ),
    VersionChange(
        5, 1, "an origin says when it has sent everything",
        added={"checkouts": {
            "origin_builds_finish_time": FieldSpec(TIME, "when the origin had sent the last build of the checkout"),
            "origin_tests_finish_time": FieldSpec(TIME, "when the origin had sent the last test of the checkout"),
        }},
    ),
    VersionChange(5, 2, "categories of issues",
           added={"issues": {"categories": FieldSpec(List(PATH), "what kinds of issue it is, paths like a test's")}}),
    VersionChange(5, 3, "files a test took",
           added={"tests": {"input_files": FieldSpec(List(RESOURCE), "files it took")}}),
)  # fmt: skip


NEWEST = (5, 3)
"""The version to which all submissions are upgraded."""


@cache
def versions() -> Mapping[tuple[int, int], Kinds]:
    """(major, minor) → its lists, oldest first."""
    made: dict[tuple[int, int], Kinds] = {(1, 1): V1_1}
    kinds = V1_1
    for change in CHANGES:
        kinds = made[change.major, change.minor] = apply(kinds, change)
    return made

"""The commands `tributary kcidb …`: what is asked of KCIDB's objects from a shell (kcidb.md 4.1). A table.

Documents come and go as JSON, one a line or one behind the other.
"""

from __future__ import annotations

from functions.command.command import Command, Parser

DAYS_DEFAULT = 365


def _add_files(parser: Parser) -> None:
    parser.add_argument("files", nargs="*", metavar="FILE", help="documents; default: standard input")


def _add_hub(parser: Parser) -> None:
    parser.add_argument(
        "--url", help="a hub, like https://hub.example.org; default: that of KCIDB_REST, else the store"
    )
    parser.add_argument("--token", help="its token; better kept in KCIDB_REST=https://TOKEN@hub.example.org")


def _add_submit(parser: Parser) -> None:
    _add_files(parser)
    _add_hub(parser)
    parser.add_argument("--partial", action="store_true", help="take the right objects of a document with faulty ones")


def _add_tests(parser: Parser) -> None:
    _add_hub(parser)
    parser.add_argument("--origin", required=True, help="whose results they are")
    parser.add_argument("--build", required=True, metavar="ID", help="the build that was tested")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--path", help="the test's path, like ltp.syscalls.read01")
    what.add_argument("--junit", metavar="FILE", help="the test cases of a JUnit XML report")
    parser.add_argument("--prefix", default="", help="what stands before the paths of a JUnit report")
    parser.add_argument("--status", choices=("FAIL", "ERROR", "MISS", "PASS", "DONE", "SKIP"), help="default: none yet")
    parser.add_argument("--start-time", help="like 2026-01-31T12:00:00Z; default: now, or what the report says")
    parser.add_argument("--duration", type=float, metavar="SECONDS")
    parser.add_argument("--comment")
    parser.add_argument("--log-url", metavar="URL")
    parser.add_argument("--compatible", action="append", metavar="NAME", help="of the hardware; may be repeated")
    parser.add_argument("--platform", help="the hardware's name, as environment.misc.platform")
    parser.add_argument("--misc", metavar="JSON", help="an object with anything else")
    parser.add_argument("--dry-run", action="store_true", help="show the document and submit nothing")


def _add_metadata(parser: Parser) -> None:
    parser.add_argument(
        "--metadata", "--with-metadata", action="store_true", help="with _timestamp, when an object last changed"
    )


def _add_query(parser: Parser) -> None:
    for letter, kind in (("c", "checkout"), ("b", "build"), ("t", "test"), ("i", "issue"), ("n", "incident")):
        parser.add_argument(f"-{letter}", f"--{kind}-id", action="append", default=[], metavar="ID", dest=f"{kind}s")
    parser.add_argument("--issue-version", type=int, metavar="N", help="of the issues; default: the newest")
    parser.add_argument("--parents", action="store_true", help="and all that these hang from")
    parser.add_argument("--children", action="store_true", help="and all that hangs from these")
    parser.add_argument(
        "--objects-per-report", type=int, default=0, metavar="N", help="objects a document; default: all in one"
    )
    _add_metadata(parser)


def _add_export(parser: Parser) -> None:
    parser.add_argument("--after", metavar="TIME", help="what changed then or later")
    parser.add_argument("--until", metavar="TIME", help="what changed before then")
    parser.add_argument("--origin", help="one origin's objects")
    parser.add_argument("--kind", help="checkouts, builds, tests, issues or incidents")
    parser.add_argument("--objects-per-document", type=int, metavar="N", help="default: 500")
    _add_metadata(parser)


def _add_count(parser: Parser) -> None:
    parser.add_argument("--origin", help="one origin's objects")


def _add_token(parser: Parser) -> None:
    parser.add_argument("--origin", action="append", required=True, help="whose results; as often as there are some")
    parser.add_argument("--days", type=int, default=DAYS_DEFAULT, help=f"how long it is good; default: {DAYS_DEFAULT}")
    parser.add_argument("--name", default="", help="by which it can be revoked; default: one is made up")


def _add_revoke(parser: Parser) -> None:
    parser.add_argument("name", help="as given to `token`; of a token minted elsewhere, the token itself")


def _add_rebuild(parser: Parser) -> None:
    parser.add_argument("--verify", action="store_true", help="only compare; exit status 1 when anything differs")


_OWN = "functions.command."

GROUP = Command("kcidb", "submit, read, check and merge objects of KCIDB", parts=(
    Command("submit", "submit documents, to this store or to a hub", f"{_OWN}kcidb_submit:submit", _add_submit),
    Command("submit-tests", "submit results of tests of a build", f"{_OWN}kcidb_tests:submit", _add_tests),
    Command("query", "show objects by their ids", f"{_OWN}kcidb_read:query", _add_query),
    Command("export", "show all objects, or what changed in a span of time", f"{_OWN}kcidb_read:export", _add_export),
    Command("count", "count the objects of each kind", f"{_OWN}kcidb_read:count", _add_count),
    Command("validate", "say what is wrong with documents", f"{_OWN}kcidb_stream:validate", _add_files),
    Command("upgrade", "bring documents to the newest schema", f"{_OWN}kcidb_stream:upgrade", _add_files),
    Command("merge", "merge documents into one", f"{_OWN}kcidb_stream:merge", _add_files),
    Command("token", "show a new token that lets submit results of some origins", f"{_OWN}submitter:show_token",
            _add_token),
    Command("revoke", "let the tokens of a name submit no more", f"{_OWN}submitter:revoke_token", _add_revoke),
    Command("rebuild", "compute every report anew from the submissions, and mend what differs",
            f"{_OWN}rebuild:rebuild", _add_rebuild),
))  # fmt: skip

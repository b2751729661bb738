"""The command `python -m functions.admin kcidb …`: what is asked of KCIDB's objects from a shell (kcidb.md 4.1).

Documents come and go as JSON, one a line or one behind the other. A verb is a line of `VERBS`: its module is imported
when it is asked for, so that the answer begins at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from functions.command import rebuild, submitter

Parser = argparse.ArgumentParser


class Verb(NamedTuple):
    """One command: `run` is `module:function`, which takes what was asked and gives the exit status."""

    name: str
    help: str
    run: str
    add_options: Callable[[Parser], None]


def add_command(commands: Any) -> None:
    """Add it to the commands of the command line."""
    parser = commands.add_parser("kcidb", help="submit, read, check and merge objects of KCIDB")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for verb in VERBS:
        added = verbs.add_parser(verb.name, help=verb.help, description=f"{verb.help[0].upper()}{verb.help[1:]}.")
        verb.add_options(added)
        added.set_defaults(run=_run(verb))
    submitter.add_commands(verbs)
    rebuild.add_command(verbs)


def _run(verb: Verb) -> Callable[[argparse.Namespace], int]:
    def run(asked: argparse.Namespace) -> int:
        module, _, name = verb.run.partition(":")
        status: int = getattr(import_module(module), name)(asked)
        return status

    return run


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


VERBS = (
    Verb("submit", "submit documents, to this store or to a hub", "functions.command.kcidb_submit:submit", _add_submit),
    Verb("submit-tests", "submit results of tests of a build", "functions.command.kcidb_tests:submit", _add_tests),
    Verb("query", "show objects by their ids", "functions.command.kcidb_read:query", _add_query),
    Verb(
        "export",
        "show all objects, or what changed in a span of time",
        "functions.command.kcidb_read:export",
        _add_export,
    ),
    Verb("count", "count the objects of each kind", "functions.command.kcidb_read:count", _add_count),
    Verb("validate", "say what is wrong with documents", "functions.command.kcidb_stream:validate", _add_files),
    Verb("upgrade", "bring documents to the newest schema", "functions.command.kcidb_stream:upgrade", _add_files),
    Verb("merge", "merge documents into one", "functions.command.kcidb_stream:merge", _add_files),
)

"""The page docs/kcidb-schema.md, made from the tables: the valid submissions, and the changes of each version.

Written by `make openapi`; a test holds it fresh.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.kcidb.field import FieldSpec, Flag, Free, List, Number, Struct, Text, Type, VersionChange, shown
from schemas.kcidb.version import CHANGES, NEWEST, WHOLE_MAX, versions

_HEAD = """# The form of a KCIDB submission

This page is generated from `schemas/kcidb/version.py`; `make openapi` writes it anew.

A submission is one JSON object: its `version`, and up to five lists. Every list may be omitted or empty. In an object,
fields in **bold** are required; all others may come later, in another submission. Send each fact when it is known: the
same `id` again, with more fields. A build or a test without `status` is planned or still running.

```json
{
  "version": {"major": 5, "minor": 3},
  "checkouts": [{"id": "myci:c1", "origin": "myci", "tree_name": "mainline"}],
  "builds": [{"id": "myci:b1", "origin": "myci", "checkout_id": "myci:c1", "architecture": "arm64", "status": "PASS"}],
  "tests": [{"id": "myci:t1", "origin": "myci", "build_id": "myci:b1", "path": "ltp.syscalls.read01"}]
}
```

- An id begins with its origin and a colon. A parent may belong to another origin, and may come later.
- `null` is not allowed outside `misc`: omit the field. Fields that are not listed here go into `misc`.
- All texts are Unicode without U+0000. Times have their zone: `2025-07-15T10:10:17Z`.
- `_timestamp` comes with exports on request and is ignored in submissions.

The hub reports every fault of a submission at once:

```json
{
  "pointer": "/tests/0/path",
  "object": "myci:t1",
  "rule": "pattern",
  "got": "\\"ltp..read01\\"",
  "hint": "use letters, digits, `_` and `-`, with single dots between the parts: `ltp.syscalls.read_1`",
  "msg": "myci:t1: /tests/0/path: this is no path"
}
```

| rule | fault |
|---|---|
| `json` | the text is not JSON, or names a key twice |
| `version` | the version is not supported |
| `type`, `null` | a value has another type, or is null |
| `required`, `unknown` | a field is missing, or unknown in the version |
| `enum`, `pattern`, `format`, `maxLength` | a text is not a value of the field, or lacks the field's form |
| `newline`, `nul` | a text ends in a newline, or holds U+0000 |
| `range`, `large`, `number` | a number is too small, or too large |
| `origin` | an object belongs to another origin |
| `upgrade` | an object of an older version would not be valid in {newest} |
| `size` | a submission, or an object, is too large |

The hub accepts the versions 1.1 to {newest}, and upgrades them to {newest}. `GET /schema/v{newest}` is the JSON Schema
of a version, `GET /schema/latest` that of the newest.
"""


_STRICTER = """\

## Where this hub is stricter than KCIDB's own library

The hub accepts every submission that kcidb-io 141 accepts, with these exceptions:

| sent | answer | why |
|---|---|---|
| a newline at the end of a path, hash, URL, time … | refused | it never equals the text without it; always a mistake |
| NaN, Infinity, 1e999 | refused | NaN is not JSON, and 1e999 cannot be written back as JSON |
| an object with one key twice | refused | it is unclear which of the two is valid |
| U+0000 in `misc` or `message_id` | refused | many stores cannot hold it |
| half a surrogate pair (`"\\ud800"`) | refused | it is not a character, and not UTF-8 |
| an integer of more than 64 bits, an issue's version past 2^63 - 1 | refused | few programs can store it |
| a time outside the years 1 to 9999 in UTC | refused | date types do not hold it |
| an id that begins with another origin than `origin` | refused | a sender may not submit results of another origin |
| an object of the origin `_` that no upgrade makes | refused | it belongs to no origin |
| more than 100,000 objects in one submission | refused | send it in pieces, in any order |
| an older version's object whose upgrade is not valid | refused | no reader could use it |

A whole number may be written `5.0`. The hub accepts a negative duration with a warning, and also an incident that names
both a build and a test, or neither."""


def page() -> str:
    """The page as Markdown."""
    return "\n".join((_HEAD.replace("{newest}", _number(NEWEST)), *_objects(), *_history(), _STRICTER)) + "\n"


def _number(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _objects() -> Iterator[str]:
    for kind in ("checkouts", "builds", "tests", "issues", "incidents"):
        yield from (f"## {kind}", "", "| field | value | meaning |", "|---|---|---|")
        yield from _rows(versions()[NEWEST][kind], "")
        yield ""


def _rows(struct: Struct, prefix: str) -> Iterator[str]:
    for name, field in shown(struct):
        yield _row(prefix + name, field)
        inner = field.type.of if isinstance(field.type, List) else field.type
        if isinstance(inner, Struct):
            yield from _rows(inner, prefix + name + ("[]." if isinstance(field.type, List) else "."))


def _row(name: str, field: FieldSpec) -> str:
    shown = f"**`{name}`**" if field.is_required else f"`{name}`"
    return f"| {shown} | {_value(field.type)} | {field.note} |"


def _value(type_: Type) -> str:
    match type_:
        case Struct():
            return "object"
        case List():
            return f"list of {_value(type_.of)}s" if isinstance(type_.of, Struct) else f"list: {_value(type_.of)}"
        case Free():
            return "any object"
        case Flag():
            return "true or false"
        case Number():
            return f"whole number, 0 to {WHOLE_MAX}" if type_.is_whole else "number"
        case Text():
            return _text(type_)


def _text(type_: Text) -> str:
    if type_.values:
        return ", ".join(f"`{value}`" for value in type_.values)
    length = f", at most {type_.chars_max:,} characters" if type_.chars_max is not None else ""
    if type_.format == "date-time":
        return "time"
    has_form = type_.pattern not in ("", r"[^\u0000]*")
    pattern = f" `{type_.pattern}`".replace("|", r"\|") if has_form else ""
    return f"{type_.name if has_form or type_.format else 'text'}{pattern}{length}"


def _history() -> Iterator[str]:
    yield from ("## What each version changed", "", "| version | change | new | gone |", "|---|---|---|---|")
    yield "| 1.1 | the first one: revisions, builds, tests | | |"
    for change in CHANGES:
        new = ", ".join(_new(change))
        gone = ", ".join(f"`{name}`" for name in change.dropped)
        yield f"| {change.major}.{change.minor} | {change.note} | {new} | {gone} |"
    yield ""
    yield from _UPGRADES.splitlines()


def _new(change: VersionChange) -> Iterator[str]:
    before = versions()[_before(change)]
    for place, fields in change.added.items():
        if "." not in place and place not in before:
            yield f"`{place}`"
        else:
            kind, _, _ = place.partition(".")
            old = before[kind].fields if kind == place else {}
            yield from (f"`{place}.{name}`" for name in fields if name not in old)


def _before(change: VersionChange) -> tuple[int, int]:
    known = list(versions())
    return known[known.index((change.major, change.minor)) - 1]


_UPGRADES = """\
Within a major a version only adds. Between majors:

- 1 → 2: `id` is `origin:origin_id`, for references too; each `/` in a file's name becomes `_`.
- 2 → 3: `origin` is what stands before the colon of `id`; revisions lose it in their ids.
- 3 → 4: a revision becomes the checkout `_:origin:revision-id`, and its builds, by their own origin, belong to it;
  `discovery_time` becomes `start_time`, `description` becomes `comment`; `publishing_time` goes.
- 4 → 5: a build's `valid` becomes `PASS` or `FAIL`; `contacts` goes; a waived test becomes an incident of the issue
  `_:waived`. Repositories that are not https, paths of the older form and U+0000 cannot be upgraded and are refused."""

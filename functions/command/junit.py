"""JUnit XML reports, read safely: the test cases of one (no entities, no document types, a bounded size)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from lib.errors import Invalid, TooLarge

REPORT_BYTES_MAX = 32 * 1024 * 1024
CASES_MAX = 20_000
EXCERPT_CHARS_MAX = 16_384
"""Longest log excerpt (kcidb.md 1.2): the end of what a case printed."""

_STATUS = (("error", "ERROR"), ("failure", "FAIL"), ("skipped", "SKIP"))


class Case(NamedTuple):
    """One test case: the names from the outermost suite inwards that tell it, how it ended, what it printed."""

    names: tuple[str, ...]
    status: str
    duration: float | None
    started: str | None
    excerpt: str


def read(text: bytes) -> list[Case]:
    """The cases of a report, in order. Raises Invalid, TooLarge."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    if len(text) > REPORT_BYTES_MAX:
        raise TooLarge(f"a report has at most {REPORT_BYTES_MAX} bytes")
    try:
        root = fromstring(text, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise Invalid("--junit", f"is no JUnit XML: {error}") from error
    cases = list(_cases(root, None))
    if len(cases) > CASES_MAX:
        raise TooLarge(f"a report has at most {CASES_MAX} test cases")
    return cases


def _cases(root: Any, started: str | None) -> Iterator[Case]:
    """Suites may hold suites; what one says of its start holds for its cases."""
    stack = [(root, started)]
    while stack:
        element, started = stack.pop()
        if element.tag == "testcase":
            yield _case(element, started)
            continue
        started = element.get("timestamp") or started
        stack += [(child, started) for child in reversed(element) if child.tag in ("testsuite", "testcase")]


def _case(element: Any, started: str | None) -> Case:
    names = tuple(name for name in (element.get("classname"), element.get("name")) if name)
    ends = [(element.find(tag), status) for tag, status in _STATUS]
    end, status = next(((found, status) for found, status in ends if found is not None), (None, "PASS"))
    said = [] if end is None else [end.get("message") or "", end.text or ""]
    if status in ("FAIL", "ERROR"):
        said += [element.findtext(tag) or "" for tag in ("system-out", "system-err")]
    excerpt = "\n".join(part.strip() for part in said if part.strip())[-EXCERPT_CHARS_MAX:]
    return Case(names, status, _seconds(element.get("time")), element.get("timestamp") or started, excerpt)


def _seconds(text: str | None) -> float | None:
    try:
        value = float((text or "").replace(",", ""))
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None

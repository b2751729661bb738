"""KernelCI conditions: revisions as entity tags, If-Match and If-None-Match, requests that are done once.

Upstream has none of them (kernelci.md 11.7 and 11.10); RFC 9110 and the Idempotency-Key draft say what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from lib.dialects.wire import Headers, Reply, Request
from lib.domain.event.ledger import Done, Once
from lib.errors import Invalid

TAGS_MAX = 100
"""Most entity tags of one header."""
ANY = "*"

_TAG = re.compile(r'[ \t]*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(?:,|\Z)')


def encode_etag(rev: int) -> Headers:
    """The header that names a revision."""
    return (("etag", f'"{rev}"'),)


def decode_if_match(request: Request) -> frozenset[int] | None:
    """The revisions an edit may start from; None: any. Weak tags never match (RFC 9110, 13.1.1)."""
    text = request.headers.get("if-match")
    if text is None or text.strip() == ANY:
        return None
    return frozenset(_revs(tag for is_weak, tag in _tags("If-Match", text) if not is_weak))


def is_known(request: Request, rev: int) -> bool:
    """Whether the caller has this revision already (If-None-Match)."""
    text = request.headers.get("if-none-match")
    if text is None:
        return False
    return text.strip() == ANY or rev in _revs(tag for _, tag in _tags("If-None-Match", text))


def _tags(name: str, text: str) -> Iterator[tuple[bool, str]]:
    at = 0
    for _ in range(TAGS_MAX):
        found = _TAG.match(text, at)
        if found is None:
            raise Invalid(name, 'takes * or quoted entity tags: "3", "4"')
        yield found[1] is not None, found[2]
        at = found.end()
        if at == len(text):
            return
    raise Invalid(name, f"at most {TAGS_MAX} entity tags")


def _revs(tags: Iterator[str]) -> set[int]:
    """The revisions that tags name. A tag that none of our replies had names none."""
    return {int(tag) for tag in tags if tag.isascii() and tag.isdecimal() and len(tag) <= 18}


def decode_once(request: Request, path: str, encode: Callable[[Any], str]) -> Once | None:
    """The Idempotency-Key of a request, None without one. `path` has no version prefix: one key, one request.

    `encode` makes of the result what is kept for a repetition.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    return Once.of(request.caller.id, request.method, path, key, request.body, encode)


def reply_again(done: Done, body: bytes | None = None, headers: Headers = ()) -> Reply:
    """The reply to a repetition: what was kept of the first one, or a `body` made from it."""
    shown = done.reply.encode() if body is None else body
    return Reply(200, shown, (("content-type", "application/json"), ("idempotency-replayed", "true"), *headers))

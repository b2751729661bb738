"""Submissions: the record of a document that was sent, kept unchanged (kcidb.md 2.7 and 3.5).

Pure. A submission is identified by the digest of its JSON, so a repeated submission has the same id. Its text is stored
in the record, compressed where that saves space, or in parts (`PARTS`) when it is large. Stored body:

    origins, version, counts     its origins, its schema's version, the number of objects of each kind
    state                        pending | merged | failed
    received_at, merged_at       of its first receipt; when all of it was merged
    sender, token, via           its sender, the token used, the way it came (rest, push, command)
    bytes                        length of the text
    is_partial                   its faulty objects were left out, at the request of its sender
    text | packed | parts        the text as it came; zlib and base64; the number of parts, of the text `parts_of`
    done, piece                  copies merged so far, and copies of one piece, if it takes several transactions
    results                      {new, changed, unchanged, conflicts} of its reports
    errors, error_count          the reasons of its failure, or the objects left out
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import orjson

from lib.domain.ingest.sent import Sent
from lib.store.port import Body

SUBMISSIONS, PARTS = "submission", "submission_part"
PENDING, MERGED, FAILED = "pending", "merged", "failed"

TEXT_BYTES_MAX = 32 * 1024 * 1024
"""Most bytes of the text of a submission, uncompressed."""
PLAIN_BYTES_MAX = 512
"""A shorter text is stored as it is: compression saves nothing."""
INLINE_CHARS_MAX = 256 * 1024
"""A longer compressed text is stored in parts beside the record."""
PART_CHARS = 900_000
ORIGINS_MAX = 100
"""Most origins that a record lists."""
TOLD_CHARS_MAX = 500
"""Most characters of an id or an origin in a refusal, and of an origin in the record of a failed submission."""

_LEVEL = 1  # of zlib: every level finds the repetitions of a submission, and the sender waits for the compression


@dataclass(slots=True)
class Submission:
    """A submission as recorded, without its text."""

    id: str
    state: str
    received_at: str
    sender: str
    via: str
    bytes: int
    origins: list[str] = field(default_factory=list)
    version: list[int] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    token: str | None = None
    is_partial: bool = False
    merged_at: str | None = None
    done: int = 0
    piece: int = 0
    results: dict[str, int] = field(default_factory=dict)
    errors: list[dict[str, Any]] = field(default_factory=list)
    error_count: int = 0


_NAMES = tuple(f.name for f in fields(Submission) if f.name != "id")


def to_body(submission: Submission, text: Mapping[str, Any]) -> Body:
    """The stored form; `text` is the result of `pack`."""
    return {**{name: getattr(submission, name) for name in _NAMES}, **text}


def from_body(id: str, body: Mapping[str, Any]) -> Submission:
    return Submission(id, **{name: body[name] for name in _NAMES if name in body})


def text_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a stored body that holds the text."""
    return {name: body[name] for name in ("text", "packed", "parts", "parts_of") if name in body}


def pack(raw: bytes) -> tuple[dict[str, Any], list[str]]:
    """The fields of the record that hold a text, and its parts, if any. Never raises UnicodeDecodeError: a text that is
    not UTF-8 is compressed."""
    if len(raw) <= PLAIN_BYTES_MAX:
        try:
            return {"text": raw.decode()}, []
        except UnicodeDecodeError:
            pass
    packed = base64.b64encode(zlib.compress(raw, _LEVEL)).decode("ascii")
    if len(packed) <= INLINE_CHARS_MAX:
        return {"packed": packed}, []
    parts = [packed[at : at + PART_CHARS] for at in range(0, len(packed), PART_CHARS)]
    # The name depends on the text: two spellings of the same JSON may come at once, and their parts must not mix.
    return {"parts": len(parts), "parts_of": hashlib.sha256(raw).hexdigest()}, parts


def unpack(body: Mapping[str, Any], parts: Sequence[str] = ()) -> bytes:
    """The text of a stored submission and its parts."""
    if "text" in body:
        text: str = body["text"]
        return text.encode()
    packed: str = body["packed"] if "packed" in body else "".join(parts)
    return zlib.decompress(base64.b64decode(packed))


def part_keys(text: Mapping[str, Any]) -> list[str]:
    """The keys of the parts of a text; takes the result of `pack` or the body of a submission."""
    return [f"{text['parts_of']}-{n}" for n in range(text.get("parts", 0))]


def origins_of(sent: Sent) -> list[str]:
    """The origins of a submission, in alphabetical order."""
    return sorted({copy.fields["origin"] for copy in sent.copies})[:ORIGINS_MAX]


def counts_of(sent: Sent) -> dict[str, int]:
    """The number of sent objects of each kind."""
    return dict(Counter(copy.key.kind for copy in sent.copies))


def origins_in(raw: bytes) -> list[str]:
    """The presumed origins of a submission that cannot be decoded."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return []
    lists = [v for v in value.values() if isinstance(v, list)] if isinstance(value, dict) else []
    named = {
        o["origin"] for objects in lists for o in objects if isinstance(o, dict) and isinstance(o.get("origin"), str)
        and len(o["origin"]) <= TOLD_CHARS_MAX
    }  # fmt: skip
    return sorted(named)[:ORIGINS_MAX]

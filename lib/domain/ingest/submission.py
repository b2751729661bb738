"""Submissions: the record of a document that was sent, kept unchanged (kcidb.md 2.7 and 3.5).

Pure. A submission is known by the digest of its JSON, so that the same one sent again is the same. Its text is kept in
the record, packed where that saves room, or in parts (`PARTS`) when it is large. Stored body:

    origins, version, counts     whose results, in which schema, how many objects a kind
    state                        pending | merged | failed
    received_at, merged_at       of its first receipt; when all of it was merged
    sender, token, via           who sent it, by which token, and how (rest, push, command)
    bytes                        length of the text
    is_partial                   its faulty objects were left out, as its sender asked
    text | packed | parts        the text as it came; zlib and base64; the number of parts, of the text `parts_of`
    done, piece                  copies merged so far, and how many at a time, of one that takes several transactions
    results                      {new, changed, unchanged, conflicts} of its reports
    errors, error_count          why it failed, or what was left out of it
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
"""Longest text of a submission, unpacked."""
PLAIN_BYTES_MAX = 512
"""A shorter text is kept as it is: packing it saves nothing."""
INLINE_CHARS_MAX = 256 * 1024
"""A longer packed text is kept in parts beside the record."""
PART_CHARS = 900_000
ORIGINS_MAX = 100
"""Most origins that a record lists."""
TOLD_CHARS_MAX = 500
"""Most characters of an id, or an origin, that a refusal tells, or that a record that failed lists as an origin."""

_LEVEL = 1  # of zlib: what repeats in a submission is found at any level, and it is packed while its sender waits


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
    """The stored form; `text` is what `pack` made of the text."""
    return {**{name: getattr(submission, name) for name in _NAMES}, **text}


def from_body(id: str, body: Mapping[str, Any]) -> Submission:
    return Submission(id, **{name: body[name] for name in _NAMES if name in body})


def text_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a stored body that holds the text."""
    return {name: body[name] for name in ("text", "packed", "parts", "parts_of") if name in body}


def pack(raw: bytes) -> tuple[dict[str, Any], list[str]]:
    """What of a text is kept in the record, and its parts, if it has any. Raises UnicodeDecodeError never: what is no
    UTF-8 is packed."""
    if len(raw) <= PLAIN_BYTES_MAX:
        try:
            return {"text": raw.decode()}, []
        except UnicodeDecodeError:
            pass
    packed = base64.b64encode(zlib.compress(raw, _LEVEL)).decode("ascii")
    if len(packed) <= INLINE_CHARS_MAX:
        return {"packed": packed}, []
    parts = [packed[at : at + PART_CHARS] for at in range(0, len(packed), PART_CHARS)]
    # Named by the text: the same JSON may come in two spellings at once, and parts of both must not mix.
    return {"parts": len(parts), "parts_of": hashlib.sha256(raw).hexdigest()}, parts


def unpack(body: Mapping[str, Any], parts: Sequence[str] = ()) -> bytes:
    """The text of a stored submission and its parts."""
    if "text" in body:
        text: str = body["text"]
        return text.encode()
    packed: str = body["packed"] if "packed" in body else "".join(parts)
    return zlib.decompress(base64.b64decode(packed))


def part_keys(text: Mapping[str, Any]) -> list[str]:
    """The keys of the parts of a text, as `pack` made it or a submission's body has it."""
    return [f"{text['parts_of']}-{n}" for n in range(text.get("parts", 0))]


def origins_of(sent: Sent) -> list[str]:
    """Whose results a submission tells, in alphabetical order."""
    return sorted({copy.fields["origin"] for copy in sent.copies})[:ORIGINS_MAX]


def counts_of(sent: Sent) -> dict[str, int]:
    """How many objects of each kind were sent."""
    return dict(Counter(copy.key.kind for copy in sent.copies))


def origins_in(raw: bytes) -> list[str]:
    """Whose results a submission that cannot be read as one seems to hold."""
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

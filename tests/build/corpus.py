"""Submissions of KCIDB made up: valid ones of every version, and broken ones. The same seed makes the same ones.

Names and values come from small pools, so that objects meet often. `documents` gives a mixture, `valid` one that is in
order, `broken` one with a few things wrong.
"""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Iterator
from typing import Any

from schemas.kcidb.field import Flag, Free, List, Number, Struct, Text, Type
from schemas.kcidb.version import versions

Document = dict[str, Any]

ORIGINS = ("a", "kci", "m_1")
HASHES = ("a" * 40, "0123456789abcdef0123456789abcdef01234567")
PATCHES = ("", "b" * 64)
TIMES = (
    "2025-07-15T10:10:17Z", "2025-07-15T12:10:19+02:00", "2020-02-29T23:59:59.9-00:30", "2025-07-15t10:10:17.1234567z",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999+00:00", "2024-01-01T00:00:00-00:00",
)  # fmt: skip
URLS = (
    "https://git.kernel.org/pub/scm/linux.git", "http://a", "https://x/%41?q=1&r#f", "git://host/p", "urn:x:y", "a:",
    "ftp://u:p@[::1]:21/x", "https://[1:2::3.4.5.6]/", "http:///p", "mailto:a@b", "HTTPS://A/'(b)*",
)  # fmt: skip
POOLS: dict[str, tuple[str, ...]] = {
    "text": ("", "x", "defconfig", "é😀", "two\nlines", "x" * 300, "a/b", " ", "1.0", "null"),
    "URL": URLS,
    "repository URL": ("https://git.kernel.org/linux.git", "https://a", "git://a/b", "https://a/?q"),
    "time": TIMES,
    "Message-ID": ("<1@x>", "a@b", "@", "é@\n@"),
    "origin": ORIGINS,
    "revision id": (HASHES[0], f"{HASHES[1]}+{PATCHES[1]}"),
    "commit hash": HASHES,
    "patchset hash": PATCHES,
    "path": ("", "ltp", "ltp.syscalls.read-01_a", "..", "a..b", ".x"),
    "architecture": ("", "arm64", "x86_64"),
    "log excerpt": ("", "oops\n", "é😀" * 50),
    "compatible string": ("raspberrypi,4-model-b", "a", ",", "x\ny"),
    "file name": ("log", "a b", "é\n", "dmesg.txt"),
}
NUMBERS = (0, 1, 600, 600.0, 1.5, -1, 1e-7, 2**53, 1e15, -0.0)
WHOLES = (0, 1, 1.0, 1740066292, 20240502101105, 2**63 - 1)
NASTY: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 1.5, 10**30, 2**63, "", "x", "1", "\0", "a\0", "a:b\0", "a:\0", "x\n", "a:b\n",
    "a:b\nc", "A:b", "a", ":", "a:", "a b", "é", "/", "a/b", "PASS", "pass", "PASS\n", "MISS", [], {}, [None], [{}],
    [1], ["x"], [["x"]], {"a": None}, {"x": "\0"}, {"\0": 1}, {"a": [1.0, 2.5, 10**30]}, {"_rank": 1}, {"code": True},
    {"value": 1}, {"value": True}, {"value": 1.0, "unit": "s", "prefix": "metric"}, [{"name": "a", "url": "b"}],
    [{"name": "a", "url": "b:", "misc": {}}], [{"name": "", "url": "b:"}], "c" * 16385, "é" * 16384, "a" * 40, "a" * 41,
    "a" * 40 + "\n", "A" * 40, "b" * 64, "b" * 63,
    "2025-07-15T10:10:17", "2025-07-15 10:10:17Z", "2025-07-15T10:10:60Z", "2025-02-30T10:10:00Z",
    "2025-07-15T10:10:17Z\n", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-00:01", "2025-07-15T24:00:00Z",
    "2025-07-15T10:10:17+24:00", "2025-07-15T10:10:17.Z", "20250715T101017Z", "٢٠٢٥-07-15T10:10:17Z", "2025-07-15",
    "0000-01-01T00:00:00Z",
    "http://a b", "http://é", "//a/b", "/a", "http://[::1", "http://a/%zz", "http://a/[b]", "http://a?b#c#d", "1a:b",
    "http://a/\n", "http://[fe80::1%25eth0]", "https://", "https://x\n", "git://x", "http://x", "a..b", ".", "a.",
    "a.b", "a@b", "@", "a\n@",
)  # fmt: skip


class Corpus:
    """Makes documents; each asks the next numbers of one generator."""

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)

    def version(self) -> tuple[int, int]:
        """One of the known versions; the newer major has half of them."""
        known = list(versions())
        return self.random.choice([v for v in known if v[0] == 5] if self.random.random() < 0.5 else known)

    def valid(self, version: tuple[int, int], objects_max: int = 3) -> Document:
        """A valid document of a version."""
        document: Document = {"version": self._stated(version)}
        for kind, struct in versions()[version].items():
            if self.random.random() < 0.7:
                count = self.random.randint(0, objects_max)
                document[kind] = [self._object(struct, version) for _ in range(count)]
        return document

    def broken(self, document: Document) -> Document:
        """The document with a few things wrong, or changed at least."""
        document = copy.deepcopy(document)
        for _ in range(self.random.choice((1, 1, 1, 2, 5))):
            self._break(document)
        return document

    def _stated(self, version: tuple[int, int]) -> Any:
        major, minor = version
        stated = [{"major": major, "minor": minor}]
        if version == (1, 1):
            stated.append("1")  # type: ignore[arg-type]
        else:
            stated.append({"major": float(major), "minor": float(minor)})  # type: ignore[dict-item]
            if not minor:
                stated.append({"major": major})
        return stated[0] if self.random.random() < 0.8 else self.random.choice(stated)

    def _object(self, struct: Struct, version: tuple[int, int]) -> Document:
        made: Document = {}
        for name, field in struct.fields.items():
            if field.is_required or self.random.random() < 0.35:
                made[name] = self.value(field.type)
        if "origin" in made and "id" in made and version[0] != 3:
            made["id"] = f"{made['origin']}:{made['id'].partition(':')[2]}"
        if version[0] == 3 and not re.fullmatch("[0-9a-f+]{40,}", made["id"]):
            made["id"] = f"{made['origin']}:{made['id'].partition(':')[2]}"
        return made

    def value(self, type_: Type) -> Any:
        """A value of a type."""
        match type_:
            case Struct():
                return self._object_inside(type_)
            case List():
                return [self.value(type_.of) for _ in range(self.random.randint(0, 2))]
            case Free():
                return self._free(2)
            case Flag():
                return self.random.random() < 0.5
            case Number():
                return self.random.choice(WHOLES if type_.is_whole else NUMBERS)
            case Text():
                return self._text(type_)

    def _object_inside(self, struct: Struct) -> Document:
        return {
            name: self.value(field.type)
            for name, field in struct.fields.items()
            if field.is_required or self.random.random() < 0.5
        }

    def _text(self, type_: Text) -> str:
        if type_.values:
            return self.random.choice(type_.values)
        if type_.name == "id":
            return f"{self.random.choice(ORIGINS)}:{self.random.choice(('', '1', '2', 'é x', 'a/b:c'))}"
        pool = [one for one in POOLS[type_.name] if not type_.pattern or re.fullmatch(type_.pattern, one)]
        return self.random.choice(pool)

    def _free(self, depth: int) -> Document:
        leaves: tuple[Any, ...] = (
            None,
            True,
            1,
            1.0,
            2.5,
            "x",
            "",
            "é",
            [1.0, None],
            {},
            "\\u0000",
            -(2**63),
            2**64 - 1,
        )
        return {
            self.random.choice(("lab", "job", "_rank", "a/b", "~", "é", "")): self._free(depth - 1)
            if depth and self.random.random() < 0.3
            else self.random.choice(leaves)
            for _ in range(self.random.randint(0, 3))
        }

    def _break(self, document: Document) -> None:
        """Changes one thing somewhere."""
        holders = list(_holders(document))
        holder = self.random.choice(holders)
        nasty = copy.deepcopy(self.random.choice(NASTY))
        if isinstance(holder, list):
            holder.insert(self.random.randint(0, len(holder)), nasty)
            return
        how = self.random.random()
        if how < 0.15 and holder:
            del holder[self.random.choice(list(holder))]
        elif how < 0.3 or not holder:
            holder[self.random.choice(_NAMES)] = nasty
        else:
            name = self.random.choice(list(holder))
            text = holder[name]
            worn = isinstance(text, str) and how < 0.5
            holder[name] = self.random.choice((text + "\n", text + " ", text.upper(), text + "\0")) if worn else nasty


_NAMES = (
    "id", "origin", "misc", "status", "valid", "_timestamp", "_x", "x", "environment", "culprit", "number", "version",
    "tests", "revisions", "comment", "waived", "duration", "compatible", "input_files", "minor",
)  # fmt: skip


def _holders(value: Any) -> Iterator[Any]:
    """All objects and lists of a document, misc's own too."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _holders(item)
    elif isinstance(value, list):
        yield value
        for item in value:
            yield from _holders(item)


def documents(count: int, seed: int = 0, broken: float = 0.5) -> Iterator[Document]:
    """So many documents of all versions, this part of them broken."""
    corpus = Corpus(seed)
    for _ in range(count):
        document = corpus.valid(corpus.version())
        yield corpus.broken(document) if corpus.random.random() < broken else document

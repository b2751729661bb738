"""The id of a submission (kcidb.md 2.3): of its JSON, not of its text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lib.dialects.kcidb.codec import decode, opened

IDS = json.loads((Path(__file__).parent / "ids.json").read_text())
"""Submission id → submission, from another implementation."""


@pytest.mark.parametrize("id_", IDS)
def test_the_vectors(id_):
    document = opened(json.dumps(IDS[id_]).encode())
    sent = document.decode(False)
    assert sent.id == document.id == decode(IDS[id_]).id == id_
    assert sent.version == (5, 3) and sent.copies and not sent.faults


@pytest.mark.parametrize("text", [
    '{"tests":[{"duration":1}],"version":{"major":5}}',
    ' { "version" : {"major":5},\n"tests":[{"duration":1.0}]}\r\n',
    '{"\\u0074ests":[{"duration":1e0}],"version":{"major":5.0}}',
])  # fmt: skip
def test_the_form_of_the_text_does_not_matter(text):
    assert opened(text.encode()).id == opened(b'{"tests":[{"duration":1}],"version":{"major":5}}').id


def test_what_is_said_matters():
    texts = [
        "{}",
        *(f'{{"a":{one}}}' for one in ("1", "true", '"1"', "null", "[1,2]", "[2,1]", '"\\u00e9"', '"e\\u0301"')),
    ]
    assert len({opened(text.encode()).id for text in texts}) == len(texts)

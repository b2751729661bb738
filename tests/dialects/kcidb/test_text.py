"""URIs and date-times: the verdicts of the libraries that KCIDB's own library uses, at random."""

from __future__ import annotations

import random

import jsonschema
import pytest

from lib.dialects.kcidb.text import is_uri, normal_time

THEIRS = jsonschema.FormatChecker()
PIECES = ("http", ":", "//", "/", "a", "1", "%41", "%4", "?", "#", "[", "]", "::", "ffff", "1.2.3.4", "256.0.0.1", "@",
          "v1.", "é", " ", "-", "~", "!", "|", "\\", ".", "..",
          "8080", "0:0:0:0:0:0:0:0", "g", "")  # fmt: skip


def test_uris():
    maker = random.Random(4)
    taken = 0
    for _ in range(6000):
        text = "".join(maker.choices(PIECES, k=maker.randint(1, 9)))
        if maker.random() < 0.5:
            text = f"http:{text}"
        elif maker.random() < 0.6:
            text = f"http://[{text}]{maker.choice(('', '/', ':1', 'x'))}"
        assert is_uri(text) == THEIRS.conforms(text, "uri"), text
        taken += is_uri(text)
    assert taken > 300


@pytest.mark.parametrize("address", [
    "::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::3:4:5:6:7:8",
    "1:2:3:4:5:6:1.2.3.4",
    "::1.2.3.4", "1::1.2.3.4", "1:2:3:4:5::1.2.3.4", "1:2:3:4:5:6::8", "::0001.2.3.4",
    "1:2:3:4:5:6:7:8:9", "1::2::3", ":::", "1:2", "12345::", "1:2:3:4:5:6:7:1.2.3.4",
    "::1.2.3", "1:2:3:4:5:6::1.2.3.4", "v1.a", "vz.a", "v1.",
    "::01.2.3.4", "::g", "",
])  # fmt: skip
def test_addresses(address):
    assert is_uri(f"a://[{address}]") == THEIRS.conforms(f"a://[{address}]", "uri")


def test_times():
    maker = random.Random(5)
    taken = 0
    for _ in range(6000):
        date = f"{maker.choice((0, 1, 1900, 2000, 2025, 9999)):04}-{maker.randint(0, 13):02}-{maker.randint(0, 32):02}"
        clock = f"{maker.randint(0, 24):02}:{maker.randint(0, 60):02}:{maker.choice((0, 59, 60)):02}"
        zone = maker.choice(("Z", "z", "+00:00", "-23:59", "+24:00", "+01:60", "", "+0100", "+1:00", " Z"))
        text = f"{date}{maker.choice('TTTTTt _')}{clock}{maker.choice(('', '', '.1', '.', '.123456789', ',1'))}{zone}"
        try:
            ours = normal_time(text) is not None
        except OverflowError:
            ours = True
        assert ours == THEIRS.conforms(text, "date-time"), text
        taken += ours
    assert taken > 300

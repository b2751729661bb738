"""Results as a CI system sends them, made up: checkouts, their builds, their tests, of sizes as in production (kcidb.md
6.1). The same every time."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Fields = dict[str, Any]
Document = dict[str, Any]

BUILDS_PER_CHECKOUT = 10
TESTS_PER_BUILD = 10
EXCERPT_CHARS = 16_384
EXCERPTS = 205
"""Distinct excerpts; in production 4,572 of them were so many texts."""
STATUSES = ("PASS",) * 76 + ("SKIP",) * 17 + ("FAIL",) * 6 + ("MISS",)
SUITES = ("ltp", "kselftest", "kunit", "boot", "igt", "v4l2", "blktests", "rt-tests")


@dataclass(frozen=True, slots=True)
class Results:
    """So many checkouts with all that hangs from them. `excerpts` is the share of tests that bring one."""

    checkouts: int
    excerpts: float = 0.0

    @property
    def objects(self) -> int:
        return self.checkouts * (1 + BUILDS_PER_CHECKOUT * (1 + TESTS_PER_BUILD))

    def submissions(self) -> Iterator[Document]:
        """Each checkout, then each of its builds with its tests: some ten objects each."""
        for n in range(self.checkouts):
            yield document(checkouts=[self.checkout(n)])
            for b in range(BUILDS_PER_CHECKOUT):
                yield document(builds=[self.build(n, b)], tests=[self.test(n, b, t) for t in range(TESTS_PER_BUILD)])

    def singles(self) -> Iterator[Document]:
        """Each object by itself."""
        for whole in self.submissions():
            for kind, objects in whole.items():
                if kind != "version":
                    for fields in objects:
                        yield document(**{kind: [fields]})

    def checkout(self, n: int) -> Fields:
        return {
            "id": f"bench:c{n}", "origin": "bench", "tree_name": "mainline",
            "git_repository_url": "https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git",
            "git_repository_branch": "master", "git_commit_hash": hashlib.sha1(b"%d" % n).hexdigest(),
            "git_commit_name": f"v6.16-rc{n % 8}-{n}-g{n:012x}", "patchset_hash": "", "valid": True,
            "start_time": started(n, 0),
            "misc": {"submitted_by": "bench", "number": n},
        }  # fmt: skip

    def build(self, n: int, b: int) -> Fields:
        url = f"https://files.example.org/bench/{n}/{b}"
        return {
            "id": f"bench:b{n}-{b}", "checkout_id": f"bench:c{n}", "origin": "bench", "architecture": "arm64",
            "compiler": "gcc-12", "config_name": f"defconfig+{b}", "status": "PASS", "duration": 300.5 + b,
            "start_time": started(n, b * 60), "log_url": f"{url}/build.log.gz",
            "config_url": f"{url}/config", "comment": f"v6.16-rc{n % 8}-{n}-g{n:012x}",
            "output_files": [
                {"name": name, "url": f"{url}/{name}"} for name in ("kernel", "modules", "dtbs", "metadata", "build_sh")
            ],
            "misc": {
                "platform": "kubernetes", "runtime": "k8s-all", "job_id": f"job-{n}-{b}", "kernel_type": "image",
                "job_context": "gke_android-kernelci", "maestro_viewer": f"https://viewer.example.org/?node_id={n}{b}",
            },
        }  # fmt: skip

    def test(self, n: int, b: int, t: int) -> Fields:
        chance = random.Random(f"{n}/{b}/{t}")
        number = n * 100 + b * 10 + t
        fields: Fields = {
            "id": f"bench:t{n}-{b}-{t}", "build_id": f"bench:b{n}-{b}", "origin": "bench",
            "path": f"{SUITES[t % len(SUITES)]}.case_{t}_{number % 97}", "status": chance.choice(STATUSES),
            "start_time": started(n, b * 60 + t * 6 + chance.randrange(600)), "duration": number % 900,
            "comment": f"case_{t} on bcm2711-rpi-4-b in lava-lab",
            "log_url": f"https://files.example.org/bench/{n}/{b}/{t}/log.txt.gz",
            "environment": {
                "comment": "Runtime: lava-lab", "compatible": ["raspberrypi,4-model-b", "brcm,bcm2711"],
                "misc": {"platform": "bcm2711-rpi-4-b", "job_id": number, "job_url": f"https://lava.example.org/{number}"},
            },
            "misc": {
                "test_source": "https://git.example.org/tests.git", "test_revision": f"{number:040x}", "arch": "arm64",
                "compiler": "gcc-12", "kernel_type": "image", "runtime": "lava-lab",
            },
        }  # fmt: skip
        if chance.random() < self.excerpts:
            fields["log_excerpt"] = excerpt(number % EXCERPTS)
        return fields


def started(n: int, seconds: int) -> str:
    """An instant of the nth checkout, one of which comes every ten minutes."""
    return (_EPOCH + timedelta(minutes=10 * n, seconds=seconds)).isoformat(timespec="microseconds")


_EPOCH = datetime(2025, 7, 1, 12, 10, 19, 512_000, UTC)


def document(**lists: list[Fields]) -> Document:
    return {"version": {"major": 5, "minor": 3}, **lists}


_TEXTS: dict[int, str] = {}


def excerpt(n: int) -> str:
    """One of the distinct tails of a log: words and figures, which pack as logs do."""
    if n not in _TEXTS:
        chance = random.Random(n)
        words = ("kernel", "usb", "eth0", "link", "up", "probe", "failed", "with", "error", "irq", "timeout", "mmc0")
        lines, size = [], 0
        while size < EXCERPT_CHARS:
            line = f"[{chance.random() * 1000:12.6f}] {' '.join(chance.choices(words, k=7))} {chance.random():.6f}"
            lines.append(line)
            size += len(line) + 1
        _TEXTS[n] = "\n".join(lines)[-EXCERPT_CHARS:]
    return _TEXTS[n]

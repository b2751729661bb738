"""Reports for tests: documents merged into a store as submissions are, without their records; and a checkout of the
size that is usual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib.domain.report.report import COLLECTION, KINDS, absorb, key_of, lift
from lib.store.port import Store, Tx

AT = "2024-02-01T09:00:00.000000Z"
EXCERPT = "[    0.000000] Linux version 6.16.0 (gcc 13.2.0)\n" * 200
Document = Mapping[str, Any]


def keep(store: Store, document: Document, source: str = "s1", at: str = AT) -> None:
    """Merge the objects of a document, which are in normal form, as the submission `source` received at that time."""

    def work(tx: Tx) -> None:
        writes = []
        for kind in KINDS:
            for fields in document.get(kind, ()):
                key = key_of(kind, fields)
                doc = tx.load(COLLECTION[kind], key.store_key)
                lifted, text = lift(fields)
                digest = lifted["log_excerpt"]["sha256"] if text is not None else ""
                is_new = text is not None and tx.load("excerpt", digest) is None
                body = absorb(kind, None if doc is None else doc.body, lifted, source, at)
                writes.append((kind, key, doc, {**body, "changed_at": at}, digest if is_new else None, text))
        seen = set()
        for kind, key, doc, body, digest, text in writes:
            if "lost" in body:
                body["conflicted"] = body["object"]["origin"]
            (tx.create if doc is None else tx.save)(COLLECTION[kind], key.store_key, body)
            if digest is not None and digest not in seen:
                seen.add(digest)
                tx.create("excerpt", digest, {"text": text})

    store.transact(work)


def document(**lists: Any) -> dict[str, Any]:
    """A document of the newest schema."""
    return {"version": {"major": 5, "minor": 3}, **lists}


def checkout(n: int = 1, builds: int = 10, tests: int = 10, origin: str = "maestro") -> dict[str, Any]:
    """A checkout, its builds and their tests; the first of each build's failed, has a log excerpt and an incident."""
    id, issue = f"{origin}:c{n}", {"id": f"{origin}:i{n}", "version": 1, "origin": origin, "comment": "it hangs"}
    made = document(checkouts=[_checkout(id, origin, n)], builds=[], tests=[], issues=[issue], incidents=[])
    for b in range(builds):
        made["builds"].append(_build(f"{id}-b{b}", origin, id))
        made["tests"] += [_test(f"{id}-b{b}", origin, t) for t in range(tests)]
        made["incidents"].append(
            {"id": f"{id}-b{b}-n", "origin": origin, "issue_id": issue["id"], "issue_version": 1,
             "test_id": f"{id}-b{b}-t0", "present": True}
        )  # fmt: skip
    return made


def _checkout(id: str, origin: str, n: int) -> dict[str, Any]:
    return {
        "id": id, "origin": origin, "tree_name": "mainline", "git_commit_hash": f"{n:040x}", "patchset_hash": "",
        "git_repository_url": "https://git.kernel.org/linux.git", "git_repository_branch": "master",
        "start_time": f"{AT[:-1]}+00:00",
    }  # fmt: skip


def _build(id: str, origin: str, checkout: str) -> dict[str, Any]:
    return {
        "id": id, "origin": origin, "checkout_id": checkout, "architecture": "arm64", "compiler": "gcc-12",
        "config_name": "defconfig", "status": "PASS", "duration": 600, "misc": {"platform": "kubernetes"},
    }  # fmt: skip


def _test(build: str, origin: str, t: int) -> dict[str, Any]:
    failed = {"status": "FAIL", "log_excerpt": f"{EXCERPT}{build}"}
    return {
        "id": f"{build}-t{t}", "origin": origin, "build_id": build, "path": f"ltp.case{t}", "status": "PASS",
        "environment": {"compatible": ["raspberrypi,4-model-b", "brcm,bcm2711"], "misc": {"platform": "rpi4"}},
        "misc": {"runtime": "lava-lab", "maestro_viewer": f"https://viewer.example.org/?node_id={t}"},
        "output_files": [{"name": "log", "url": f"https://files.example.org/{build}/{t}/log.txt"}],
        **({} if t else failed),
    }  # fmt: skip

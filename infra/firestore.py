"""Firestore: the database, its composite indexes, exemptions, expiry policies, and its rules.

The indexes come from the store's own table (`lib/store/indexes.py`), in Firestore's form (`lib.store.firestore.index`).
`firestore.indexes.json` holds the same, for users of Firebase's tools.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from infra.name import DATABASE
from infra.parameter import Parameters
from infra.step import Command, Do, Ensure, Heading, Look, Step, gcloud
from lib.store.firestore.index import firestore_indexes

Entry = Mapping[str, Any]
_DATABASE = f"--database={DATABASE}"
GROUPS = "projects/*/databases/*/collectionGroups"


def steps(p: Parameters) -> Iterator[Step]:
    declared = firestore_indexes()
    yield Heading("Firestore", "the database cannot be deleted by mistake; its indexes are built for some minutes")
    yield Look("databases", ("firestore", "databases", "list"))
    yield _database(p)
    yield Look("indexes", ("firestore", "indexes", "composite", "list", _DATABASE))
    for index in declared["indexes"]:
        yield _composite(index)
    overrides = declared.get("fieldOverrides", [])
    if any("indexes" in override for override in overrides):
        yield Look("fields", ("firestore", "indexes", "fields", "list", _DATABASE))
        yield from (_single(override) for override in overrides if "indexes" in override)
    if any(override.get("ttl") for override in overrides):
        yield Look("ttls", ("firestore", "fields", "ttls", "list", _DATABASE))
        yield from (_expiry(override) for override in overrides if override.get("ttl"))
    run = ("<PYTHON>", "-m", "infra.rules", p.project)
    yield Do("rules", Command(run, feed=("gcloud", "auth", "print-access-token")))


def _database(p: Parameters) -> Ensure:
    may_change = ("--delete-protection", "--enable-pitr" if p.has_recovery else "--no-enable-pitr")
    place = (f"--location={p.location}", "--type=firestore-native")
    recovery = f"POINT_IN_TIME_RECOVERY_{'ENABLED' if p.has_recovery else 'DISABLED'}"
    return Ensure(
        f"database {DATABASE}", "databases", {"name": f"projects/*/databases/{DATABASE}"},
        create=(gcloud("firestore", "databases", "create", _DATABASE, *place, *may_change),),
        wanted={"deleteProtectionState": "DELETE_PROTECTION_ENABLED", "pointInTimeRecoveryEnablement": recovery},
        update=(gcloud("firestore", "databases", "update", _DATABASE, *may_change),),
        fixed={"type": "FIRESTORE_NATIVE", "locationId": p.location},
    )  # fmt: skip


def _composite(index: Entry) -> Ensure:
    group, fields = index["collectionGroup"], index["fields"]
    # Firestore ends every index with the name of the document, in the direction of the field before it.
    last = next((f["order"] for f in reversed(fields) if "order" in f), "ASCENDING")
    shown = fields if fields[-1]["fieldPath"] == "__name__" else [*fields, {"fieldPath": "__name__", "order": last}]
    where = {"name": f"{GROUPS}/{group}/indexes/*", "queryScope": index["queryScope"], "fields": shown}
    config = [f"--field-config=field-path={f['fieldPath']},{_direction(f)}" for f in fields]
    words = ("firestore", "indexes", "composite", "create", _DATABASE, f"--collection-group={group}")
    scope = f"--query-scope={index['queryScope'].lower().replace('_', '-')}"
    title = ", ".join(f"{f['fieldPath']} {_direction(f).partition('=')[2]}" for f in fields)
    return Ensure(f"index {group} ({title})", "indexes", where, create=(gcloud(*words, scope, *config, "--async"),))


def _direction(field: Entry) -> str:
    return f"order={field['order'].lower()}" if "order" in field else f"array-config={field['arrayConfig'].lower()}"


def _single(override: Entry) -> Ensure:
    """The single-field indexes of a field: the declared ones, usually none."""
    group, field = override["collectionGroup"], override["fieldPath"]
    words = ("firestore", "indexes", "fields", "update", field, _DATABASE, f"--collection-group={group}")
    kept = [f"--index={_direction(index)}" for index in override["indexes"]] or ["--disable-indexes"]
    wanted = [
        {"fields": [{key: index[key] for key in ("order", "arrayConfig") if key in index}]}
        for index in override["indexes"]
    ]
    command = (gcloud(*words, *kept, "--async"),)
    return Ensure(
        f"{'index' if wanted else 'no index'} of {group}.{field} alone", "fields", _field(group, field),
        create=command, wanted={"indexConfig": {"indexes": wanted}}, update=command,
    )  # fmt: skip


def _expiry(override: Entry) -> Ensure:
    group, field = override["collectionGroup"], override["fieldPath"]
    words = ("firestore", "fields", "ttls", "update", field, _DATABASE, f"--collection-group={group}")
    command = (gcloud(*words, "--enable-ttl", "--async"),)
    where = {**_field(group, field), "ttlConfig": {"state": "*"}}
    return Ensure(f"documents of {group} expire at {field}", "ttls", where, create=command)


def _field(group: str, field: str) -> dict[str, str]:
    return {"name": f"{GROUPS}/{group}/fields/{field.replace('*', '[*]')}"}

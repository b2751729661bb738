"""The declared collections, fields and indexes: the only table from which columns, indexes and the check of scans are
made.

The SQLite columns and indexes and the Firestore index file come from this table. Fields are in order of selectivity,
the most selective first: a backend that uses one index per query picks the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from lib.store.collection import Collection, Field, FieldType, Shape, Ttl


def _each(fields: Iterable[str], order: tuple[str, ...]) -> tuple[Shape, ...]:
    return tuple(Shape((f,), order) for f in fields)


_T, _I, _B, _AT, _TS = FieldType.TEXT, FieldType.INT, FieldType.BOOL, FieldType.INSTANT, FieldType.TEXTS
_RECEIVED = ("received_at",)

# The fields that real clients filter nodes by (kernelci.md 10), and the derived fields.
_NODE_EQUAL = (
    "parent", "ancestors", "treeid", "commit", "artifact_urls", "group", "name", "path", "branch", "tree",
    "platform", "runtime", "submitter", "owner", "retry_counter", "pending", "state", "result", "kind",
    "processed_by_kcidb_bridge",
)  # fmt: skip

# Equalities of lists that are read newest first. Other equalities are checked on the documents.
_NODE_NEWEST = ("parent", "treeid", "commit", "group", "name", "tree", "runtime", "owner", "state", "result", "kind")

NODE = Collection(
    "node",
    fields=(
        Field("parent", _T),
        Field("ancestors", _TS),
        Field("treeid", _T),
        Field("commit", _T, "data.kernel_revision.commit"),
        Field("artifact_urls", _TS, "artifacts.*"),
        Field("due_at", _AT),
        Field("holdoff", _AT),
        Field("group", _T),
        Field("name", _T),
        Field("path", _TS),
        Field("branch", _T, "data.kernel_revision.branch"),
        Field("tree", _T, "data.kernel_revision.tree"),
        Field("platform", _T, "data.platform"),
        Field("runtime", _T, "data.runtime"),
        Field("submitter", _T),
        Field("owner", _T),
        Field("retry_counter", _I),
        Field("pending", _B),
        Field("state", _T),
        Field("result", _T),
        Field("kind", _T),
        Field("processed_by_kcidb_bridge", _B),
        Field("created", _AT),
        Field("updated", _AT),
        Field("timeout", _AT),
        Field("received_at", _AT),
    ),
    shapes=(
        *_each(_NODE_EQUAL, _RECEIVED),
        # Newest first.
        *_each(_NODE_NEWEST, ("-received_at",)),
        # kci-dev, the scheduler and the bridge bound `created`. Only their queries are frequent enough for an index.
        *(Shape(equal, ("received_at", "created")) for equal in ((), ("kind",), ("name",), ("tree",), ("state",))),
        # The legacy timeout service: state=…&timeout__lt=…, state=available&holdoff__lt=…
        Shape(("state",), ("received_at", "timeout")),
        Shape(("state",), ("received_at", "holdoff")),
        # Is any descendant pending? One subtree; children by state.
        Shape(("ancestors", "pending"), _RECEIVED),
        # The sweep.
        Shape((), ("due_at",)),
    ),
    # Dashboards and pages of lists read the totals of these, again after every write.
    tallied=("kind", "state", "result", "tree", "branch"),
)

USER = Collection(
    "user",
    fields=(
        Field("username", _T),
        Field("email_folded", _T),
        Field("email", _T),
        Field("group_names", _TS),
        Field("is_active", _B),
        Field("is_superuser", _B),
        Field("is_verified", _B),
        Field("received_at", _AT),
    ),
    shapes=_each(
        ("username", "email_folded", "email", "group_names", "is_active", "is_superuser", "is_verified"), _RECEIVED
    ),
)

GROUP = Collection("group", fields=(Field("name", _T), Field("received_at", _AT)), shapes=_each(("name",), _RECEIVED))

TOKEN = Collection(
    "token",
    fields=(Field("user", _T, "user_id"), Field("created_at", _AT), Field("expires_at", _AT)),
    shapes=_each(("user",), ("created_at",)),
    ttl=Ttl("expires_at", timedelta(days=30)),  # so long a list shows that a token has expired
)

UNIQUE = Collection("unique", fields=())
"""Names that must be unique: the key is `<noun>:<value>`, the body names the holder. A `create` that fails reports a
conflict."""

SUBSCRIPTION = Collection(
    "subscription",
    fields=(Field("user", _T), Field("channel", _T), Field("last_poll_at", _AT), Field("received_at", _AT)),
    shapes=_each(("user", "channel"), _RECEIVED),
)

COUNTER = Collection("counter", fields=())

# Only `tx.append` writes events; the log sets `channel`, `seq` and `at`. Filters on the data are checked on the events
# themselves: a reader continues from its position and reads only the events since.
EVENT = Collection(
    "event",
    fields=(
        Field("node_id", _T, "data.id"),
        Field("channel", _T),
        Field("at", _AT),
        Field("seq", _I),
    ),
    shapes=(
        Shape(("channel",), ("seq",)),
        Shape(("channel",), ("seq", "at")),
        Shape(("node_id",), ("seq",)),
        Shape(("node_id",), ("seq", "at")),
        # The newest event of a channel, and of all channels.
        Shape(("channel",), ("-seq",)),
    ),
    ttl=Ttl("at", timedelta(days=7)),  # kernelci.md 9, EVENT_HISTORY_TTL_SECONDS
)

OUTBOX = Collection("outbox", fields=(Field("at", _AT),))

IDEMPOTENCY = Collection("idempotency", fields=(Field("expires_at", _AT),), ttl=Ttl("expires_at", timedelta(0)))

# Items of the lists of `push` and `pop`. A popped item is leased until its response was sent.
ITEM = Collection(
    "item",
    fields=(Field("list", _T), Field("leased_until", _AT), Field("received_at", _AT)),
    shapes=(Shape(("list",), ("received_at", "leased_until")), *_each(("list",), _RECEIVED)),
    ttl=Ttl("received_at", timedelta(days=30)),  # a list without a reader must not grow for ever
)

# A hierarchy that was accepted and is not stored completely yet, under the id of its root. `line` holds the ids from
# the tree's root down to that node. Its parts hold the nodes.
MANIFEST = Collection("manifest", fields=(Field("line", _TS), Field("at", _AT)), shapes=_each(("line",), ("at",)))
MANIFEST_PART = Collection("manifest_part", fields=(Field("expires_at", _AT),), ttl=Ttl("expires_at", timedelta(0)))

# Nodes that are still to be projected (`lib/domain/event/backlog.py`).
BACKLOG = Collection("backlog", fields=(Field("at", _AT),))

# Read by their key alone.
KV = Collection("kv", fields=())

# Pages, statistics and retention scan along `ts`. Other filters are checked on the documents.
TELEMETRY = Collection(
    "telemetry",
    fields=(
        Field("job_name", _T),
        Field("device_type", _T),
        Field("runtime", _T),
        Field("kind", _T),
        Field("is_infra_error", _B),
        Field("ts", _AT),
    ),
    shapes=_each(("job_name", "device_type", "runtime", "kind", "is_infra_error"), ("ts",)),
    ttl=Ttl("ts", timedelta(days=14)),  # kernelci.md 9, TELEMETRY_TTL_SECONDS
)

# Submissions of KCIDB, by the digest of their JSON. The text is in the body, or in parts under `<id>-<n>`.
SUBMISSION = Collection(
    "submission",
    fields=(Field("origins", _TS), Field("state", _T), Field("received_at", _AT)),
    shapes=(
        *_each(("origins", "state"), _RECEIVED),
        Shape(("origins", "state"), ("-received_at",)),
        *_each(("origins", "state"), ("-received_at",)),
    ),
)
SUBMISSION_PART = Collection("submission_part", fields=())

# Revoked tokens of submitters, by the digest of their name.
REVOCATION = Collection("revocation", fields=())

# Log excerpts by the digest of their JSON: every test of a job may send the same sixteen kilobytes.
EXCERPT = Collection("excerpt", fields=())

# Readiness (kcidb.md 4.4): watches, the purposes that operators defined, and the follower's position in the log.
WATCH = Collection("kcidb_watch", fields=(Field("user", _T, "user_id"), Field("purpose", _T)))
PURPOSE = Collection("kcidb_purpose", fields=())
CURSOR = Collection("cursor", fields=())
# Notifications of a watch about an object. After this age an object that changes may be notified again.
FIRED = Collection(
    "kcidb_fired",
    fields=(Field("object", _T), Field("watch", _T), Field("fired_at", _AT)),
    ttl=Ttl("fired_at", timedelta(days=180)),
)
# Scheduled checks; waiting deliveries, and deliveries that were given up.
DUE = Collection("kcidb_due", fields=(Field("watch", _T), Field("due_at", _AT)))
DELIVERY = Collection(
    "kcidb_delivery",
    fields=(Field("watch", _T), Field("state", _T), Field("due_at", _AT), Field("expires_at", _AT)),
    shapes=(Shape(("watch",), ("due_at",)),),
    ttl=Ttl("expires_at", timedelta(0)),
)

_CHANGED = ("changed_at",)


def _report(kind: str, fields: tuple[Field, ...] = (), shapes: tuple[Shape, ...] = ()) -> Collection:
    """A kind of merged objects of KCIDB (`lib/domain/report/report.py`). Exports scan along `changed_at`."""
    shared = (
        Field("conflicted", _T), Field("origin", _T, "object.origin"), Field("changed_at", _AT),
        Field("alone", _B, "node.alone", is_coarse=True),
    )  # fmt: skip
    every = _each(("origin", "conflicted"), _CHANGED)
    return Collection(f"kcidb_{kind}", fields=(*fields, *shared), shapes=(*shapes, *every))


def _object(name: str, type: FieldType = _T, path: str = "") -> Field:
    return Field(name, type, f"object.{path or name}")


_STARTED, _NEWEST = ("start_time",), ("-start_time",)

CHECKOUT = _report(
    "checkout",
    (
        _object("git_commit_hash"), _object("git_repository_url"), _object("git_repository_branch"),
        _object("tree_name"), _object("start_time"),
    ),
    (
        *_each(("git_commit_hash", "git_repository_url", "git_repository_branch", "tree_name", "origin"), _STARTED),
        *_each(("git_commit_hash", "git_repository_url", "git_repository_branch", "tree_name", "origin"), _NEWEST),
    ),
)  # fmt: skip
BUILD = _report("build", (_object("checkout_id"),))
TEST = _report(
    "test",
    (
        _object("build_id"), _object("compatible", _TS, "environment.compatible"), _object("path"),
        _object("platform", _T, "environment.misc.platform"), _object("start_time"),
    ),
    (*_each(("compatible", "path", "platform", "origin"), _STARTED), *_each(("path", "platform"), _NEWEST)),
)  # fmt: skip
# The newest version of an issue; the incidents of one version.
ISSUE = _report(
    "issue", (_object("issue_id", path="id"), _object("version", _I)), (Shape(("issue_id",), ("-version",)),)
)
INCIDENT = _report(
    "incident",
    (
        _object("test_id"), _object("build_id"), _object("issue_id"), _object("issue_version", _I),
        Field("first_received", _AT),
    ),
    # The first and the last incident of an issue.
    (Shape(("issue_id",), ("first_received",)), Shape(("issue_id",), ("-first_received",))),
)  # fmt: skip

COLLECTIONS: Mapping[str, Collection] = {
    c.name: c
    for c in (
        NODE, USER, GROUP, TOKEN, UNIQUE, SUBSCRIPTION, COUNTER, EVENT, OUTBOX, IDEMPOTENCY, ITEM, MANIFEST,
        MANIFEST_PART, KV, BACKLOG, TELEMETRY, SUBMISSION, SUBMISSION_PART, REVOCATION, EXCERPT, CHECKOUT, BUILD, TEST,
        ISSUE, INCIDENT,
        WATCH, PURPOSE, CURSOR, FIRED, DUE, DELIVERY,
    )
}  # fmt: skip

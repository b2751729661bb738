"""KernelCI codec of events: subscriptions, the messages of a poll, and the log as /events shows it, as pages and as a
stream (kernelci.md 2.5 and 5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from lib.clock import read_instant, stamp
from lib.dialects.kernelci.codec import Wire, encode_doc, keys_of, naive
from lib.dialects.kernelci.codec_query import Fields, WireField, WireType, decode_count, decode_filters
from lib.domain.event.event import BEEP, NODE_CHANNEL, TYPE_DEFAULT, envelope
from lib.domain.event.subscription import FILTERS, Subscription
from lib.domain.query.pattern import regex
from lib.domain.query.query import Filter, Query
from lib.errors import Invalid
from schemas.kernelci.event import SubscriptionRead

if TYPE_CHECKING:
    from lib.store.port import Doc, Event

EVENTS_LIMIT_DEFAULT = 1000
"""Events of a reply to a request that names no limit; the oldest that match."""
EVENTS_LIMIT_MAX = 10_000
RECURSIVE_LIMIT_MAX = 1000
"""Largest limit of a request that wants the nodes along (kernelci.md 2.5)."""
EVENT_IDS_MAX = 1000
WANTED_CHARS_MAX = 200
"""Longest value that a subscription may ask an event to have."""

_DATA_FIELDS = ("kind", "state", "result", "op", "name", "group", "owner")

EVENT_FIELDS = Fields(
    {
        **{name: WireField(f"data.{name}", WireType.TEXT) for name in _DATA_FIELDS},
        "node_id": WireField("data.id", WireType.TEXT),
        "channel": WireField("channel", WireType.TEXT),
        "sequence_id": WireField("seq", WireType.INT),
        "timestamp": WireField("at", WireType.INSTANT),
        "type": WireField("type", WireType.TEXT),
        "source": WireField("source", WireType.TEXT),
        "data": WireField("data", WireType.OPEN),
        "attributes": WireField("attributes", WireType.OPEN),
    },
    cuts_instants=False,
)
_OWN_PARAMS = frozenset(
    ("id", "ids", "path", "from", "since", "after", "limit", "offset", "recursive")
)  # fmt: skip


class EventQuery(NamedTuple):
    """What /events asks for; `with_nodes`: each event with its node as it is now."""

    query: Query
    with_nodes: bool


def decode_event_query(given: Mapping[str, str]) -> EventQuery:
    """The query of /events. Raises Invalid (400) that names the parameter."""
    filters = [*decode_filters(given, EVENT_FIELDS, _OWN_PARAMS), *_own_filters(given)]
    if not any(f.path in ("channel", "id") for f in filters):
        filters.append(Filter("channel", "eq", NODE_CHANNEL))
    if "node_id" in given and "data.id" in given:
        raise Invalid("node_id", "give either node_id or data.id")
    limit = decode_count("limit", given.get("limit", "0"))
    offset = decode_count("offset", given.get("offset", "0"))
    with_nodes = bool(given.get("recursive"))
    if with_nodes and not 1 <= limit <= RECURSIVE_LIMIT_MAX:
        raise Invalid("recursive", f"needs a limit of 1 to {RECURSIVE_LIMIT_MAX}")
    if limit > EVENTS_LIMIT_MAX:
        raise Invalid("limit", f"at most {EVENTS_LIMIT_MAX}")
    return EventQuery(Query(tuple(filters), limit or EVENTS_LIMIT_DEFAULT, offset), with_nodes)


class FeedQuery(NamedTuple):
    """What /events/stream asks for; `after` None: what is told from now on."""

    channel: str
    after: int | None
    filters: tuple[Filter, ...]


_PAGE_ONLY = ("limit", "offset", "recursive")


def decode_feed_query(given: Mapping[str, str], last_event_id: str) -> FeedQuery:
    """The query of a stream: as that of /events. `last_event_id` is the header with which a client goes on."""
    for key in _PAGE_ONLY:
        if key in given:
            raise Invalid(key, "a stream has no end; /events has pages")
    channel, text = given.get("channel", NODE_CHANNEL), given.get("after", "")
    given = {key: value for key, value in given.items() if key not in ("channel", "after")}
    after = decode_count("Last-Event-ID", last_event_id) if last_event_id else decode_count("after", text or "0")
    filters = (*decode_filters(given, EVENT_FIELDS, _OWN_PARAMS), *_own_filters(given))
    return FeedQuery(channel, after if last_event_id or text else None, filters)


def decode_wanted(given: Mapping[str, str]) -> dict[str, str]:
    """What a subscription wants of an event's data. Other parameters are none of ours."""
    wanted = {key: value for key, value in given.items() if key in FILTERS}
    for key, value in wanted.items():
        if len(value) > WANTED_CHARS_MAX:
            raise Invalid(key, f"at most {WANTED_CHARS_MAX} characters")
    return wanted


SUBSCRIPTION_KEYS = keys_of(SubscriptionRead)


def encode_subscription(subscription: Subscription) -> Wire:
    """A subscription that was made."""
    return {key: getattr(subscription, key) for key in SUBSCRIPTION_KEYS}


def encode_subscription_stat(subscription: Subscription) -> Wire:
    """A live subscription as administrators see it (kernelci.md 2.5)."""
    polled = subscription.last_poll_at
    return {
        "id": subscription.id,
        "channel": subscription.channel,
        "user": subscription.user,
        "promiscuous": subscription.promiscuous,
        "created": naive(subscription.created_at),
        "last_poll": None if polled is None else naive(polled),
    }


def _own_filters(given: Mapping[str, str]) -> Iterable[Filter]:
    """The filters of the parameters that are no fields."""
    if "id" in given and "ids" in given:
        raise Invalid("ids", "give either id or ids")
    if "id" in given:
        yield Filter("id", "eq", _event_id("id", given["id"]))
    if "ids" in given:
        ids = tuple(_event_id("ids", part.strip()) for part in given["ids"].split(","))
        if len(ids) > EVENT_IDS_MAX:
            raise Invalid("ids", f"at most {EVENT_IDS_MAX}")
        yield Filter("id", "in", ids)
    if "path" in given:
        yield Filter("data.path", "re", regex(given["path"], "path"))
    for name in ("from", "since"):
        if name in given:
            yield Filter("at", "gt", _decode_moment(name, given[name]))
    if "after" in given:
        yield Filter("seq", "gt", decode_count("after", given["after"]))


def _event_id(name: str, text: str) -> str:
    if not 1 <= len(text) <= 64 or not text.replace("-", "").isalnum() or not text.isascii():
        raise Invalid(name, "not the id of an event")
    return text


def _decode_moment(name: str, text: str) -> str:
    """An ISO 8601 date, or seconds since 1970, as a canonical text."""
    try:
        if text.replace(".", "", 1).isdecimal() and text.isascii():
            return stamp(datetime.fromtimestamp(float(text), UTC))
        return stamp(read_instant(text))
    except (ValueError, OverflowError, OSError) as error:
        raise Invalid(name, "neither an ISO 8601 date nor seconds since 1970") from error


def encode_event(doc: Doc, nodes: Mapping[str, Doc] | None = None) -> Wire:
    """A logged event as an item of /events. `timestamp` keeps its microseconds, so `from` the last one loses none."""
    body = doc.body
    data = body["data"]
    item: Wire = {
        "timestamp": naive(body["at"]),
        "sequence_id": body["seq"],
        "channel": body["channel"],
        "owner": body["owner"],
        "data": data,
        "id": doc.key,
    }
    if nodes is not None:
        id = data.get("id") if isinstance(data, dict) else None
        node = nodes.get(id) if isinstance(id, str) else None
        item["node"] = None if node is None else encode_doc(node.body)
    return item


def encode_message(event: Event) -> Wire:
    """An event as a poll gives it: the CloudEvent is a JSON text inside (kernelci.md 5.3)."""
    return _message(event.channel, envelope(event))


def encode_beep(channel: str, source: str, id: str, now: datetime) -> Wire:
    """The message that only says the line is alive."""
    return _message(channel, beep(source, id, now))


def beep(source: str, id: str, now: datetime) -> Wire:
    """The CloudEvent that only says the line is alive; without an owner or a sequence id."""
    time = stamp(now)[:-1] + "+00:00"
    return {"specversion": "1.0", "id": id, "source": source, "type": TYPE_DEFAULT, "time": time, "data": BEEP}


def _message(channel: str, cloud_event: Mapping[str, Any]) -> Wire:
    return {"type": "message", "pattern": None, "channel": channel, "data": orjson.dumps(cloud_event).decode()}

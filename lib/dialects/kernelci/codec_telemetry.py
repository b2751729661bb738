"""KernelCI codec of telemetry: events, their filters, statistics and anomalies (kernelci.md 2.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, NamedTuple

from pydantic import Field as Rule
from pydantic import TypeAdapter, ValidationError

from lib.clock import read_instant, stamp_milliseconds
from lib.dialects.kernelci.codec import Wire, keys_of, naive
from lib.dialects.kernelci.codec_query import Fields, WireField, WireType, decode_filters
from lib.dialects.kernelci.listing import LISTING_KEYS
from lib.dialects.params import Params
from lib.dialects.wire import problem
from lib.domain.query.operator import Operator
from lib.domain.query.query import Filter
from lib.domain.service.telemetry import EVENTS_AT_ONCE_MAX, Anomalies, Group, GroupTally
from lib.errors import Invalid, Malformed, TooLarge
from schemas.kernelci.telemetry import TelemetryIn, TelemetryOut

EVENT_KEYS = keys_of(TelemetryOut)
_TEXTS = (
    "kind", "runtime", "device_type", "device_id", "job_name", "test_name", "job_id", "node_id", "tree", "branch",
    "arch", "result", "error_type", "error_msg",
)  # fmt: skip
TELEMETRY_FIELDS = Fields(
    {
        **{name: WireField(name, WireType.TEXT) for name in _TEXTS},
        "ts": WireField("ts", WireType.INSTANT),
        "is_infra_error": WireField("is_infra_error", WireType.BOOL),
        "retry": WireField("retry", WireType.INT),
        "extra": WireField("extra", WireType.OPEN),
    },
    has_null=False,
)
SPAN_KEYS = ("since", "until")
GROUP_FIELDS = (
    "runtime", "lab", "device_type", "device_id", "job_name", "tree", "branch", "arch", "kind", "error_type",
)  # fmt: skip
STAT_FIELDS = Fields(
    {
        name: WireField(name, WireType.TEXT)
        for name in ("kind", "runtime", "device_type", "device_id", "job_name", "tree", "branch", "arch")
    },
    has_null=False,
)
STAT_KEYS = ("group_by", "lab", *SPAN_KEYS)
WINDOWS: Mapping[str, timedelta] = {f"{n}h": timedelta(hours=n) for n in (1, 3, 6, 12, 24, 48)}
SCOPES = ("device_type", "device")

_INFRA = {"true": True, "false": False}


def decode_events(value: Any) -> list[dict[str, Any]]:
    """The events of a body. Raises Malformed (422) for what is no list, Invalid (400) for an event that is none."""
    if not isinstance(value, list):
        raise Malformed([problem("list_type", ["body"], "Input should be a valid list", value)])
    if len(value) > EVENTS_AT_ONCE_MAX:
        raise TooLarge(f"at most {EVENTS_AT_ONCE_MAX} events at a time")
    return [_decode_event(i, event) for i, event in enumerate(value)]


def _decode_event(index: int, value: Any) -> dict[str, Any]:
    try:
        return TelemetryIn.model_validate(value).__dict__
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, fault["loc"]))
        raise Invalid(f"[{index}]{'.' if place else ''}{place}", fault["msg"]) from error


def encode_event(body: Mapping[str, Any]) -> Wire:
    """A stored event as the wire's object."""
    return {**{key: body[key] for key in EVENT_KEYS}, "ts": naive(body["ts"])}


def decode_event_filters(given: Mapping[str, str]) -> tuple[Filter, ...]:
    """The filters of GET /telemetry."""
    if given.get("is_infra_error", "true").lower() not in _INFRA:
        raise Invalid("is_infra_error", "true or false")
    return (*decode_filters(given, TELEMETRY_FIELDS, (*LISTING_KEYS, *SPAN_KEYS)), *_span(given))


def _span(given: Mapping[str, str]) -> list[Filter]:
    """`since` and `until`, both inclusive."""
    found = []
    bounds: tuple[tuple[str, Operator], ...] = (("since", "gte"), ("until", "lte"))
    for key, op in bounds:
        if key in given:
            try:
                found.append(Filter("ts", op, stamp_milliseconds(read_instant(given[key]))))
            except (ValueError, OverflowError) as error:
                raise Invalid(key, "not an ISO 8601 date") from error
    return found


class StatQuery(NamedTuple):
    """What /telemetry/stats asks for: the wire's names of the groups' fields, and the filters."""

    names: tuple[str, ...]
    filters: tuple[Filter, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of the events that these names stand for."""
        return tuple("runtime" if name == "lab" else name for name in self.names)


def decode_stat_query(given: Mapping[str, str]) -> StatQuery:
    """Raises Malformed (422) without `group_by`, Invalid (400) for what cannot be grouped or filtered by."""
    if "group_by" not in given:
        raise Malformed([problem("missing", ["query", "group_by"], "Field required", None)])
    names = tuple(dict.fromkeys(name.strip() for name in given["group_by"].split(",", len(GROUP_FIELDS) * 2)))
    for name in names:
        if name not in GROUP_FIELDS:
            raise Invalid("group_by", f"a comma list of {', '.join(GROUP_FIELDS)}")
    lab = given.get("lab")
    if lab is not None and given.get("runtime", lab) != lab:
        raise Invalid("lab", "is another word for runtime: give one of them")
    given = given if lab is None else {**given, "runtime": lab}
    return StatQuery(names, (*decode_filters(given, STAT_FIELDS, STAT_KEYS), *_span(given)))


def encode_stat(names: Sequence[str], group: Group, tally: GroupTally) -> Wire:
    """One group of a statistic."""
    return {**dict(zip(names, group, strict=True)), **_encode_counts(tally)}


def _encode_counts(tally: GroupTally) -> Wire:
    return {"total": tally.total, **tally.outcomes, "infra_error": tally.infra_error}


_THRESHOLD: TypeAdapter[float] = TypeAdapter(Annotated[float, Rule(ge=0, le=1)])
_MIN_TOTAL: TypeAdapter[int] = TypeAdapter(Annotated[int, Rule(ge=1, le=1_000_000)])


class AnomalyQuery(NamedTuple):
    """What /telemetry/anomalies asks for."""

    window: str
    threshold: float
    min_total: int
    scope: str


def decode_anomaly_query(params: Params) -> AnomalyQuery:
    """Raises Invalid (400) for an unknown window or scope, Malformed (422) for a number out of its range."""
    window, scope = params.given.get("window", "6h"), params.given.get("scope", SCOPES[0])
    if window not in WINDOWS:
        raise Invalid("window", f"one of {', '.join(WINDOWS)}")
    if scope not in SCOPES:
        raise Invalid("scope", f"one of {', '.join(SCOPES)}")
    threshold, min_total = params.value("threshold", _THRESHOLD, 0.5), params.value("min_total", _MIN_TOTAL, 3)
    return AnomalyQuery(window, threshold, min_total, scope)


def encode_anomalies(query: AnomalyQuery, since: str, found: Anomalies) -> Wire:
    """The reply of /telemetry/anomalies; `since` is a canonical instant."""
    return {
        **query._asdict(),
        "since": naive(since),
        "result_anomalies": [_encode_result(group, tally) for group, tally in found.results],
        "error_anomalies": [
            {"runtime": group[0], "error_type": group[1], "count": tally.total} for group, tally in found.errors
        ],
    }


def _encode_result(group: Group, tally: GroupTally) -> Wire:
    runtime, device_type, *device = group
    return {
        "runtime": runtime,
        "lab": runtime,
        "device_type": device_type,
        **({"device_id": device[0]} if device else {}),
        "total": tally.total,
        **tally.outcomes,
        "infra_error": tally.infra_error,
        "infra_rate": round(tally.infra_rate, 3),
        "fail_rate": round(tally.fail_rate, 3),
        "constant_failure": tally.failed == tally.total,
        "constant_infra_failure": tally.infra_error == tally.total,
        "last_seen": naive(tally.last["ts"]),
        "latest_error_type": tally.last_error.get("error_type"),
        "latest_error_msg": tally.last_error.get("error_msg"),
    }

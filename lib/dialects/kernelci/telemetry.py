"""KernelCI handlers of telemetry (kernelci.md 2.6)."""

from __future__ import annotations

from lib.clock import stamp_milliseconds
from lib.dialects.kernelci.codec_telemetry import (
    GROUP_FIELDS,
    WINDOWS,
    decode_anomaly_query,
    decode_event_filters,
    decode_events,
    decode_stat_query,
    encode_anomalies,
    encode_event,
    encode_stat,
)
from lib.dialects.kernelci.listing import LISTING_KEYS, reply_listing
from lib.dialects.params import Params
from lib.dialects.wire import Access, Reply, Request, Route, decode_json, reply_json
from lib.domain.hub import Hub
from schemas.kernelci.telemetry import AnomaliesRead, Inserted, TelemetryIn, TelemetryPage, TelemetryStat


def add(request: Request, hub: Hub) -> Reply:
    """POST /telemetry"""
    return reply_json({"inserted": hub.telemetry.add(decode_events(decode_json(request)), request.now)})


def find(request: Request, hub: Hub) -> Reply:
    """GET /telemetry"""
    params = Params(request)
    filters = decode_event_filters(params.given)
    return reply_listing(params, filters, hub.telemetry.find, hub.telemetry.count, encode_event)


def tally(request: Request, hub: Hub) -> Reply:
    """GET /telemetry/stats"""
    asked = decode_stat_query(Params(request).given)
    return reply_json([encode_stat(asked.names, *pair) for pair in hub.telemetry.tally(asked.fields, asked.filters)])


def find_anomalies(request: Request, hub: Hub) -> Reply:
    """GET /telemetry/anomalies"""
    asked = decode_anomaly_query(Params(request))
    since = request.now - WINDOWS[asked.window]
    found = hub.telemetry.anomalies(since, asked.threshold, asked.min_total, by_device=asked.scope == "device")
    return reply_json(encode_anomalies(asked, stamp_milliseconds(since), found))


ROUTES = (
    Route(
        "POST", "/telemetry", add, "pubsub", Access.USER, takes=list[TelemetryIn], gives=Inserted,
        summary="Tell what happened to jobs, in labs, on devices",
    ),
    Route(
        "GET", "/telemetry", find, "query", gives=TelemetryPage,
        params=(*LISTING_KEYS, "since", "until", "<field>", "<field>__<operator>"), summary="Find telemetry",
    ),
    Route(
        "GET", "/telemetry/stats", tally, "query", gives=list[TelemetryStat],
        params=("group_by", "since", "until", *(f for f in GROUP_FIELDS if f != "error_type")),
        summary="Count telemetry by fields",
    ),
    Route(
        "GET", "/telemetry/anomalies", find_anomalies, "query", gives=AnomaliesRead,
        params=("window", "threshold", "min_total", "scope"), summary="What fails too often, of late",
    ),
)  # fmt: skip

"""KernelCI wire models of telemetry (kernelci.md 2.6 and 4.3)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from schemas.kernelci.body import INT_MAX, Instant

Word = Annotated[str, StringConstraints(max_length=500)]
Text = Annotated[str, StringConstraints(max_length=100_000)]


class TelemetryIn(BaseModel):
    """An event of a job, in a lab, on a device. `ts` defaults to now. Unknown keys are ignored."""

    ts: Instant | None = None
    kind: Annotated[Word, StringConstraints(min_length=1)]
    runtime: Annotated[Word, StringConstraints(min_length=1)]
    device_type: Word | None = None
    device_id: Word | None = None
    job_name: Word | None = None
    test_name: Word | None = None
    job_id: Word | None = None
    node_id: Word | None = None
    tree: Word | None = None
    branch: Word | None = None
    arch: Word | None = None
    result: Word | None = None
    is_infra_error: bool = False
    error_type: Word | None = None
    error_msg: Text | None = None
    retry: Annotated[int, Field(ge=-INT_MAX, le=INT_MAX)] = 0
    extra: dict[str, Any] = {}


class TelemetryOut(TelemetryIn):
    """An event as it is read. `ts` is naive UTC."""

    ts: datetime


class TelemetryPage(BaseModel):
    """A page of events, oldest first."""

    items: list[TelemetryOut]
    total: int
    limit: int
    offset: int


class Inserted(BaseModel):
    """The number of stored events."""

    inserted: int


class TelemetryStat(BaseModel):
    """The results of one group; only the requested grouping fields are present."""

    runtime: str | None = None
    lab: str | None = None
    device_type: str | None = None
    device_id: str | None = None
    job_name: str | None = None
    tree: str | None = None
    branch: str | None = None
    arch: str | None = None
    kind: str | None = None
    error_type: str | None = None
    total: int
    passed: int = Field(alias="pass")
    fail: int
    incomplete: int
    skip: int
    infra_error: int


class ResultAnomaly(BaseModel):
    """A device type (or a device) with a high rate of bad results. `device_id` is present when devices were
    requested."""

    runtime: str
    lab: str
    device_type: str | None
    device_id: str | None = None
    total: int
    passed: int = Field(alias="pass")
    fail: int
    incomplete: int
    skip: int
    infra_error: int
    infra_rate: float
    fail_rate: float
    constant_failure: bool
    constant_infra_failure: bool
    last_seen: datetime
    latest_error_type: str | None
    latest_error_msg: str | None


class ErrorAnomaly(BaseModel):
    """A frequent error."""

    runtime: str
    error_type: str | None
    count: int


class AnomaliesRead(BaseModel):
    """Recent anomalies."""

    window: str
    threshold: float
    min_total: int
    scope: str
    since: datetime
    result_anomalies: list[ResultAnomaly]
    error_anomalies: list[ErrorAnomaly]

"""A local stand-in of Cloud Scheduler (gRPC, v1), for tests: it keeps jobs and records which jobs a client ran.

It has no clock: nothing runs by itself, `run` only notes the job in `.runs`. App Engine targets are refused as
unsupported. Clients need a channel of their own, since `api_endpoint` alone insists on TLS:
`CloudSchedulerClient(transport=CloudSchedulerGrpcTransport(channel=grpc.insecure_channel(address)))`.
"""

from __future__ import annotations

import re
import threading
from typing import Any
from zoneinfo import ZoneInfo

from google.cloud import scheduler_v1
from google.protobuf import timestamp_pb2

from tests.emulators.rpc import Code, Method, Refused, Server, empty, page, replace

JOBS_PAGE_MAX = 500
DESCRIPTION_CHARS_MAX = 500
DEADLINES_S = {"http_target": (15, 1800), "pubsub_target": (0, 1800)}
BODY_METHODS = ("POST", "PUT", "PATCH")
UPDATABLE = ("description", "pubsub_target", "http_target", "schedule", "time_zone", "retry_config", "attempt_deadline")
JOB = re.compile(r"projects/[a-z0-9:.-]+/locations/[a-z0-9-]+/jobs/[A-Za-z0-9_-]{1,500}\Z")
LOCATION = re.compile(r"projects/[a-z0-9:.-]+/locations/[a-z0-9-]+\Z")
TOPIC = re.compile(r"projects/[a-z0-9:.-]+/topics/[A-Za-z][A-Za-z0-9._~+%-]{2,254}\Z")
CRON = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
"""The bounds of minute, hour, day of the month, month, day of the week."""
NAMES = re.compile(r"\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)\b", re.IGNORECASE)

Job = scheduler_v1.Job.pb()
State = scheduler_v1.Job.State


def start(port: int = 0) -> Scheduler:
    """A running stand-in; `.address` is where."""
    return Scheduler(port)


class Scheduler:
    """The jobs, and the server that shows them. `.runs` holds a copy of each job that a client ran."""

    def __init__(self, port: int = 0) -> None:
        self.runs: list[Any] = []
        self._jobs: dict[str, Any] = {}
        self._gate = threading.Lock()
        table = {
            name: Method(getattr(scheduler_v1, f"{name}Request").pb(), self._alone(run))
            for name, run in {
                "CreateJob": self._create,
                "GetJob": lambda request: self._job(request.name),
                "UpdateJob": self._update,
                "PauseJob": lambda request: self._turn(request.name, State.ENABLED, State.PAUSED),
                "ResumeJob": lambda request: self._turn(request.name, State.PAUSED, State.ENABLED),
                "RunJob": self._run,
                "DeleteJob": self._delete,
                "ListJobs": self._list,
            }.items()
        }
        self.server = Server({"google.cloud.scheduler.v1.CloudScheduler": table}, port)
        self.address = self.server.address

    def reset(self) -> None:
        """Forget all jobs and runs."""
        with self._gate:
            self._jobs.clear()
            self.runs.clear()
        self.server.reset()

    def stop(self) -> None:
        self.server.stop()

    def _alone(self, run: Any) -> Any:
        """The answer is a copy, made while nobody else changes what it is made of."""

        def answer(request: Any) -> Any:
            with self._gate:
                reply = run(request)
                copy = type(reply)()
                copy.CopyFrom(reply)
                return copy

        return answer

    def _job(self, name: str) -> Any:
        if name not in self._jobs:
            raise Refused(Code.NOT_FOUND, f"Job not found: {name}")
        return self._jobs[name]

    def _create(self, request: Any) -> Any:
        _check_location(request.parent)
        job = Job()
        job.CopyFrom(request.job)
        if not JOB.match(job.name) or not job.name.startswith(f"{request.parent}/jobs/"):
            raise _invalid(f"Job name must be formatted: {request.parent}/jobs/<JOB_ID>")
        if job.name in self._jobs:
            raise Refused(Code.ALREADY_EXISTS, f"Job already exists: {job.name}")
        job.state = State.ENABLED
        return self._keep(job)

    def _update(self, request: Any) -> Any:
        job = Job()
        job.CopyFrom(self._job(request.job.name))
        if request.update_mask.paths:
            replace(job, request.job, request.update_mask, UPDATABLE)
        else:
            # Without a mask the job is replaced as a whole; its state is not for `update` to change.
            job.CopyFrom(request.job)
            job.state = self._jobs[job.name].state
        return self._keep(job)

    def _keep(self, job: Any) -> Any:
        _check(job)
        job.time_zone = job.time_zone or "Etc/UTC"
        if job.HasField("http_target"):
            job.http_target.http_method = job.http_target.http_method or scheduler_v1.HttpMethod.POST
            if not job.HasField("attempt_deadline"):
                job.attempt_deadline.seconds = 180
        job.user_update_time.GetCurrentTime()
        self._jobs[job.name] = job
        return job

    def _turn(self, name: str, before: int, after: int) -> Any:
        job = self._job(name)
        if job.state != before:
            raise Refused(Code.FAILED_PRECONDITION, f"The job is not {State(before).name}: {name}")
        job.state = after
        return job

    def _run(self, request: Any) -> Any:
        job = self._job(request.name)
        now = timestamp_pb2.Timestamp()
        now.GetCurrentTime()
        job.last_attempt_time.CopyFrom(now)
        ran = Job()
        ran.CopyFrom(job)
        self.runs.append(ran)
        return job

    def _delete(self, request: Any) -> Any:
        del self._jobs[self._job(request.name).name]
        return empty()

    def _list(self, request: Any) -> Any:
        _check_location(request.parent)
        if request.page_size > JOBS_PAGE_MAX:
            raise _invalid(f"page_size is at most {JOBS_PAGE_MAX}")
        mine = [name for name in self._jobs if name.startswith(f"{request.parent}/jobs/")]
        names, token = page(mine, request.page_size, request.page_token)
        return scheduler_v1.ListJobsResponse.pb()(jobs=[self._jobs[n] for n in names], next_page_token=token)


def _invalid(message: str) -> Refused:
    return Refused(Code.INVALID_ARGUMENT, message)


def _check_location(name: str) -> None:
    if not LOCATION.match(name):
        raise _invalid(f"Location must be formatted: projects/<PROJECT>/locations/<LOCATION>, not {name!r}")


def _check(job: Any) -> None:
    """Refuse the requests that the service refuses."""
    if len(job.description) > DESCRIPTION_CHARS_MAX:
        raise _invalid(f"description has at most {DESCRIPTION_CHARS_MAX} characters")
    if not is_schedule(job.schedule):
        raise _invalid(f"Schedule or time zone is invalid: {job.schedule!r}")
    try:
        ZoneInfo(job.time_zone or "Etc/UTC")
    except (KeyError, ValueError) as error:
        raise _invalid(f"Schedule or time zone is invalid: {job.time_zone!r}") from error
    target = job.WhichOneof("target")
    if target is None:
        raise _invalid("A job needs a target")
    if target not in DEADLINES_S:
        raise Refused(Code.UNIMPLEMENTED, f"The stand-in has no {target}")
    least_s, most_s = DEADLINES_S[target]
    if job.HasField("attempt_deadline") and not least_s <= job.attempt_deadline.seconds <= most_s:
        raise _invalid(f"attempt_deadline is from {least_s} s to {most_s} s")
    (_check_http if target == "http_target" else _check_pubsub)(getattr(job, target))


def _check_http(target: Any) -> None:
    if not re.match(r"https?://[^/]", target.uri):
        raise _invalid("HttpTarget.uri must begin with http:// or https://")
    method = scheduler_v1.HttpMethod(target.http_method).name
    if target.body and method not in (*BODY_METHODS, "HTTP_METHOD_UNSPECIFIED"):
        raise _invalid(f"HttpTarget.body is not allowed with {method}")
    authorization = target.WhichOneof("authorization_header")
    if authorization and "@" not in getattr(target, authorization).service_account_email:
        raise _invalid(f"HttpTarget.{authorization}.service_account_email must be an address")


def _check_pubsub(target: Any) -> None:
    if not TOPIC.match(target.topic_name):
        raise _invalid("PubsubTarget.topic_name must be formatted: projects/<PROJECT>/topics/<TOPIC>")
    if not target.data and not target.attributes:
        raise _invalid("PubsubTarget needs data or attributes")


def is_schedule(text: str) -> bool:
    """Whether this is a crontab line of five fields: `*`, numbers, names, ranges, steps, lists."""
    fields = NAMES.sub("1", text).split()
    return len(fields) == len(CRON) and all(map(_is_field, fields, CRON))


def _is_field(text: str, bounds: tuple[int, int]) -> bool:
    for part in text.split(","):
        found = re.fullmatch(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?", part)
        if found is None:
            return False
        numbers = [int(n) for n in found.groups()[:2] if n]
        if not all(bounds[0] <= n <= bounds[1] for n in numbers) or numbers != sorted(numbers):
            return False
        if found.group(3) and not 1 <= int(found.group(3)) <= bounds[1]:
            return False
    return True

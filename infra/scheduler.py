"""`python -m infra.scheduler PROJECT REGION URL ACCOUNT`: creates and updates the jobs of `schedule` by Google's
client.

The access token comes on stdin (`gcloud auth print-access-token`), so that one login is enough. SCHEDULER_EMULATOR in
the environment names a local stand-in instead, without TLS and without the token.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta

import grpc  # type: ignore[import-untyped]
from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.cloud.scheduler_v1 import CloudSchedulerClient, HttpMethod, HttpTarget, Job, OidcToken, RetryConfig
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport
from google.oauth2.credentials import Credentials

from infra import output, schedule

EMULATOR = "SCHEDULER_EMULATOR"
CALL_S = 60
FIELDS = ("description", "schedule", "time_zone", "attempt_deadline", "retry_config", "http_target")
"""The declared fields of a job; only these are compared and written."""


def connect(token: str, address: str = "") -> CloudSchedulerClient:
    """A client. With an address it connects to a stand-in there, without TLS."""
    if address:
        channel = grpc.insecure_channel(address)
        return CloudSchedulerClient(transport=CloudSchedulerGrpcTransport(channel=channel))
    return CloudSchedulerClient(credentials=Credentials(token))


def declared(parent: str, url: str, account: str) -> list[Job]:
    """The wanted jobs."""
    return [
        Job(
            name=f"{parent}/jobs/{job.id}",
            description=f"Tributary: {job.help}",
            schedule=job.cron,
            time_zone="Etc/UTC",
            attempt_deadline=timedelta(seconds=schedule.DEADLINE_S),
            retry_config=RetryConfig(retry_count=schedule.TRIES_MAX),
            http_target=HttpTarget(
                uri=url + job.path,
                http_method=HttpMethod.POST,
                oidc_token=OidcToken(service_account_email=account, audience=url),
            ),
        )
        for job in schedule.JOBS
    ]


def ensure(client: CloudSchedulerClient, parent: str, wanted: Job) -> str:
    """Create or update one job. Returns the action: `create`, `update` or `same`."""
    try:
        found = client.get_job(name=wanted.name, timeout=CALL_S)
    except NotFound:
        client.create_job(parent=parent, job=wanted, timeout=CALL_S)
        return "create"
    differing = [field for field in FIELDS if not _holds(wanted, found, field)]
    if differing:
        client.update_job({"job": wanted, "update_mask": {"paths": differing}}, timeout=CALL_S)
        return f"update ({', '.join(differing)})"
    return "same"


def _holds(wanted: Job, found: Job, field: str) -> bool:
    """Whether a field is as wanted. The service adds undeclared headers and back-offs."""
    if field == "retry_config":
        return bool(wanted.retry_config.retry_count == found.retry_config.retry_count)
    if field == "http_target":
        parts = ("uri", "http_method", "oidc_token", "body")
        return all(getattr(wanted.http_target, part) == getattr(found.http_target, part) for part in parts)
    return bool(getattr(wanted, field) == getattr(found, field))


def main(arguments: Sequence[str], environ: Mapping[str, str], token: str) -> int:
    """Create or update all jobs. Returns the exit status."""
    project, region, url, account = arguments
    parent = f"projects/{project}/locations/{region}"
    try:
        client = connect(token, environ.get(EMULATOR, ""))
        for job in declared(parent, url, account):
            done, _, what = ensure(client, parent, job).partition(" ")
            output.say(f"  {done:<8} scheduler job {job.name.rpartition('/')[2]} {what}".rstrip())
    except GoogleAPICallError as error:
        return output.refuse(f"Cloud Scheduler: {error.message}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ, sys.stdin.readline().strip()))

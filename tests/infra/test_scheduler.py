"""The jobs, through the official client, over a socket, to a stand-in of Cloud Scheduler."""

from __future__ import annotations

import pytest
from google.cloud.scheduler_v1 import HttpMethod, Job

from infra import schedule, scheduler
from infra.scheduler import connect, declared, ensure
from tests.emulators.scheduler import Scheduler

PARENT, URL, ACCOUNT = "projects/demo/locations/europe-west1", "https://sweep.example", "s@demo.iam.gserviceaccount.com"
ARGUMENTS = ["demo", "europe-west1", URL, ACCOUNT]


@pytest.fixture
def service():
    service = Scheduler()
    yield service
    service.stop()


def run(service, capfd):
    assert scheduler.main(ARGUMENTS, {scheduler.EMULATOR: service.address}, "") == 0
    return capfd.readouterr().out.splitlines()


def test_made_then_let_be(service, capfd):
    assert [line.split()[0] for line in run(service, capfd)] == ["create"] * len(schedule.JOBS)
    assert [line.split()[0] for line in run(service, capfd)] == ["same"] * len(schedule.JOBS)


def test_each_job_posts_with_a_token_for_the_function(service, capfd):
    run(service, capfd)
    client = connect("", service.address)
    for job in schedule.JOBS:
        found = client.get_job(name=f"{PARENT}/jobs/{job.id}").http_target
        assert (found.uri, found.http_method) == (URL + job.path, HttpMethod.POST)
        assert (found.oidc_token.service_account_email, found.oidc_token.audience) == (ACCOUNT, URL)


CHANGES = {
    "schedule": lambda job: setattr(job, "schedule", "0 0 * * *"),
    "time_zone": lambda job: setattr(job, "time_zone", "Europe/Berlin"),
    "description": lambda job: setattr(job, "description", "x"),
    "attempt_deadline": lambda job: job.attempt_deadline.FromSeconds(20),
    "retry_config": lambda job: setattr(job.retry_config, "retry_count", 3),
    "http_target": lambda job: setattr(job.http_target.oidc_token, "audience", "https://elsewhere.example"),
}


@pytest.mark.parametrize(("field", "change"), CHANGES.items(), ids=CHANGES)
def test_only_the_field_that_differs_is_written(service, capfd, field, change):
    run(service, capfd)
    client = connect("", service.address)
    wanted = declared(PARENT, URL, ACCOUNT)[0]
    change(service._jobs[wanted.name])
    assert ensure(client, PARENT, wanted) == f"update ({field})"
    assert ensure(client, PARENT, wanted) == "same"


def test_what_the_service_fills_in_is_no_difference(service, capfd):
    run(service, capfd)
    client, wanted = connect("", service.address), declared(PARENT, URL, ACCOUNT)[0]
    job = service._jobs[wanted.name]
    job.http_target.headers["User-Agent"] = "Google-Cloud-Scheduler"
    job.retry_config.max_doublings = 5
    assert ensure(client, PARENT, wanted) == "same"


def test_a_paused_job_stays_paused(service, capfd):
    run(service, capfd)
    client, wanted = connect("", service.address), declared(PARENT, URL, ACCOUNT)[0]
    client.pause_job(name=wanted.name)
    assert ensure(client, PARENT, wanted) == "same"
    assert client.get_job(name=wanted.name).state == Job.State.PAUSED


def test_a_refusal_is_told(service, capfd):
    arguments = ["demo", "nowhere!", URL, ACCOUNT]
    assert scheduler.main(arguments, {scheduler.EMULATOR: service.address}, "secret-token") == 2
    told = capfd.readouterr()
    assert told.err.startswith("error: Cloud Scheduler: ") and "secret-token" not in told.err + told.out

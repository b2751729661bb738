"""The stand-in of Cloud Scheduler, through the official client."""

from __future__ import annotations

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import scheduler_v1
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport
from google.protobuf.field_mask_pb2 import FieldMask

from tests.emulators import scheduler

PARENT = "projects/demo-x/locations/europe-west1"
State = scheduler_v1.Job.State


@pytest.fixture(scope="module")
def server():
    server = scheduler.start()
    yield server
    server.stop()


@pytest.fixture
def client(server):
    server.reset()
    with grpc.insecure_channel(server.address) as channel:
        yield scheduler_v1.CloudSchedulerClient(transport=CloudSchedulerGrpcTransport(channel=channel))


def job(id="sweep", **more):
    target = {"uri": "https://hub.example.org/jobs/sweep", "oidc_token": {"service_account_email": "sweep@demo-x"}}
    return {"name": f"{PARENT}/jobs/{id}", "schedule": "* * * * *", "http_target": target, **more}


def make(client, id="sweep", **more):
    return client.create_job(parent=PARENT, job=job(id, **more))


def test_a_job_is_made_with_the_defaults_of_the_service_and_read(client):
    made = make(client)
    assert (made.state, made.time_zone, made.attempt_deadline.seconds) == (State.ENABLED, "Etc/UTC", 180)
    assert made.http_target.http_method == scheduler_v1.HttpMethod.POST
    assert client.get_job(name=made.name) == made
    with pytest.raises(exceptions.AlreadyExists):
        make(client)


def test_a_job_may_publish_to_a_topic(client):
    target = {"topic_name": "projects/demo-x/topics/sweep", "data": b"{}"}
    made = client.create_job(
        parent=PARENT, job={"name": f"{PARENT}/jobs/p", "schedule": "*/5 * * * *", "pubsub_target": target}
    )
    assert made.pubsub_target.data == b"{}"


@pytest.mark.parametrize("call", ["get_job", "delete_job", "pause_job", "resume_job", "run_job"])
def test_a_job_that_is_not_there_is_not_found(client, call):
    with pytest.raises(exceptions.NotFound):
        getattr(client, call)(name=f"{PARENT}/jobs/none")


@pytest.mark.parametrize("more", [
    {"schedule": ""},
    {"schedule": "every now and then"},
    {"schedule": "60 * * * *"},
    {"schedule": "5-1 * * * *"},
    {"time_zone": "Mars/Olympus"},
    {"name": f"{PARENT}/jobs/a b"},
    {"name": "projects/other/locations/europe-west1/jobs/a"},
    {"http_target": None},
    {"http_target": {"uri": "hub.example.org"}},
    {"http_target": {"uri": "https://a/b", "http_method": "GET", "body": b"x"}},
    {"http_target": {"uri": "https://a/b", "oidc_token": {"service_account_email": "nobody"}}},
    {"http_target": None, "pubsub_target": {"topic_name": "sweep", "data": b"x"}},
    {"http_target": None, "pubsub_target": {"topic_name": "projects/demo-x/topics/sweep"}},
    {"attempt_deadline": {"seconds": 5}},
    {"description": "x" * 501},
])  # fmt: skip
def test_what_the_service_refuses_is_refused(client, more):
    with pytest.raises(exceptions.InvalidArgument):
        client.create_job(parent=PARENT, job=job(**more))


@pytest.mark.parametrize("schedule", ["*/10 0-6,22 1 * mon-fri", "0 3 * jan sun", "5,10 */2 * * 7"])
def test_the_schedules_of_crontab_are_accepted(client, schedule):
    assert make(client, schedule=schedule).schedule == schedule


def test_what_the_stand_in_cannot_do_is_said(client):
    with pytest.raises(exceptions.MethodNotImplemented):
        make(client, http_target=None, app_engine_http_target={"relative_uri": "/sweep"})


def test_an_update_changes_what_its_mask_names(client):
    made = make(client, description="before")
    changed = scheduler_v1.Job(job(schedule="*/2 * * * *", description="after"))
    client.update_job(job=changed, update_mask=FieldMask(paths=["schedule"]))
    found = client.get_job(name=made.name)
    assert (found.schedule, found.description) == ("*/2 * * * *", "before")
    client.update_job(job=changed)
    assert client.get_job(name=made.name).description == "after"


@pytest.mark.parametrize("path", ["state", "name", "colour"])
def test_a_mask_names_what_can_be_updated(client, path):
    make(client)
    with pytest.raises(exceptions.InvalidArgument):
        client.update_job(job=job(), update_mask=FieldMask(paths=[path]))


def test_an_update_is_checked_and_changes_nothing_when_refused(client):
    made = make(client)
    with pytest.raises(exceptions.InvalidArgument):
        client.update_job(job=job(schedule="no"), update_mask=FieldMask(paths=["schedule"]))
    with pytest.raises(exceptions.NotFound):
        client.update_job(job=job("none"))
    assert client.get_job(name=made.name).schedule == "* * * * *"


def test_pause_and_resume(client):
    name = make(client).name
    assert client.pause_job(name=name).state == State.PAUSED
    with pytest.raises(exceptions.FailedPrecondition):
        client.pause_job(name=name)
    client.update_job(job=job(description="still paused"))
    assert client.get_job(name=name).state == State.PAUSED
    assert client.resume_job(name=name).state == State.ENABLED
    with pytest.raises(exceptions.FailedPrecondition):
        client.resume_job(name=name)


def test_run_notes_the_job(client, server):
    name = make(client).name
    assert client.run_job(name=name).last_attempt_time
    assert [ran.name for ran in server.runs] == [name]


def test_list_gives_pages_of_one_location(client):
    for n in range(5):
        make(client, f"job-{n}")
    listed = client.list_jobs(request={"parent": PARENT, "page_size": 2})
    assert [len(page.jobs) for page in listed.pages] == [2, 2, 1]
    assert [j.name[-1] for j in client.list_jobs(parent=PARENT)] == list("01234")
    assert list(client.list_jobs(parent="projects/demo-x/locations/us-east1")) == []
    client.delete_job(name=f"{PARENT}/jobs/job-0")
    assert len(list(client.list_jobs(parent=PARENT))) == 4


def test_a_fault_can_be_asked_for(client, server):
    server.server.fail("GetJob", grpc.StatusCode.PERMISSION_DENIED)
    made = make(client)
    with pytest.raises(exceptions.PermissionDenied):
        client.get_job(name=made.name)
    assert client.get_job(name=made.name) == made

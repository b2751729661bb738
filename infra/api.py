"""The Google services that must be enabled, and the number of the project."""

from __future__ import annotations

from collections.abc import Iterator

from infra.parameter import Parameters
from infra.step import Ensure, Heading, Look, Pick, Step, gcloud

ALWAYS = (
    "cloudresourcemanager", "iam", "firestore", "firebaserules", "pubsub", "cloudfunctions", "run", "cloudbuild",
    "artifactregistry", "secretmanager", "cloudscheduler", "logging", "monitoring",
)  # fmt: skip
FOR_DOMAIN = ("compute",)


def steps(p: Parameters) -> Iterator[Step]:
    yield Heading("Services", "what the project may use")
    yield Look("services", ("services", "list", "--enabled"))
    for name in ALWAYS + (FOR_DOMAIN if p.domain else ()):
        host = f"{name}.googleapis.com"
        enable = gcloud("services", "enable", host)
        yield Ensure(f"service {host}", "services", {"config": {"name": host}}, create=(enable,))
    yield Look("project", ("projects", "describe", p.project))
    yield Pick("NUMBER", "project", {"projectId": p.project}, "projectNumber")

"""Service accounts, and their roles in the project as a whole. No account is owner or editor.

There is one account for each function, one for Cloud Build, and one each for the calls of Pub/Sub and Cloud Scheduler.
Roles on one topic, secret or function are granted in its own file (`secret`, `topic`, `function`, `push`).
"""

from __future__ import annotations

from collections.abc import Iterator

from infra import function, name
from infra.parameter import Parameters
from infra.step import Ensure, Heading, Look, Step, gcloud, grant

OTHERS = (
    (name.BUILD, "builds the functions"),
    (name.PUSH, "Pub/Sub calls in as this one"),
    (name.SCHEDULER, "Cloud Scheduler calls in as this one"),
)
BUILD_ROLES = ("roles/logging.logWriter", "roles/artifactregistry.writer", "roles/storage.objectViewer")
"""The roles that Google requires of an account that builds functions; the default account has far more."""


def steps(p: Parameters) -> Iterator[Step]:
    functions = function.chosen(p)
    yield Heading("Service accounts", "one a function, each with what it needs and no more")
    yield Look("accounts", ("iam", "service-accounts", "list"))
    for id, what in (*OTHERS, *((f.name, f"runs the function {f.name}") for f in functions)):
        display = f"--display-name={_shown(what)}"
        yield Ensure(
            f"service account {id}", "accounts", {"email": p.account(id)},
            create=(gcloud("iam", "service-accounts", "create", id, display),),
            wanted={"displayName": _shown(what)},
            update=(gcloud("iam", "service-accounts", "update", p.account(id), display),),
        )  # fmt: skip
    yield Look("project-policy", ("projects", "get-iam-policy", p.project))
    for role in BUILD_ROLES:
        yield _in_project(p, name.BUILD, role)
    for f in functions:
        yield _in_database(p, f.name, f.role(p))


def _shown(what: str) -> str:
    return f"Tributary: {what}"


def _in_project(p: Parameters, id: str, role: str) -> Ensure:
    add = ("projects", "add-iam-policy-binding", p.project, f"--member={p.member(id)}", f"--role={role}")
    title = f"{id} has {role}"
    return grant(title, "project-policy", p.member(id), role, gcloud(*add, "--condition=None"))


def _in_database(p: Parameters, id: str, role: str) -> Ensure:
    """Firestore has no policy of its own: the grant is in the project, under a condition that names the database."""
    expression = f'resource.name == "projects/{p.project}/databases/{name.DATABASE}"'
    condition = {"title": "tributary-database", "expression": expression}
    add = ("projects", "add-iam-policy-binding", p.project, f"--member={p.member(id)}", f"--role={role}")
    # The values hold no `:`, so it can separate the fields; a comma may occur in a value.
    flag = f"--condition=^:^title={condition['title']}:expression={expression}"
    return grant(
        f"{id} has {role} on the database", "project-policy", p.member(id), role, gcloud(*add, flag), condition
    )

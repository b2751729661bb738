"""The key that signs tokens, in Secret Manager: generated once, by `key`, and read by the functions only."""

from __future__ import annotations

from collections.abc import Iterator

from infra import function
from infra.name import SECRET
from infra.parameter import Parameters
from infra.step import Ensure, Heading, Look, Step, gcloud, grant

READS = "roles/secretmanager.secretAccessor"


def steps(p: Parameters) -> Iterator[Step]:
    yield Heading("Secret key", "signs tokens; goes from its maker to Secret Manager through a pipe and is never shown")
    yield Look("secrets", ("secrets", "list"))
    yield Ensure(
        f"secret {SECRET}", "secrets", {"name": f"projects/*/secrets/{SECRET}"},
        create=(gcloud("secrets", "create", SECRET, "--replication-policy=user-managed", f"--locations={p.region}"),),
    )  # fmt: skip
    yield Look("secret-versions", ("secrets", "versions", "list", SECRET))
    yield Ensure(
        f"secret {SECRET}: its key", "secret-versions", {"state": "ENABLED"},
        create=(gcloud("secrets", "versions", "add", SECRET, "--data-file=-", feed=("<PYTHON>", "-m", "infra.key")),),
    )  # fmt: skip
    yield Look("secret-policy", ("secrets", "get-iam-policy", SECRET))
    for f in function.chosen(p):
        add = ("secrets", "add-iam-policy-binding", SECRET, f"--member={p.member(f.name)}", f"--role={READS}")
        yield grant(f"{f.name} reads {SECRET}", "secret-policy", p.member(f.name), READS, gcloud(*add))

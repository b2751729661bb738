"""The cloud functions: one for each slice of the route table, or `hub` for all routes of clients.

The address of each is known beforehand, `https://NAME-NUMBER.REGION.run.app`; an Expect checks it after the deployment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from functions.edge import routes
from infra import route
from infra.name import BUILD, EVENTS, PUSH, SCHEDULER, SECRET
from infra.parameter import Parameters
from infra.step import Ensure, Expect, Heading, Look, Step, flag, gcloud, grant, refuse, short

ON_EVENT, SWEEP = "on_event", "sweep"
RUNTIME = "python311"
"""The version that the tests run under."""
WRITES, READS = "roles/datastore.user", "roles/datastore.viewer"
INVOKES = "roles/run.invoker"
EVERYBODY = "allUsers"


@dataclass(frozen=True, slots=True)
class Function:
    """A deployed target of `main.py`. `is_open`: anyone may call it, since it checks its callers itself. The others
    accept calls from inside Google Cloud only, by one account each."""

    slice: str
    memory: str = "512Mi"
    concurrency: int = 16
    instances_max: int = 20
    instances_min: int = 0
    timeout_s: int = 120
    is_open: bool = True
    store_role: str = WRITES

    @property
    def name(self) -> str:
        """The name in the project. Cloud Run allows no underscore."""
        return f"tributary-{self.slice.replace('_', '-')}"

    @property
    def publishes(self) -> bool:
        """Whether it publishes events to the topic: every function that writes does."""
        return self.store_role == WRITES

    def role(self, p: Parameters) -> str:
        """Its role in the store. The first request of a Firebase user, on any route, creates a user record."""
        return WRITES if p.firebase else self.store_role

    def url(self, p: Parameters) -> str:
        """Its own address; holds `<NUMBER>`."""
        return f"https://{self.name}-<NUMBER>.{p.region}.run.app"


TABLE: Mapping[str, Function] = {
    f.slice: f
    for f in (
        Function("hub", memory="1Gi", concurrency=32),
        Function("node", memory="1Gi"),
        # These functions only read, so their accounts may only read.
        Function("query", memory="1Gi", store_role=READS),
        Function("pages", store_role=READS),
        Function("kcidb", memory="1Gi"),
        # A poll is held for up to two seconds and costs little meanwhile.
        Function("pubsub", concurrency=64),
        # One sweep a minute; if one takes longer, the next may run at the same time.
        Function(SWEEP, concurrency=1, instances_max=2, timeout_s=300, is_open=False),
        Function(ON_EVENT, instances_max=10, timeout_s=60, is_open=False),
    )
}
"""Deviations from the defaults; a slice without a line is deployed with the defaults."""

CALLERS = ((ON_EVENT, "HUB_PUSH_ACCOUNTS", PUSH), (SWEEP, "HUB_SCHEDULER_ACCOUNTS", SCHEDULER))
"""Callers of the slices that clients do not call: the slice, the setting that names its callers, their account."""


def row(slice: str) -> Function:
    """The line of a slice."""
    return TABLE.get(slice, Function(slice))


def chosen(p: Parameters) -> tuple[Function, ...]:
    """The deployed functions: every slice, or `hub` alone. Also `hub` where the load balancer needs it."""
    if p.is_single:
        return (row("hub"),)
    shared = ("hub",) if p.domain and "hub" in paths() else ()
    return tuple(row(s) for s in (*routes.SLICES, *shared))


def paths() -> dict[str, list[str]]:
    """The paths that the load balancer forwards to each slice."""
    return route.declared({f.slice for f in TABLE.values() if not f.is_open})


def public_url(p: Parameters) -> str:
    """The one address of clients, "" where there is none."""
    if p.domain:
        return f"https://{p.domain}"
    return row("hub").url(p) if p.is_single else ""


def environment(f: Function, p: Parameters) -> dict[str, str]:
    """The settings of a function (docs/settings.md), and the variables of its server."""
    found = {
        "HUB_STORE": f"firestore://{p.project}",
        "HUB_BUS": f"pubsub://{p.project}/{EVENTS}",
        "HUB_PUBLIC_URL": public_url(p),
        "HUB_FIREBASE_PROJECT": p.firebase,
        # functions-framework serves one concurrent request in each thread.
        "THREADS": str(f.concurrency),
    }
    for slice, setting, account in CALLERS:
        if serving(slice, p) == f:
            found["HUB_OIDC_AUDIENCE"] = f.url(p)
            found[setting] = p.account(account)
    return {name: value for name, value in found.items() if value}


def serving(slice: str, p: Parameters) -> Function:
    """The function that serves a slice: its own, or `hub` where that serves all."""
    return row("hub" if p.is_single else slice)


def caller(f: Function) -> str:
    """The account that calls a closed function."""
    return next(account for slice, _, account in CALLERS if slice == f.slice)


def steps(p: Parameters) -> Iterator[Step]:
    functions = chosen(p)
    yield Heading(
        "Functions", "each build takes some minutes; a function whose source and settings are unchanged is left"
    )
    yield Look("functions", ("functions", "list", "--v2", f"--regions={p.region}"))
    for f in functions:
        yield _deployed(f, p)
    yield Look("run-services", ("run", "services", "list", f"--region={p.region}"))
    for f in functions:
        pattern = f'*"{f.url(p)}"*'
        yield Expect(
            f"{f.name} answers at {f.url(p)}", "run-services",
            {"metadata": {"name": f.name, "annotations": {"run.googleapis.com/urls": pattern}}},
            "the tokens of its callers are made out to this address; see gcloud run services describe",
        )  # fmt: skip
    for f in functions:
        policy = f"{f.name}-policy"
        member = EVERYBODY if f.is_open else p.member(caller(f))
        yield Look(policy, ("run", "services", "get-iam-policy", f.name, f"--region={p.region}"))
        words = ("run", "services")
        add = (*words, "add-iam-policy-binding", f.name, f"--region={p.region}")
        yield grant(
            f"{short(member)} may call {f.name}", policy, member, INVOKES,
            gcloud(*add, f"--member={member}", f"--role={INVOKES}"),
        )  # fmt: skip
        if not f.is_open:
            remove = (*words, "remove-iam-policy-binding", f.name, f"--region={p.region}")
            yield refuse(
                f"nobody else may call {f.name}", policy, EVERYBODY, INVOKES,
                gcloud(*remove, f"--member={EVERYBODY}", f"--role={INVOKES}"),
            )  # fmt: skip


def _deployed(f: Function, p: Parameters) -> Ensure:
    builder = f"projects/{p.project}/serviceAccounts/{p.account(BUILD)}"
    variables = environment(f, p)
    ingress = _ingress(f, p)
    config: dict[str, Any] = {
        "serviceAccountEmail": p.account(f.name),
        "availableMemory": f.memory,
        "availableCpu": "1",
        "maxInstanceRequestConcurrency": f.concurrency,
        "minInstanceCount": f.instances_min,
        "maxInstanceCount": f.instances_max,
        "timeoutSeconds": f.timeout_s,
        "ingressSettings": f"ALLOW_{ingress.upper().replace('-', '_')}",
        "environmentVariables": variables,
        "secretEnvironmentVariables": [{"key": "SECRET_KEY", "secret": SECRET, "version": "latest"}],
    }
    wanted = {
        "state": "ACTIVE",
        "labels": {"tributary-source": "<SOURCE>"},
        "buildConfig": {"runtime": RUNTIME, "entryPoint": f.slice, "serviceAccount": builder},
        "serviceConfig": config,
    }
    deploy = gcloud(
        "functions", "deploy", f.name, "--gen2", flag("region", p.region), flag("runtime", RUNTIME), "--source=.",
        flag("entry-point", f.slice), "--trigger-http", *_config(config),
        flag("build-service-account", builder), flag("ingress-settings", ingress),
        flag("set-env-vars", ",".join(f"{name}={value}" for name, value in variables.items())),
        flag("set-secrets", f"SECRET_KEY={SECRET}:latest"), flag("update-labels", "tributary-source=<SOURCE>"),
    )  # fmt: skip
    where = {"name": f"projects/*/locations/{p.region}/functions/{f.name}"}
    # Only the creation sets the callers: an update would remove the grants below.
    create = deploy._replace(words=(*deploy.words, "--no-allow-unauthenticated"))
    return Ensure(f"function {f.name}", "functions", where, create=(create,), wanted=wanted, update=(deploy,))


def _ingress(f: Function, p: Parameters) -> str:
    """The allowed sources of calls. Pub/Sub and Cloud Scheduler count as internal."""
    if not f.is_open:
        return "internal-only"
    return "internal-and-gclb" if p.domain else "all"


def _config(config: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        flag("service-account", config["serviceAccountEmail"]), flag("memory", config["availableMemory"]),
        flag("cpu", config["availableCpu"]), flag("concurrency", config["maxInstanceRequestConcurrency"]),
        flag("min-instances", config["minInstanceCount"]), flag("max-instances", config["maxInstanceCount"]),
        flag("timeout", f"{config['timeoutSeconds']}s"),
    )  # fmt: skip

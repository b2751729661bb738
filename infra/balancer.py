"""One host name for all functions: a global load balancer whose URL map is made from the route table.

Only with DOMAIN. The operator enters the address in the DNS; then Google issues the certificate.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from infra import function, route
from infra.parameter import Parameters
from infra.step import Ensure, Heading, Look, Pick, Step, flag, gcloud

NAME = "tributary"
SCHEME = "EXTERNAL_MANAGED"
ROOT = "https://www.googleapis.com/compute/v1/projects"


def steps(p: Parameters) -> Iterator[Step]:
    if not p.domain:
        return
    yield Heading("Load balancer", f"https://{p.domain} for all functions; a path goes to the function that serves it")
    yield from _address(p)
    yield from _backends(p)
    yield Look("url-maps", ("compute", "url-maps", "list", "--global"))
    yield _url_map(p)
    yield from _front(p)


def _address(p: Parameters) -> Iterator[Step]:
    look, where = Look("addresses", ("compute", "addresses", "list", "--global")), {"name": NAME}
    create = gcloud("compute", "addresses", "create", NAME, "--global", "--ip-version=IPV4")
    yield look
    yield Ensure(f"address {NAME}", "addresses", where, create=(create,))
    yield look
    yield Pick("ADDRESS", "addresses", where, "address")


def _backends(p: Parameters) -> Iterator[Step]:
    """For each function an endpoint group, and a backend service that uses it."""
    served = [f for f in function.chosen(p) if f.is_open]
    groups = ("compute", "network-endpoint-groups")
    yield Look("groups", (*groups, "list", f"--regions={p.region}"))
    for f in served:
        kind = ("--network-endpoint-type=serverless", f"--cloud-run-service={f.name}")
        yield Ensure(
            f"endpoint group {f.name}", "groups", {"name": f.name},
            create=(gcloud(*groups, "create", f.name, flag("region", p.region), *kind),),
            fixed={"cloudRun": {"service": f.name}},
        )  # fmt: skip
    services = ("compute", "backend-services")
    yield Look("backends", (*services, "list", "--global"))
    for f in served:
        attach = gcloud(
            *services, "add-backend", f.name, "--global", flag("network-endpoint-group", f.name),
            flag("network-endpoint-group-region", p.region),
        )  # fmt: skip
        create = gcloud(*services, "create", f.name, "--global", flag("load-balancing-scheme", SCHEME))
        group = f"{ROOT}/{p.project}/regions/{p.region}/networkEndpointGroups/{f.name}"
        yield Ensure(
            f"backend {f.name}", "backends", {"name": f.name}, create=(create, attach),
            wanted={"backends": [{"group": group}]}, update=(attach,), fixed={"loadBalancingScheme": SCHEME},
        )  # fmt: skip


def _url_map(p: Parameters) -> Ensure:
    def service(slice: str) -> str:
        return f"{ROOT}/{p.project}/global/backendServices/{function.row(slice).name}"

    wanted = {
        "defaultService": service(route.DEFAULT),
        "hostRules": [{"hosts": [p.domain], "pathMatcher": NAME}],
        "pathMatchers": [{
            "name": NAME,
            "defaultService": service(route.DEFAULT),
            "pathRules": [{"paths": ps, "service": service(slice)} for slice, ps in function.paths().items()],
        }],
    }  # fmt: skip
    command = (
        gcloud(
            "compute", "url-maps", "import", NAME, "--global",
            feed=("printf", "%s", json.dumps({"name": NAME, **wanted})),
        ),
    )  # fmt: skip
    return Ensure(f"URL map {NAME}", "url-maps", {"name": NAME}, create=command, wanted=wanted, update=command)


def _front(p: Parameters) -> Iterator[Step]:
    """The certificate, the proxy that uses it and the rule that forwards to the proxy. A changed domain needs a new
    certificate, made by hand: otherwise the old one would be deleted before the new one is valid."""
    compute = f"{ROOT}/{p.project}/global"
    yield Look("certificates", ("compute", "ssl-certificates", "list", "--global"))
    yield Ensure(
        f"certificate of {p.domain}", "certificates", {"name": NAME},
        create=(gcloud("compute", "ssl-certificates", "create", NAME, f"--domains={p.domain}", "--global"),),
        fixed={"managed": {"domains": [p.domain]}},
    )  # fmt: skip
    yield Look("proxies", ("compute", "target-https-proxies", "list", "--global"))
    uses = (f"--ssl-certificates={NAME}", f"--url-map={NAME}", "--global")
    proxies = ("compute", "target-https-proxies")
    yield Ensure(
        f"proxy {NAME}", "proxies", {"name": NAME}, create=(gcloud(*proxies, "create", NAME, *uses),),
        wanted={"urlMap": f"{compute}/urlMaps/{NAME}", "sslCertificates": [f"{compute}/sslCertificates/{NAME}"]},
        update=(gcloud(*proxies, "update", NAME, *uses),),
    )  # fmt: skip
    yield Look("forwarding", ("compute", "forwarding-rules", "list", "--global"))
    leads = (f"--address={NAME}", f"--target-https-proxy={NAME}", "--ports=443", f"--load-balancing-scheme={SCHEME}")
    yield Ensure(
        f"forwarding rule {NAME}", "forwarding", {"name": NAME},
        create=(gcloud("compute", "forwarding-rules", "create", NAME, "--global", *leads),),
        fixed={"target": f"{compute}/targetHttpsProxies/{NAME}", "portRange": "443-443"},
    )  # fmt: skip

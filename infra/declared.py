"""All provisioned parts, in an order that satisfies their dependencies."""

from __future__ import annotations

from collections.abc import Iterator

from infra import account, alert, api, balancer, firestore, function, push, schedule, secret, topic
from infra.parameter import Parameters
from infra.step import Step

SERVICES = (api, account, secret, firestore, topic, function, push, schedule, alert, balancer)


def steps(p: Parameters) -> Iterator[Step]:
    """All steps of one deployment."""
    for service in SERVICES:
        yield from service.steps(p)


def notes(p: Parameters) -> list[str]:
    """Notes about the chosen deployment for its operator."""
    address = function.public_url(p)
    if p.domain:
        return [
            f"Clients use {address}. Enter <ADDRESS> for {p.domain} in the DNS;",
            "the certificate becomes valid some minutes after that, sometimes an hour.",
        ]
    if address:
        return [f"Clients use {address}"]
    return [
        "Each function has an address of its own: there is no one address for clients.",
        "For one, deploy with SINGLE=1 (one function serves all; recommended without a domain)",
        "or with DOMAIN=hub.example.org (a load balancer before all functions).",
    ]

"""From the POST of a node to the end of a listener's reply, with one listener or several."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.loader import Address, Clients

SEATED_S = 0.01
"""Listeners get so long to be waiting before the node is posted."""


@dataclass(frozen=True, slots=True)
class Listening:
    """The requests of one run: one poll for each listener, and a node that is posted again and again."""

    polls: Sequence[bytes]
    post: bytes


def listen(address: Address, requests: Listening, events: int) -> list[float]:
    """The seconds until each reply of each event."""
    crowd = Clients(address, len(requests.polls) + 1)
    times: list[float] = []
    for _ in range(events):
        times += _hear(crowd, requests, SEATED_S)
    crowd.close()
    return times


def own_share(address: Address, requests: Listening, events: int) -> list[float]:
    """The same against a server that answers at once: what of the time is the loader's."""
    crowd = Clients(address, len(requests.polls) + 1)
    times: list[float] = []
    for _ in range(events):
        times += _hear(crowd, requests, None)
    crowd.close()
    return times


def _hear(crowd: Clients, requests: Listening, seated_s: float | None) -> list[float]:
    publisher, *listeners = crowd.lines.values()
    if seated_s is not None:
        _poll(crowd, listeners, requests)
        time.sleep(seated_s)
    began = time.perf_counter()
    crowd.send(publisher, requests.post)
    if seated_s is None:
        _poll(crowd, listeners, requests)
    times = []
    left = len(crowd.lines)
    while left:
        for line in crowd.ready():
            left -= 1
            if line is not publisher:
                times.append(time.perf_counter() - began)
    return times


def _poll(crowd: Clients, listeners: Sequence, requests: Listening) -> None:
    for line, poll in zip(listeners, requests.polls, strict=True):
        crowd.send(line, poll)

"""The counts of a stand-in, from which the cost of the service is computed."""

from __future__ import annotations

from dataclasses import dataclass, fields

LEAST_BYTES = 1000
"""A publish, a pull answer or a push is charged as this much at least."""


@dataclass(slots=True)
class Meter:
    """Messages and bytes (data, attributes, ordering key) in and out. A message that two subscriptions receive, or one
    receives twice, counts as delivered twice. `charged_bytes` is what the throughput price is per."""

    published: int = 0
    published_bytes: int = 0
    delivered: int = 0
    delivered_bytes: int = 0
    acked: int = 0
    dead: int = 0
    pushes: int = 0
    push_failures: int = 0
    charged_bytes: int = 0

    def publish(self, messages: int, size: int) -> None:
        """One request came with so many messages of so many bytes."""
        self.published += messages
        self.published_bytes += size
        self.charged_bytes += max(size, LEAST_BYTES)

    def deliver(self, messages: int, size: int) -> None:
        """One answer or push went out."""
        self.delivered += messages
        self.delivered_bytes += size
        self.charged_bytes += max(size, LEAST_BYTES)

    def reset(self) -> None:
        for field in fields(self):
            setattr(self, field.name, 0)

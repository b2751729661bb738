"""The refusal of a process that cannot do what it was asked to: lines for the person who started it."""

from __future__ import annotations


class Faulty(Exception):
    """The environment, or what a command was asked, cannot be used; `faults` has one line for each reason, never a
    secret value."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults

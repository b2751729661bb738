"""The parameters of a deployment, read from the environment (`make deploy PROJECT=… REGION=…` sets it) and checked.

Every value goes into a script, so each has a narrow pattern and is quoted there too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


class DeployParameter(NamedTuple):
    """One line of the table."""

    name: str
    pattern: str
    must: str
    help: str
    is_required: bool = False


_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_PROJECT = r"[a-z][a-z0-9-]{1,28}[a-z0-9]"
_SWITCH = ("1?", "must be 1 or nothing")

PARAMETERS = (
    DeployParameter("PROJECT", _PROJECT, "must be a project id, like my-project-1",
              "the project to provision; it exists and has billing", is_required=True),
    DeployParameter("REGION", r"[a-z]{2,16}(-[a-z]{2,16})+[0-9]{1,2}", "must be a region, like europe-west1",
              "where functions and jobs run", is_required=True),
    DeployParameter("LOCATION", r"[a-z]{2,16}(-[a-z]{2,16})*[0-9]{1,2}", "must be a Firestore location, like eur3",
              "where Firestore keeps its data; it cannot be changed later; by default REGION"),
    DeployParameter("DOMAIN", rf"(?=.{{4,253}}\Z)({_LABEL}\.)+[a-z]{{2,63}}",
              "must be a host name, like hub.example.org",
              "one host name for all functions, by a load balancer"),
    DeployParameter("EMAIL", r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}@[A-Za-z0-9][A-Za-z0-9.-]{0,251}[A-Za-z0-9]",
              "must be an e-mail address", "the address that gets a mail when an alert fires"),
    DeployParameter("FIREBASE", _PROJECT, "must be a project id", "a Firebase project; its users are accepted too"),
    DeployParameter("SINGLE", *_SWITCH, "1: one function `hub` for everything"),
    DeployParameter("PITR", *_SWITCH, "1: Firestore can be read as it was at any minute of the last seven days"),
)  # fmt: skip


class FaultyParameters(Exception):
    """The parameters cannot be used; `faults` has a line for each reason."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class Parameters(NamedTuple):
    """The checked parameters, and values derived from them."""

    project: str
    region: str
    location: str = ""
    domain: str = ""
    email: str = ""
    firebase: str = ""
    is_single: bool = False
    has_recovery: bool = False

    def account(self, name: str) -> str:
        """The address of one of the hub's service accounts."""
        return f"{name}@{self.project}.iam.gserviceaccount.com"

    def member(self, name: str) -> str:
        """One of the hub's service accounts as a member of a policy."""
        return f"serviceAccount:{self.account(name)}"


def read(environ: Mapping[str, str]) -> Parameters:
    """The parameters. Raises FaultyParameters with all faults at once."""
    faults, found = [], {}
    for parameter in PARAMETERS:
        value = found[parameter.name] = environ.get(parameter.name, "")
        if not value and parameter.is_required:
            faults.append(f"{parameter.name} is missing: {parameter.help}")
        elif value and not re.fullmatch(parameter.pattern, value):
            faults.append(f"{parameter.name} {parameter.must}")
    if found["DOMAIN"] and found["SINGLE"]:
        faults.append("DOMAIN and SINGLE exclude each other: a domain puts all functions behind one address already")
    if faults:
        raise FaultyParameters(faults)
    return Parameters(
        project=found["PROJECT"],
        region=found["REGION"],
        location=found["LOCATION"] or found["REGION"],
        domain=found["DOMAIN"],
        email=found["EMAIL"],
        firebase=found["FIREBASE"],
        is_single=bool(found["SINGLE"]),
        has_recovery=bool(found["PITR"]),
    )

"""Steps: what provisioning does, as data. The files of the cloud services yield them, `script` makes bash of them.

A text may hold what is known only while the script runs, as a name in angle brackets: `<NUMBER>` is the number of the
project, `<SOURCE>` the digest of the source, `<FOUND>` the name of what a comparison found, and what a Pick names.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

Shape = Mapping[str, Any]
"""Part of a resource as gcloud shows it in JSON; `compare` says what it means for one to be contained in another."""
NOTHING: Shape = MappingProxyType({})


class Command(NamedTuple):
    """A program with its arguments. `feed` is another one, whose output it reads."""

    words: tuple[str, ...]
    feed: tuple[str, ...] = ()


def gcloud(*words: str, feed: tuple[str, ...] = ()) -> Command:
    """A gcloud command; project and the answer to prompts come from the environment of the script."""
    return Command(("gcloud", *words), feed)


def flag(name: str, value: object) -> str:
    """`--name=value`, a truth spelled as gcloud does."""
    return f"--{name}={str(value).lower() if isinstance(value, bool) else value}"


class Heading(NamedTuple):
    """A heading: what the steps after it are about."""

    title: str
    why: str = ""


class Look(NamedTuple):
    """Read what is there (a JSON list or object) and keep it under a name for the steps that compare with it."""

    name: str
    words: tuple[str, ...]


class Ensure(NamedTuple):
    """One thing that shall be as declared: made when the look shows none, changed when it differs, else let be.

    `where` finds it; a part of something found is there only when that `has` it. `wanted` is what shall hold of it;
    `fixed` too, but that cannot be changed in place; what it `lacks` must not be in it.
    """

    title: str
    look: str
    where: Shape
    create: tuple[Command, ...]
    wanted: Shape = NOTHING
    update: tuple[Command, ...] = ()
    fixed: Shape = NOTHING
    has: Shape = NOTHING
    lacks: Shape = NOTHING


class Expect(NamedTuple):
    """Something another step must have brought about; the script stops with the advice when it did not."""

    title: str
    look: str
    where: Shape
    advice: str


class Pick(NamedTuple):
    """Keep a field of something found as a variable of the script."""

    variable: str
    look: str
    where: Shape
    field: str


class Do(NamedTuple):
    """A command that itself looks first, changes what differs, and says so."""

    title: str
    command: Command


Step = Heading | Look | Ensure | Expect | Pick | Do


def short(member: str) -> str:
    """A member of a policy, as a title has it."""
    return member.partition(":")[2].partition("@")[0] or member


def grant(title: str, look: str, member: str, role: str, command: Command, condition: Shape | None = None) -> Ensure:
    """A role for a member, in the policy that `look` read. `condition` None means an unconditional one."""
    return Ensure(title, look, {}, create=(command,), has=_binding(member, role, condition))


def refuse(title: str, look: str, member: str, role: str, command: Command) -> Ensure:
    """No such role for a member; somebody may have given it by hand."""
    return Ensure(title, look, {}, create=(), update=(command,), lacks=_binding(member, role, None))


def _binding(member: str, role: str, condition: Shape | None) -> Shape:
    return {"bindings": [{"role": role, "members": [member], "condition": condition}]}

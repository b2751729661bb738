"""Steps: the actions of provisioning, as data. The files of the cloud services yield them, `script` converts them to
bash.

A text may hold variables of the running script, as names in angle brackets: `<NUMBER>` is the number of the project,
`<SOURCE>` the digest of the source, `<FOUND>` the name of the resource that a comparison found; a Pick defines others.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

Shape = Mapping[str, Any]
"""A part of a resource in gcloud's JSON form; `compare` defines when a resource contains it."""
NOTHING: Shape = MappingProxyType({})


class Command(NamedTuple):
    """A program with its arguments. `feed` is another program whose output it reads."""

    words: tuple[str, ...]
    feed: tuple[str, ...] = ()


def gcloud(*words: str, feed: tuple[str, ...] = ()) -> Command:
    """A gcloud command; project and the answer to prompts come from the environment of the script."""
    return Command(("gcloud", *words), feed)


def flag(name: str, value: object) -> str:
    """`--name=value`; a boolean has gcloud's spelling."""
    return f"--{name}={str(value).lower() if isinstance(value, bool) else value}"


class Heading(NamedTuple):
    """A heading for the following steps."""

    title: str
    why: str = ""


class Look(NamedTuple):
    """Read the present state (a JSON list or object) and keep it under a name for the steps that compare with it."""

    name: str
    words: tuple[str, ...]


class Ensure(NamedTuple):
    """A declared resource: created when the Look shows none, changed when it differs, otherwise left unchanged.

    `where` finds it. With `has` it is a part of the found resource and exists only if the resource contains that part.
    `wanted` holds the wanted fields; `fixed` too, but these cannot be changed in place. The resource must not contain
    `lacks`.
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
    """A condition that an earlier step must have established; otherwise the script stops with the advice."""

    title: str
    look: str
    where: Shape
    advice: str


class Pick(NamedTuple):
    """Keep a field of a found resource as a variable of the script."""

    variable: str
    look: str
    where: Shape
    field: str


class Do(NamedTuple):
    """A command that compares by itself, changes the differences and prints its action."""

    title: str
    command: Command


Step = Heading | Look | Ensure | Expect | Pick | Do


def short(member: str) -> str:
    """The short form of a policy member for titles."""
    return member.partition(":")[2].partition("@")[0] or member


def grant(title: str, look: str, member: str, role: str, command: Command, condition: Shape | None = None) -> Ensure:
    """A role for a member, in the policy that `look` read. `condition` None means an unconditional one."""
    return Ensure(title, look, {}, create=(command,), has=_binding(member, role, condition))


def refuse(title: str, look: str, member: str, role: str, command: Command) -> Ensure:
    """The absence of a role of a member; an operator may have granted it by hand."""
    return Ensure(title, look, {}, create=(), update=(command,), lacks=_binding(member, role, None))


def _binding(member: str, role: str, condition: Shape | None) -> Shape:
    return {"bindings": [{"role": role, "members": [member], "condition": condition}]}

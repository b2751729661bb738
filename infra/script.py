"""Converts steps to a bash script. Every value is quoted here, and only here."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from infra import declared
from infra.parameter import Parameters
from infra.step import Command, Do, Ensure, Expect, Heading, Look, Pick, Step

PRELUDE = Path(__file__).with_name("prelude.sh")
VARIABLE = re.compile(r"<([A-Z]+)>")


def render(p: Parameters) -> str:
    """The whole script of one deployment. Ends in a newline."""
    notes = declared.notes(p)
    lines = [*_head(p, notes), PRELUDE.read_text()]
    for step in declared.steps(p):
        lines += _step(step)
    lines += ["", 'printf \'\\n%s created, %s updated, %s as they were.\\n\' "$created" "$updated" "$same"']
    lines += [f"printf '%s\\n' {quote(note)}" for note in notes]
    return "\n".join(lines) + "\n"


def quote(text: str) -> str:
    """A word of the shell; `<NAME>` in it becomes the value of the variable."""
    if not VARIABLE.search(text):
        return shlex.quote(text)
    parts = VARIABLE.split(text)
    return "".join(f'"${part}"' if i % 2 else shlex.quote(part) if part else "" for i, part in enumerate(parts))


def _head(p: Parameters, notes: list[str]) -> Iterator[str]:
    yield "#!/usr/bin/env bash"
    yield f"# Provisions Tributary in the project {p.project}, region {p.region}. Made by infra/; see infra/README.md."
    yield "# Run it as often as you like: it makes what is missing and changes what differs."
    yield from (f"# {note}" for note in notes)
    yield "set -euo pipefail"
    yield f"export CLOUDSDK_CORE_PROJECT={quote(p.project)} CLOUDSDK_CORE_DISABLE_PROMPTS=1"
    yield "PYTHON=${PYTHON:-python3}"
    yield ""


def _step(step: Step) -> Iterator[str]:
    match step:
        case Heading(title, why):
            yield from ("", f"# {title}" + (f": {why}" if why else ""), f"printf '%s\\n' {quote(title)}")
        case Look(name, words):
            yield f"look {quote(name)} {_words(words)}"
        case Pick(variable, look, where, field):
            yield f"pick {quote(look)} {_json({'where': where, 'pick': field})}"
            yield f"{variable}=${{PICKED:?nothing in {look} has a {field}}}"
        case Do(_, command):
            yield _command(command)
        case Expect():
            yield from _expect(step)
        case Ensure():
            yield from _ensure(step)


def _expect(step: Expect) -> Iterator[str]:
    yield f"ask {quote(step.look)} {_json({'where': step.where})}"
    yield f'[ "$ANSWER" != missing ] || stop {quote("not so: " + step.title)} {quote(step.advice)}'


def _ensure(step: Ensure) -> Iterator[str]:
    asked = {key: value for key in ("where", "has", "wanted", "fixed", "lacks") if (value := getattr(step, key))}
    changeable = "differs" if step.update else "-"
    yield f"compare {quote(step.title)} {quote(step.look)} {_json(asked)} {changeable}"
    if step.create == step.update:
        yield from (f"either && {_command(command)}" for command in step.create)
    else:
        yield from (f"missing && {_command(command)}" for command in step.create)
        yield from (f"differs && {_command(command)}" for command in step.update)


def _command(command: Command) -> str:
    words = _words(command.words)
    return f"fed {_words(command.feed)} into {words}" if command.feed else f"run {words}"


def _words(words: Iterable[str]) -> str:
    return " ".join(map(quote, words))


def _json(value: Mapping[str, Any]) -> str:
    return quote(json.dumps(value, ensure_ascii=False))

"""The commands `tributary admin dead-letters list | replay | drop`: messages that a subscriber did not take.

docs/pubsub.md says how they come about. Each is named by the id of its event.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import closing

from functions import output
from functions.settings import read
from functions.wiring import dead_letters
from lib.errors import Invalid, NotFound
from lib.messaging.port import DeadLetter, DeadLetters

LETTERS_MAX = 1000
DATA_CHARS_MAX = 300


def show(asked: argparse.Namespace) -> None:
    """Show each with its reason, attempts, attributes and the beginning of its data."""
    with closing(_open(asked)) as place:
        letters = place.find(asked.limit)
    for letter in letters:
        output.say(*lines_of(letter))
    count = f"{len(letters)} dead letter{'' if len(letters) == 1 else 's'}"
    output.say(f"{count}, perhaps more" if len(letters) == asked.limit else count)


def replay(asked: argparse.Namespace) -> None:
    """Publish the letters that were named again."""
    _settle(asked, "replayed", lambda place, letter: place.replay(letter))


def drop(asked: argparse.Namespace) -> None:
    """Forget the letters that were named."""
    _settle(asked, "dropped", lambda place, letter: place.drop(letter))


def _settle(asked: argparse.Namespace, done: str, settle: Callable[[DeadLetters, DeadLetter], None]) -> None:
    with closing(_open(asked)) as place:
        letters = _chosen(place.find(asked.limit), asked.ids)
        for letter in letters:
            settle(place, letter)
            output.say(f"{letter.message.id} {done}")
    output.say(f"{len(letters)} {done}")


def _chosen(letters: Sequence[DeadLetter], ids: Sequence[str]) -> Sequence[DeadLetter]:
    """Those that were named, or all. A name that fits none is a mistake, found before anything is done."""
    known = {letter.message.id for letter in letters}
    for id in ids:
        if id not in known:
            raise NotFound("dead letter", id)
    return [letter for letter in letters if letter.message.id in ids] if ids else letters


def _open(asked: argparse.Namespace) -> DeadLetters:
    if not 1 <= asked.limit <= LETTERS_MAX:
        raise Invalid("--limit", f"is from 1 to {LETTERS_MAX}")
    return dead_letters(read(), asked.subscription)


def lines_of(letter: DeadLetter) -> list[str]:
    """What `list` says of one letter."""
    message = letter.message
    shown = message.data.decode(errors="replace")
    refusal = f"{letter.source} did not acknowledge it in {letter.attempts} deliveries"
    return [
        f"{message.id}  {letter.published_at}  channel {message.channel or '-'}",
        f"  reason: {refusal if letter.source else 'it was published here directly'}",
        f"  attributes: {' '.join(f'{k}={v}' for k, v in sorted(message.attributes.items()))}",
        f"  data: {shown[:DATA_CHARS_MAX]}{'…' if len(shown) > DATA_CHARS_MAX else ''}",
    ]

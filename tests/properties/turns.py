"""Threads that take turns at a store as a schedule says: any interleaving of them, again and again the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from lib.store.port import Store
from tests.properties.intakes import Watched

PATIENCE_S = 30


class _Player:
    """One thread, which stops at every call of the store until it is let on."""

    def __init__(self, act: Callable[[Any], object], store: Store, calls: Sequence[str]) -> None:
        self._may_go, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        self._calls, self.is_done, self.error = calls, False, None
        watched = Watched(store, self._wait, lambda name: None)
        self._thread = threading.Thread(target=self._run, args=(act, watched), daemon=True)
        self._thread.start()
        assert self._stands.acquire(timeout=PATIENCE_S)

    def _run(self, act: Callable[[Any], object], store: Any) -> None:
        try:
            act(store)
        except BaseException as error:
            self.error = error
        self.is_done = True
        self._stands.release()

    def _wait(self, name: str) -> None:
        if name in self._calls:
            self._stands.release()
            assert self._may_go.acquire(timeout=PATIENCE_S)

    def step(self) -> None:
        """Let it do its next call, and go on up to the one after that."""
        self._may_go.release()
        assert self._stands.acquire(timeout=PATIENCE_S)


def interleave(
    acts: Sequence[Callable[[Any], object]], stores: Sequence[Store], schedule: Sequence[int], calls: Sequence[str]
) -> None:
    """Run acts, each with its store, to their end. `schedule` says whose turn it is at each of the `calls`; past it
    they run one after the other."""
    players = [_Player(act, store, calls) for act, store in zip(acts, stores, strict=True)]
    turns = iter(schedule)
    while waiting := [player for player in players if not player.is_done]:
        waiting[next(turns, 0) % len(waiting)].step()
    for player in players:
        if player.error is not None:
            raise player.error

"""`tributary serve`: the whole hub in one process on this machine.

HTTP runs in an event loop; the relay, the background loops and the ticker run in threads. The first start makes the
store, the key that signs tokens, an administrator and a first token, and shows them once. The exit status is 2 when it
cannot start with its settings.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import resource
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import uvicorn

from functions import jobs, output
from functions.bind import Bind
from functions.fault import Faulty
from functions.home.asgi_shell import AsgiShell
from functions.home.listener import listen
from functions.home.protocol import GuardedProtocol
from functions.settings import Settings, read
from functions.wiring import Wiring, at_home
from lib.domain.account.account import first_admin
from lib.domain.hub import Hub
from lib.errors import Refusal

KEEP_ALIVE_S = 75
"""An idle connection is closed then: later than the clients' pools close theirs, so that none meets a closed door."""
GRACE_S = 1
"""How long requests under way may take once the hub was told to stop."""
FILES_MAX = 65536


def main() -> int:
    """Serve as the environment says; gives the exit status."""
    return serve(argparse.Namespace(bind=None, store=None))


def serve(asked: argparse.Namespace) -> int:
    """Serve until told to stop, at `bind` and from `store` where they are not None; gives the exit status."""
    options = {name: text for name, text in (("HUB_BIND", asked.bind), ("HUB_STORE", asked.store)) if text is not None}
    try:
        settings = read(options=options)
        # Before anything else is touched: a second hub on the same port changes nothing.
        listeners = _listen(settings.bind, "HUB_BIND" if asked.bind is None else "--bind")
    except Faulty as error:
        return output.refuse(*error.faults)
    with contextlib.ExitStack() as stack:
        for listener in listeners:
            stack.enter_context(listener)
        try:
            settings = at_home(settings)
            lines = output.Lines("functions.edge.http", sys.stderr)
            wiring = Wiring(settings, say=lines)
            hub = wiring.hub
            greeting = _greeting(hub, settings, listeners[0].getsockname()[1])
        except Faulty as error:
            return output.refuse(*error.faults)
        except Refusal as error:
            return output.refuse(str(error))
        except OSError as error:
            return output.refuse(f"HUB_STORE {settings.store} cannot be opened: {error.strerror or error}")
        output.start_log()
        for note in settings.notes:
            logging.getLogger(__name__).warning("%s", note)
        _allow_connections()
        # What a crash of the time before left undone; nobody else has it in hand.
        hub.relay.repair(hub.clock(), timedelta(0))
        shell = AsgiShell(wiring.edge(), settings.public_url)
        _serve(hub, shell, listeners, lines, lambda: output.say(*greeting))
        hub.close()
    return 0


def _listen(bind: Bind, name: str) -> list[socket.socket]:
    """The sockets; `name` is what the one who started it gave the address as."""
    try:
        return listen(bind)
    except OSError as error:
        raise Faulty([f"{name} {bind.text} cannot be used: {error.strerror or error}"]) from error


def _greeting(hub: Hub, settings: Settings, port: int) -> list[str]:
    """Where the hub is; on the first start, which makes its administrator, the secrets nobody can see again."""
    lines = [f"Tributary serves {settings.public_url or settings.bind.url(port)} from {settings.store}"]
    password = settings.admin_password or output.made_up_password()
    now = hub.clock()
    admin = None
    if hub.accounts.count(()) == 0:
        admin = first_admin(hub.accounts, settings.admin_username, settings.admin_email, password, now)
    if admin is not None:
        lines.append(f"Administrator: {admin.username}")
        if not settings.admin_password:
            lines.append(f"Password: {password}")
        lines.append(f"Token: {hub.accounts.auth.mint(admin.id, now)}")
        hint = "" if shutil.which("tributary") else " (after: make install)"
        lines.append(f"These are shown this once. Others: tributary admin --help{hint}")
    return lines


def _serve(
    hub: Hub, shell: AsgiShell, listeners: list[socket.socket], lines: output.Lines, greet: Callable[[], None]
) -> None:
    stop = threading.Event()
    config = uvicorn.Config(
        shell, loop="uvloop", http=GuardedProtocol, ws="none", lifespan="on", log_config=None, access_log=False,
        server_header=False, proxy_headers=False, timeout_keep_alive=KEEP_ALIVE_S, timeout_graceful_shutdown=GRACE_S,
    )  # fmt: skip
    with (
        _running("pump", lambda: hub.relay.pump(stop)),
        _running("ticker", lambda: jobs.tick(hub, stop)),
        _running("readiness", lambda: hub.readiness_follower.pump(stop)),
        _running("deliveries", lambda: hub.deliveries.pump(stop)),
        _running("log", lambda: lines.pump(stop)),
    ):
        # What was imported and built stays: no collection need ever look at it again.
        gc.freeze()
        try:
            _Server(config, shell, greet).run(listeners)
        finally:
            stop.set()


def _allow_connections() -> None:
    """Let the process open as many files as the system allows: the usual soft limit of 1,024 is a thousand clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MAX if hard == resource.RLIM_INFINITY else min(FILES_MAX, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextlib.contextmanager
def _running(name: str, work: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=work, name=name)
    thread.start()
    try:
        yield
    finally:
        thread.join()


class _Server(uvicorn.Server):
    """uvicorn, with the signals in our hands and the polls answered before it waits for requests to end."""

    def __init__(self, config: uvicorn.Config, shell: AsgiShell, greet: Callable[[], None]) -> None:
        super().__init__(config)
        self._shell, self._greet = shell, greet

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        kept = {s: signal.signal(s, self.handle_exit) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # Only now: whoever reads it may send requests, or the signal to stop.
        self._greet()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._shell.release()
        await super().shutdown(sockets)


if __name__ == "__main__":
    sys.exit(main())

"""`make serve`: the whole hub in one process on this machine.

HTTP runs in an event loop; the relay, the background loops and the ticker run in threads. The first start makes the
store, the key that signs tokens, an administrator and a first token, and shows them once. The exit status is 2 when it
cannot start with its settings.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import uvicorn

from functions import jobs, output
from functions.home.asgi_shell import AsgiShell
from functions.home.protocol import GuardedProtocol
from functions.settings import Bind, Faulty, Settings, read
from functions.wiring import Wiring, at_home
from lib.domain.account.account import first_admin
from lib.domain.hub import Hub
from lib.errors import Refusal

KEEP_ALIVE_S = 75
"""An idle connection is closed then: later than the clients' pools close theirs, so that none meets a closed door."""
GRACE_S = 1
"""How long requests under way may take once the hub was told to stop."""
BACKLOG = 2048
FILES_MAX = 65536


def main() -> int:
    """Serve until told to stop; gives the exit status."""
    try:
        settings = at_home(read())
        listener = _listen(settings.bind)
    except Faulty as error:
        return output.refuse(*error.faults)
    with contextlib.closing(listener):
        lines = output.Lines("functions.edge.http", sys.stderr)
        wiring = Wiring(settings, say=lines)
        try:
            hub = wiring.hub
            greeting = _greeting(hub, settings, listener.getsockname()[1])
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
        _serve(hub, shell, listener, lines, lambda: output.say(*greeting))
        hub.close()
    return 0


def _listen(bind: Bind) -> socket.socket:
    """A listening socket, before anything else is touched: a second hub on the same port changes nothing."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(bind)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise Faulty([f"HUB_BIND {bind.host}:{bind.port} cannot be used: {error.strerror}"]) from error
    return listener


def _greeting(hub: Hub, settings: Settings, port: int) -> list[str]:
    """Where the hub is; on the first start, which makes its administrator, the secrets nobody can see again."""
    host = "127.0.0.1" if settings.bind.host == "0.0.0.0" else settings.bind.host  # noqa: S104 - compared, not bound
    lines = [f"Tributary serves {settings.public_url or f'http://{host}:{port}'} from {settings.store}"]
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
        lines.append("These are shown this once. Others: python -m functions.admin --help")
    return lines


def _serve(hub: Hub, shell: AsgiShell, listener: socket.socket, lines: output.Lines, greet: Callable[[], None]) -> None:
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
            _Server(config, shell, greet).run([listener])
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

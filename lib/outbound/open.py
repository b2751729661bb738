"""Makes the post and the courier that the settings name. Called by `functions.wiring` and by tests only."""

from __future__ import annotations

from collections.abc import Sequence

from lib.outbound.port import Courier, Post


def open_post(host: str, port: int, sender: str, password: str, *, waits: bool) -> Post | None:
    """The post of an SMTP server; None without a server: then the hub sends no mail. `waits`: see `SmtpPost`."""
    if not host:
        return None
    from lib.outbound.smtp import SmtpPost

    return SmtpPost(host, port, sender, password, waits=waits)


def open_courier(allow: Sequence[str]) -> Courier:
    """The courier. It calls public machines, and others only in these networks or under these names. Raises ValueError
    for an entry that is neither a network nor a name."""
    from lib.outbound.http import HttpCourier

    return HttpCourier(allow)

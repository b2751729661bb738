"""Makes the post and the courier that a deployment asks for. Called by `functions.wiring` and by tests only."""

from __future__ import annotations

from collections.abc import Sequence

from lib.outbound.port import Courier, Post


def open_post(host: str, port: int, sender: str, password: str, *, waits: bool) -> Post | None:
    """The post of an SMTP server; None without one: then no mail is written. `waits`: see `SmtpPost`."""
    if not host:
        return None
    from lib.outbound.smtp import SmtpPost

    return SmtpPost(host, port, sender, password, waits=waits)


def open_courier(allow: Sequence[str]) -> Courier:
    """What calls other machines: public ones, and of others those in these networks or of these names. Raises
    ValueError for an entry that is neither."""
    from lib.outbound.http import HttpCourier

    return HttpCourier(allow)

"""Makes the post that a deployment asks for. Called by `functions.wiring` and by tests, nowhere else."""

from __future__ import annotations

from lib.outbound.port import Post


def open_post(host: str, port: int, sender: str, password: str, *, waits: bool) -> Post | None:
    """The post of an SMTP server; None without one: then no mail is written. `waits`: see `SmtpPost`."""
    if not host:
        return None
    from lib.outbound.smtp import SmtpPost

    return SmtpPost(host, port, sender, password, waits=waits)

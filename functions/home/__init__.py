"""Home: the whole hub in one process on one machine (`make serve`).

`serve` starts and stops it; `asgi_shell` carries requests and replies, over `connection` and the limits of `protocol`;
`long_poll` holds the waiting polls.
"""

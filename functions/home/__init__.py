"""Home: the whole hub in one process on one machine (`tributary serve`).

`serve` starts and stops it; `listener` opens its sockets; `asgi_shell` carries requests and replies, over `connection`
and the limits of `protocol`; `long_poll` holds the waiting polls.
"""

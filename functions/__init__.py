"""The edge: the only place that knows Flask, ASGI, the environment and the cloud.

- `flask_shell`, `asgi_shell`: bytes → Request, Reply or Wait → bytes; one for a cloud function, one for `make serve`
- `protocol`: limits of a request's head, under the ASGI shell
- `room`: where the long polls of the ASGI shell wait
- `http`: answer(): route, limit, authenticate, run, log one line, count, catch all
- `routes`, `table`: which dialect is mounted where, the slices; the matching
- `own`, `jobs`, `pages`: what belongs to no wire language; what runs by the clock; the web pages
- `events`, `push`: what is pushed here and done with it; the forms it comes in
- `settings`, `wiring`: the environment; settings → adapters → Hub, built on first use
- `local`, `admin`, `output`: `make serve`; the command line; what both say
- `openapi`: the description of the surface, from the table
"""

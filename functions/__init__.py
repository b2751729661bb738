"""The edge: the only place that knows Flask, ASGI, the environment and the cloud.

- `edge`: what happens once for every request; `push`: what is delivered to `on_event`; `pages`: the web pages
- `home`: the whole hub in one process; `flask_shell`: one cloud function; `command`: the command line
- `settings`, `bind`, `place`, `wiring`: the environment; settings → adapters → Hub, built on first use
- `jobs`: what runs by the clock; `output`: the log, and what commands say; `fault`: why a process cannot run
- `tributary`: what the command starts; `version`: its version; `local`, `admin`: its former names
"""

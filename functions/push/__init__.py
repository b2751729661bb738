"""Pushes: what Pub/Sub and others deliver to `on_event`.

`route` says what each push leads to, `envelope` reads the forms it comes in, `submission` the submissions of KCIDB.
"""

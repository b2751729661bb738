"""The map of the house.

Eight nouns carry everything: **Node** (a thing with a state), **Event** (what happened to it), **Actor** (who),
**Query** (which), **Hub** (the verbs), **Store** and **Bus** (the ports), **Dialect** (a wire language).

    bytes ─ shell ─▶ Request ─ dialect.decode ─▶ command ─ Hub ─▶ Store (record + event, one transaction)
    bytes ◀ shell ─  Reply   ◀─ dialect.encode ─ record ◀──┘           └▶ Bus (after commit, from the outbox)

Layers, lowest first; each may import only what stands above it in this list:

    errors, clock, ids, store.collection  leaves
    store.port, messaging.port, auth.port the ports: contracts only
    store.sqlite, messaging.sqlite, …     adapters: one technology each; `open.py` picks one by its URL
    domain/                               the rules and the verbs; knows ports, no adapter, no wire
    dialects/wire                         Request, Reply, Wait, Route, Dialect
    dialects/<one>/                       codec and handlers of one wire language

`tests/house/test_imports.py` holds these directions.
"""

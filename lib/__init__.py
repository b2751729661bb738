"""The map of the house.

Eight nouns carry everything: **Node** (a thing with a state), **Event** (what happened to it), **Actor** (who),
**Query** (which), **Hub** (the verbs), **Store** and **Bus** (the ports), **Dialect** (a wire language).

    bytes ─ shell ─▶ Request ─ dialect.decode ─▶ command ─ Hub ─▶ Store (record + event, one transaction)
    bytes ◀ shell ─  Reply   ◀─ dialect.encode ─ record ◀──┘           └▶ Bus (after commit, from the outbox)

The parts of lib/, and of each what it is for; a room of the domain may import rooms above it in this list, never one
below it:

    lib/            `errors`, `clock`, `ids`: refusals, instants, identifiers; nothing of ours
      store/        the store: its port, its indexes, the choice of an adapter
        sqlite/     the store on SQLite
        firestore/  the store on Firestore
      messaging/    the bus: port and adapters
      auth/         passwords, tokens, foreign signatures: port and adapters
      outbound/     mail and webhooks: port and adapters
      domain/       the rules and the verbs; `hub` ties them together
        query/      what a filter means, and how a query runs over a store
        report/     objects of KCIDB as merged: which value wins, what hangs from what, exports
        account/    who a caller is, how that is proven, what it allows
        readiness/  purposes, and what an object lacks for one
        dashboard/  what the dashboard's API reads of merged objects
        event/      the log and what follows it: outbox, subscriptions, deliveries, retention
        service/    key-value pairs, telemetry, lists
        node/       the node: record, state machine, tree, rights, verbs
        ingest/     submissions → merged objects
        notify/     watches, what they were sent, scheduled checks
        bridge/     nodes ⇄ objects of KCIDB
      dialects/     `wire`: Request, Reply, Route, Dialect; `params`: a query; one package a wire language
        kernelci/   the KernelCI API
        kcidb/      KCIDB: submit, read, watch
        dashboard/  the REST API that `kci-dev results` reads

`tests/house/rooms.py` is the table; the tests beside it hold the imports, the tree and this text to it.
"""

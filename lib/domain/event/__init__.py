"""Events: the log of what happened, and everything that follows it.

Decides: what an event is, that a record and its event are one write, how events reach the bus, subscribers, receivers
of mail and webhooks, and background work, how what is due is worked off, and how long each kind of document is kept.

May import from the domain: `account`, `query`.
"""

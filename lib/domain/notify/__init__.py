"""Notifications: who hears that an object is ready for a purpose, once and at least once (kcidb.md 4.4).

Decides: what a watch may ask, which objects a change concerns, what was sent already, and when a mail or webhook is
tried again.

May import from the domain: `account`, `event`, `query`, `readiness`, `report`.
"""

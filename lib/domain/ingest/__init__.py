"""Ingest: submissions of KCIDB become merged objects.

Decides: how a submission is kept, in which pieces it is merged, which sizes it may have, and how everything merged is
computed anew.

May import from the domain: `account`, `event`, `query`, `report`.
"""

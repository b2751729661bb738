"""Ingest: submissions of KCIDB become merged objects.

Decides: how a submission is stored, in which pieces it is merged, its size limits, and how all merged objects are
computed anew.

May import from the domain: `account`, `event`, `query`, `report`.
"""

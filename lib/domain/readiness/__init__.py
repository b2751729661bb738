"""Readiness: whether an object is good enough for a purpose, and what it lacks (kcidb.md 4.4).

Decides: what a purpose may demand, which purposes there are, and what an object lacks, field by field.

May import from the domain: `query`, `report`.
"""

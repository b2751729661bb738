"""Dashboard: what the dashboard's API reads of merged objects (kcidb.md 4.5).

Decides: which results a tree, a commit, a platform or an issue has, how they are filtered, counted and compared.

May import from the domain: `query`, `report`.
"""

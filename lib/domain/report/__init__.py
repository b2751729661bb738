"""Reports: objects of KCIDB as merged (kcidb.md 2.3 to 2.7).

Decides: which of several values wins, how the merged state is stored, the links between reports, and how reports are
read and exported.

May import from the domain: `query`.
"""

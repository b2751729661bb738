"""Bridge: nodes as objects of KCIDB, and merged objects as nodes.

Decides: which fields of a node become which fields of a checkout, build or test; when a change of a node reaches the
merged objects; how a merged object is shown and found as a node.

May import from the domain: `event`, `ingest`, `node`, `query`, `report`.
"""

"""Nodes: the record, its state machine, its tree, and the verbs that change it (kernelci.md 2.4, 4.1 and 6).

Decides: what a node may hold, who may edit it, which states follow which, and what the clock does to it.

May import from the domain: `account`, `event`, `query`.
"""

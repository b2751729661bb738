"""Nodes: the record, its state machine, its tree, and the verbs that change it (kernelci.md 2.4, 4.1 and 6).

Decides: the content of a node, the right to edit it, the transitions between states, and the changes by the clock.

May import from the domain: `account`, `event`, `query`.
"""

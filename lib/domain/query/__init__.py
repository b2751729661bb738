"""Queries: what a filter means, and how a query runs over a store within its limits (kernelci.md 3).

Decides: the operators, the split of a query into an indexed scan and a residual filter, the cap of documents read.

May import nothing from the rest of the domain.
"""

"""KCIDB's schema in every version, and the wire models of what the hub answers about it."""

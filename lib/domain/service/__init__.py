"""Services: what services of a CI system keep at the hub beside their nodes (kernelci.md 2.5 and 2.6).

Decides: key-value pairs, telemetry and its anomalies, and lists that several workers take from.

May import from the domain: `account`, `event`, `query`.
"""

"""Wire models of the KernelCI API."""

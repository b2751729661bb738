"""Outbound traffic: the ports of mail and of calls over HTTP, and their adapters."""

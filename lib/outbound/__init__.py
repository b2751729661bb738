"""What the hub sends out by itself: the ports of mail and of calls over HTTP, and their adapters."""

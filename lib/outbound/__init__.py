"""What the hub sends out by itself: the port of mail and its adapters."""

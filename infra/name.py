"""Names that more than one cloud service needs."""

BUILD, PUSH, SCHEDULER = "tributary-build", "tributary-push", "tributary-scheduler"
"""Service accounts of Cloud Build, and of the calls of Pub/Sub and Cloud Scheduler."""
SECRET = "tributary-secret-key"
EVENTS, INBOX, KCIDB, DEAD = "tributary-events", "tributary-inbox", "tributary-kcidb", "tributary-dead"
"""Topics: the hub's events, incoming events, submissions of KCIDB, and dead letters."""
DATABASE = "(default)"

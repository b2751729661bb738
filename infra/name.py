"""Names that more than one cloud service needs."""

BUILD, PUSH, SCHEDULER = "tributary-build", "tributary-push", "tributary-scheduler"
"""Service accounts that are no function's: who builds, and as whom Pub/Sub and Cloud Scheduler call in."""
SECRET = "tributary-secret-key"
EVENTS, INBOX, KCIDB, DEAD = "tributary-events", "tributary-inbox", "tributary-kcidb", "tributary-dead"
"""Topics: what the hub tells, what it is told, submissions of KCIDB, and what could not be delivered."""
DATABASE = "(default)"

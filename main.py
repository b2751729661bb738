"""Every deployable function, by name: `functions-framework --target=node`, `gcloud functions deploy node …`.

Each function serves one slice of the route table (`functions.edge`); `hub` serves all slices. The import does no work:
the first request reads the settings and opens the store.
"""

from functions.flask_shell import target

hub = target("hub")
node = target("node")
user = target("user")
query = target("query")
pubsub = target("pubsub")
kcidb = target("kcidb")
pages = target("pages")
sweep = target("sweep")
on_event = target("on_event")

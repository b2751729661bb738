"""Every deployable function, by name: `functions-framework --target=node`, `gcloud functions deploy node …`.

Each serves one slice of the route table (`functions.edge`), `hub` serves all of it. Importing this does no work:
settings are read and the store is opened by the first request.
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

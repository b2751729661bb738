"""The parts of the project: what each is for, and what it may import. Everything that names them is held to this table.

`test_imports.py` holds the imports. `test_map.py` holds the docstring of each package, `lib/__init__.py` and the map in
CONTRIBUTING.md. `python -m tests.house.rooms` (`make map`) writes the generated lines of all three.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
OURS = ("lib", "functions", "schemas", "infra", "main", "tests")

CLOUD = ("google", "flask", "functions_framework", "uvicorn", "starlette")
DATA = ("sqlite3", "apsw")
LEAVES = ("lib.errors", "lib.clock", "lib.ids", "lib.waiting", "lib.tally")
PORTS = ("lib.store.port", "lib.messaging.port", "lib.auth.port", "lib.outbound.port")
STATED = ("lib.store.collection", "lib.store.indexes")
"""What the store declares: data, no adapter."""


class Room(NamedTuple):
    """A part of the project. `may` are patterns of our modules that it may import, `typing` those for types only;
    `must_not` are other packages, or `os.environ`. `domain` are the rooms of the domain among `may`, `{own}` in a
    pattern is the part's own name."""

    path: str
    says: str
    may: tuple[str, ...] = ()
    must_not: tuple[str, ...] = CLOUD + DATA
    typing: tuple[str, ...] = ()
    domain: tuple[str, ...] = ()

    @property
    def package(self) -> str:
        return self.path.replace("/", ".").removesuffix(".py")

    @property
    def allowed(self) -> tuple[str, ...]:
        """Patterns of our modules that it may import; a package may always import its own."""
        return (f"{self.package}.*", *self.may, *(f"lib.domain.{name}.*" for name in self.domain))


def _domain(name: str, says: str, *below: str) -> Room:
    """A room of the domain, which may import these rooms below it."""
    return Room(f"lib/domain/{name}", says, (*LEAVES, *PORTS, *STATED), (*CLOUD, *DATA, "os"), domain=below)


def _dialect(name: str, says: str, *records: str) -> Room:
    """A dialect, which may import the hub and the records of these rooms of the domain."""
    return Room(
        f"lib/dialects/{name}", says,
        (*LEAVES, "lib.dialects.wire", "lib.dialects.params", "lib.domain.hub", f"schemas.{name}.*"),
        (*CLOUD, *DATA, "os"), ("lib.store.port",), records,
    )  # fmt: skip


def _adapters(name: str, says: str) -> Room:
    return Room(f"lib/{name}", says, LEAVES, ("flask", "os.environ"))


DOMAIN = (
    _domain("query", "what a filter means, and how a query runs over a store"),
    _domain("report", "objects of KCIDB as merged: which value wins, what hangs from what, exports", "query"),
    _domain("account", "who a caller is, how that is proven, what it allows", "query"),
    _domain("readiness", "purposes, and what an object lacks for one", "query", "report"),
    _domain("dashboard", "what the dashboard's API reads of merged objects", "query", "report"),
    _domain("event", "the log and what follows it: outbox, subscriptions, deliveries, retention", "account", "query"),
    _domain("service", "key-value pairs, telemetry, lists", "account", "event", "query"),
    _domain("node", "the node: record, state machine, tree, rights, verbs", "account", "event", "query"),
    _domain("ingest", "submissions → merged objects", "account", "event", "query", "report"),
    _domain(
        "notify", "watches, what they were sent, scheduled checks", "account", "event", "query", "readiness", "report"
    ),
    _domain("bridge", "nodes ⇄ objects of KCIDB", "event", "ingest", "node", "query", "report"),
)
"""Lowest first: a room may import rooms above it in this list, never one below."""
NAMES = tuple(room.path.rpartition("/")[2] for room in DOMAIN)

DIALECTS = (
    _dialect("kernelci", "the KernelCI API", "account", "event", "node", "query", "service"),
    _dialect("kcidb", "KCIDB: submit, read, watch", "account", "ingest", "notify", "readiness", "report"),
    _dialect("dashboard", "the REST API that `kci-dev results` reads", "dashboard", "report"),
)

_EDGE = (
    "functions.edge", "functions.edge.*", "functions.push.*", "functions.pages*", "functions.jobs", "functions.version",
    "lib.dialects.*",
    "lib.domain.*", *LEAVES, *PORTS, "schemas.*",
)  # fmt: skip
_ANY = ("functions.*", "lib.*", "schemas.*")
_STORE = (*LEAVES, "lib.store.port", "lib.store.term", *STATED)
_BARE = (*CLOUD, *DATA, "os.environ")

ROOMS = (
    Room("main.py", "every deployable function by name", ("functions.*",)),
    Room("functions", "the edge of the process: shells, settings, wiring, jobs", _ANY, DATA),
    Room("functions/edge", "once for every request: route, limit, authenticate, run, log", _EDGE, _BARE),
    Room("functions/push", "what Pub/Sub and others deliver to `on_event`", _EDGE, _BARE),
    Room("functions/pages", "web pages: handlers, templates, static files", _EDGE, _BARE),
    Room("functions/home", "the whole hub in one process (`serve`)", _ANY, DATA),
    Room("functions/command", "the command line", _ANY, DATA),
    Room("lib", "`errors`, `clock`, `ids`: refusals, instants, identifiers; nothing of ours"),
    Room("lib/store", "the store: its port, its indexes, the choice of an adapter", LEAVES, ("flask", "os.environ")),
    Room("lib/store/sqlite", "the store on SQLite", _STORE, (*CLOUD, "os.environ")),
    Room("lib/store/firestore", "the store on Firestore", _STORE, ("flask", *DATA, "os.environ")),
    _adapters("messaging", "the bus: port and adapters"),
    _adapters("auth", "passwords, tokens, foreign signatures: port and adapters"),
    _adapters("outbound", "mail and webhooks: port and adapters"),
    Room(
        "lib/domain", "the rules and the verbs; `hub` ties them together",
        (*LEAVES, *PORTS), (*CLOUD, *DATA, "os"), domain=NAMES,
    ),
    *DOMAIN,
    Room("lib/dialects", "`wire`: Request, Reply, Route, Dialect; `params`: a query; one package a wire language"),
    *DIALECTS,
    Room("schemas", "what each wire looks like: models, field tables"),
    Room("schemas/kernelci", "KernelCI: bodies, node data, events, telemetry"),
    Room("schemas/kcidb", "KCIDB: every version of the schema, queries, readiness"),
    Room("schemas/dashboard", "the dashboard's answers"),
    Room("infra", "provisioning in Google Cloud, from one declarative source",
         ("lib.store.indexes", "lib.store.firestore.index", "schemas.*", "functions.edge.routes",
          "functions.wiring"), DATA),
    Room("tests", "the tests, by kind; `tests/build` makes what they are made of", ("*",), ()),
    Room("docs", "for users; `docs/protocol` holds the rules that the code cites"),
)  # fmt: skip

NARROWER = {
    "lib": Room("lib/__init__.py", ""),
    "lib.dialects.wire": Room("lib/dialects/wire.py", "", ("lib", "lib.errors", "lib.clock"), typing=("lib.domain.*",)),
    "lib.dialects.params": Room("lib/dialects/params.py", "", ("lib.dialects.wire", "lib.errors", "lib.clock")),
    **{leaf: Room(leaf.replace(".", "/") + ".py", "") for leaf in LEAVES},
    "lib.store.collection": Room("lib/store/collection.py", ""),
    "lib.store.indexes": Room("lib/store/indexes.py", "", ("lib.store.collection",)),
    **{port: Room(f"{port}", "", ("lib.errors",)) for port in PORTS},
    **{f"lib.{name}.open": Room(f"lib/{name}", "", ("lib.errors", "lib.clock")) for name in
       ("store", "messaging", "auth", "outbound")},
    "functions.jobs": Room("functions/jobs.py", "", _EDGE, _BARE),
    "functions.settings": Room(
        "functions/settings.py", "", ("functions.bind", "functions.fault", "functions.place"), ("google", *DATA)
    ),
    "functions.bind": Room("functions/bind.py", ""),
    "functions.fault": Room("functions/fault.py", ""),
    "functions.place": Room("functions/place.py", ""),
    "functions.output": Room("functions/output.py", ""),
    "functions.home.long_poll": Room("functions/home/long_poll.py", ""),
}  # fmt: skip
"""Modules that are held to less than their package is."""


def room_of(module: str) -> Room:
    """The room that holds a module: its own entry, or the innermost package of the table. Raises LookupError."""
    if module in NARROWER:
        return NARROWER[module]
    parts = module.split(".")
    rooms = {room.package: room for room in ROOMS}
    for end in range(len(parts), 0, -1):
        if ".".join(parts[:end]) in rooms:
            return rooms[".".join(parts[:end])]
    raise LookupError(module)


def modules() -> dict[str, Path]:
    """Every module of the product: dotted name → file."""
    found = [ROOT / "main.py", *(p for top in OURS[:4] for p in sorted((ROOT / top).rglob("*.py")))]
    return {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in found}


MODULES = modules()


def statement(room: Room) -> str:
    """The sentence of a package of the domain, or of a dialect, that says what it may import."""
    names = [*(["hub"] if room in DIALECTS else []), *sorted(room.domain)]
    if not names:
        return "May import nothing from the rest of the domain."
    return f"May import from the domain: {', '.join(f'`{name}`' for name in names)}."


def lib_lines() -> Iterator[str]:
    """The map of lib/, for its docstring."""
    for room in ROOMS:
        if room.path.startswith("lib"):
            depth = room.path.count("/")
            yield f"    {'  ' * depth}{room.path.rpartition('/')[2] + '/':<{16 - 2 * depth}}{room.says}".rstrip()


def map_lines() -> Iterator[str]:
    """The map of everything, for CONTRIBUTING.md."""
    yield from ("| place | what is there | may import from the domain |", "|---|---|---|")
    for room in ROOMS:
        names = ", ".join(sorted(room.domain)) if room.domain and room.path != "lib/domain" else ""
        place = room.path if room.path.endswith(".py") else f"{room.path}/"
        yield f"| `{place}` | {room.says} | {names} |"


LIB = ROOT / "lib" / "__init__.py"
GUIDE = ROOT / "CONTRIBUTING.md"


def replaced(text: str, lines: Iterator[str], starts: str) -> str:
    """A text whose first block of consecutive lines that match `starts` are these lines."""
    old = text.splitlines()
    first = next(n for n, line in enumerate(old) if re.match(starts, line))
    last = next((n for n in range(first, len(old)) if not re.match(starts, old[n])), len(old))
    return "\n".join([*old[:first], *lines, *old[last:]]) + "\n"


def generated() -> dict[Path, str]:
    """The files that show the table, as they are to be."""
    files = {
        LIB: replaced(LIB.read_text(), lib_lines(), r" {4,}\w+/ "),
        GUIDE: replaced(GUIDE.read_text(), map_lines(), r"\| (place|`|---)|\|---"),
    }
    for room in (*DOMAIN, *DIALECTS):
        path = ROOT / room.path / "__init__.py"
        text = path.read_text()
        files[path] = re.sub(r"^May import .*?\.$", statement(room), text, count=1, flags=re.M | re.S)
    return files


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text)

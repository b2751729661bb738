"""Settings: one table, read once from the environment and `.env`, every fault reported together.

An option of a command wins over the environment, the environment over `.env` (`place.py` says which). An empty value
counts as not set, since compose files pass those on. Names without `HUB_` are KernelCI's own (kernelci.md 8 and 9), so
that its environment files work here. Called by `wiring` and the commands; `docs/settings.md` says the same for people,
and a test compares the two.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from dotenv import dotenv_values

from functions import place
from functions.bind import Bind
from functions.bind import parse as parse_bind
from functions.fault import Faulty

ALGORITHMS = ("HS256", "HS384", "HS512")
ACCOUNTS_MAX = 20
"""Most service accounts of one setting."""
REACHABLE_MAX = 50
"""Most networks and hosts of HUB_OUTBOUND_ALLOW."""
EMULATOR = "FIREBASE_AUTH_EMULATOR_HOST"
"""Makes Firebase's libraries take any token, forged ones too, and ask a server of its choice about accounts."""
KEEP_ALIVE_S_MAX = 3600
"""A poll is never held longer, whatever KEEP_ALIVE_PERIOD says: nobody waits for an answer for ever."""
SECRET_BYTES_WANTED = 32
"""HS256 is as strong as its key up to this length (RFC 7518, 3.2)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a deployment fixes. `notes` are things an operator should hear once."""

    bind: Bind
    store: str
    bus: str
    public_url: str
    admin_username: str
    admin_email: str
    admin_password: str
    secret_key: str
    unified_secret: str
    algorithm: str
    token_expires_s: int | None
    keep_alive: timedelta
    query_docs_max: int | None
    source: str
    origin: str
    smtp_host: str
    smtp_port: int
    email_sender: str
    email_password: str
    oidc_audience: str = ""
    push_accounts: frozenset[str] = frozenset()
    scheduler_accounts: frozenset[str] = frozenset()
    firebase_project: str = ""
    push_origins: frozenset[str] = frozenset("*")
    outbound_allow: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


Parse = Callable[[str], Any]


class Setting(NamedTuple):
    """One line of the table. `parse` raises ValueError with what the value must be."""

    name: str
    default: str
    unit: str
    help: str
    parse: Parse = str
    synonym: str = ""


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise ValueError("must be a port from 1 to 65535")
    return int(text)


def _word(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be ASCII without spaces")
    return text


def _url(text: str) -> str:
    if not re.match(r"[a-z][a-z0-9+.-]*:", text):
        raise ValueError("must be a URL, like sqlite:///var/hub.db")
    return text


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an http or https URL without a query, like https://hub.example.org")
    return text.rstrip("/")


def _audience(text: str) -> str:
    _http_url(text)
    # As it is: what tokens say is compared to the letter.
    return text


def _accounts(text: str) -> frozenset[str]:
    names = {name.strip().lower() for name in text.split(",")} - {""}
    if len(names) > ACCOUNTS_MAX or not all(re.fullmatch(r"[^@\s]+@[^@\s]+", name) for name in names):
        raise ValueError(f"must be a list of at most {ACCOUNTS_MAX} e-mail addresses, with commas between")
    return frozenset(names)


def _origins(text: str) -> frozenset[str]:
    names = frozenset(name.strip() for name in text.split(",")) - {""}
    if not all(re.fullmatch(r"\*|[a-z0-9_]+", name) for name in names):
        raise ValueError("must be a list of origins (lower-case letters, digits and _) with commas between, or *")
    return names


def _reachable(text: str) -> tuple[str, ...]:
    entries = tuple(entry.strip() for entry in text.split(",") if entry.strip())
    if len(entries) > REACHABLE_MAX or not all(map(_is_reachable, entries)):
        raise ValueError(f"must be at most {REACHABLE_MAX} networks and hosts, like 10.1.0.0/16,lava.lan")
    return entries


def _is_reachable(entry: str) -> bool:
    try:
        ipaddress.ip_network(entry)
    except ValueError:
        return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}", entry) is not None
    return True


def _project(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", text):
        raise ValueError("must be the id of a project, like my-project-1a2b3")
    return text


def _origin(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9_]+", text) or text == "_":
        raise ValueError("must be lower-case letters, digits and underscores, and not an underscore alone")
    return text


def _algorithm(text: str) -> str:
    if text not in ALGORITHMS:
        raise ValueError(f"must be one of {', '.join(ALGORITHMS)}")
    return text


def _natural(text: str) -> int:
    if text.lower() == "none":
        return 0
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("must be a whole number, 0 or more")
    return int(text)


def _keep_alive(text: str) -> timedelta:
    seconds = _natural(text)
    if seconds > KEEP_ALIVE_S_MAX:
        raise ValueError(f"must be at most {KEEP_ALIVE_S_MAX}")
    return timedelta(seconds=seconds or KEEP_ALIVE_S_MAX)


SETTINGS: tuple[Setting, ...] = (
    Setting("HUB_BIND", "127.0.0.1:8080", "host:port",
            "where the hub listens; an IPv6 address has brackets: `[::1]:8080`", parse_bind),
    Setting("HUB_STORE", place.STORE, "URL", "the store: [below](#the-store); `firestore://PROJECT` is Google's", _url),
    Setting("HUB_BUS", "embedded", "URL", "the bus; `embedded` is this machine's, `pubsub://PROJECT/TOPIC` Google's"),
    Setting("HUB_PUBLIC_URL", "", "URL", "how clients reach the hub; by default what each request says", _http_url),
    Setting("HUB_ADMIN_PASSWORD", "", "text", "password of the first administrator; by default one is made up",
            synonym="KCI_INITIAL_PASSWORD"),
    Setting("HUB_ADMIN_USERNAME", "admin", "text", "name of the first administrator",
            synonym="KCI_INITIAL_ADMIN_USERNAME"),
    Setting("HUB_ADMIN_EMAIL", "", "text", "address of the first administrator; by default <name>@kernelci.org",
            synonym="KCI_INITIAL_ADMIN_EMAIL"),
    Setting("SECRET_KEY", "", "text", "signs tokens; at home made once and kept beside the store, else required"),
    Setting("UNIFIED_SECRET", "", "text", "a second key whose tokens are accepted too"),
    Setting("ALGORITHM", "HS256", "name", "how tokens are signed: HS256, HS384 or HS512", _algorithm),
    Setting("ACCESS_TOKEN_EXPIRE_MINUTES", "none", "minutes", "lifetime of a token; 0 or none: no end", _natural),
    Setting("ACCESS_TOKEN_EXPIRE_SECONDS", "none", "seconds", "the same in seconds; wins over minutes", _natural),
    Setting("KEEP_ALIVE_PERIOD", "45", "seconds", "how long a poll idles before it answers BEEP; 0: an hour",
            _keep_alive),
    Setting("HUB_QUERY_DOCS", "", "documents",
            "most documents one query may read; by default 1,000,000 at home, 50,000 where each is billed", _natural),
    Setting("CLOUD_EVENTS_SOURCE", "https://api.kernelci.org/", "URI", "`source` of the hub's events"),
    Setting("HUB_ORIGIN", "tributary", "name", "the origin that nodes have as objects of KCIDB", _origin),
    Setting("SMTP_HOST", "", "name", "the server that mail goes out by; without one no mail is written", _word),
    Setting("SMTP_PORT", "587", "port", "its port; 465 is encrypted from the start, others once STARTTLS is offered",
            _port),
    Setting("EMAIL_SENDER", "", "address", "whom mail comes from; the user name of the server as well", _word),
    Setting("EMAIL_PASSWORD", "", "text", "the password of that user; without one nobody logs in"),
    Setting("HUB_OIDC_AUDIENCE", "", "URL", "what tokens of service accounts must be made for; unset: none is accepted",
            _audience),
    Setting("HUB_PUSH_ACCOUNTS", "", "emails", "service accounts that may push to `/on_event`, with commas between",
            _accounts),
    Setting("HUB_PUSH_ORIGINS", "*", "names",
            "origins whose KCIDB results may be pushed, with commas between; *: whatever the topic's publishers send",
            _origins),
    Setting("HUB_SCHEDULER_ACCOUNTS", "", "emails", "service accounts that may call `/jobs/…`, with commas between",
            _accounts),
    Setting("HUB_FIREBASE_PROJECT", "", "name", "the Firebase project whose users are accepted too; unset: none",
            _project),
    Setting("HUB_OUTBOUND_ALLOW", "", "networks",
            "networks and hosts that webhooks may call beside public ones, with commas between", _reachable),
)  # fmt: skip

UNUSED: Mapping[str, str] = {
    "REDIS_HOST": "there is no Redis here: HUB_BUS names the bus",
    "MONGO_SERVICE": "there is no MongoDB here: HUB_STORE names the store",
}
"""Names of KernelCI's environment that are accepted, and why they do nothing."""


OPTIONS: Mapping[str, str] = {"HUB_BIND": "--bind", "HUB_STORE": "--store"}
"""Settings that are options of `tributary serve` as well."""


def read(
    environ: Mapping[str, str] | None = None,
    dotenv: str | Path | None = None,
    options: Mapping[str, str] | None = None,
) -> Settings:
    """The settings of this process; `options` are the names of `OPTIONS` that were given on the command line. Raises
    Faulty with all faults at once."""
    given = {
        **_from_file(place.env_file() if dotenv is None else dotenv),
        **(os.environ if environ is None else environ),
    }
    given = {name: value for name, value in given.items() if value.strip()} | (options := dict(options or {}))
    found: dict[str, Any] = {}
    faults: list[str] = []
    for setting in SETTINGS:
        name = setting.name if setting.name in given or setting.synonym not in given else setting.synonym
        text = given.get(name, setting.default)
        try:
            is_taken = setting.parse is str or (not text and name not in options)
            found[setting.name] = text if is_taken else setting.parse(text.strip())
        except ValueError as error:
            faults.append(f"{OPTIONS[name] if name in options else name} {error}")
    if "HUB_STORE" not in given:
        found["HUB_STORE"] = place.default_store()
    if found.get("SMTP_HOST") and "@" not in found.get("EMAIL_SENDER", ""):
        faults.append("EMAIL_SENDER must be an address where SMTP_HOST is set")
    faults += _contradictions(given)
    if faults:
        raise Faulty(faults)
    return _assemble(found, notes=_notes(given))


def _contradictions(given: Mapping[str, str]) -> list[str]:
    """What is right by itself and wrong together."""
    faults = [
        f"{name} needs HUB_OIDC_AUDIENCE"
        for name in ("HUB_PUSH_ACCOUNTS", "HUB_SCHEDULER_ACCOUNTS")
        if name in given and "HUB_OIDC_AUDIENCE" not in given
    ]
    if EMULATOR in given and "HUB_FIREBASE_PROJECT" in given:
        faults.append(
            f"{EMULATOR} switches the verification of Firebase's tokens off: unset it, or HUB_FIREBASE_PROJECT"
        )
    return faults


def _from_file(path: str | Path) -> dict[str, str]:
    """The pairs of a `.env` file, taken literally: a `$` in a secret is a `$`. A relative path of a store is below the
    folder of the file."""
    try:
        pairs = dotenv_values(path, interpolate=False) if Path(path).is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise Faulty([f"{path} cannot be read: {error}"]) from error
    given = {name: value for name, value in pairs.items() if value is not None}
    if "HUB_STORE" in given:
        given["HUB_STORE"] = place.below(Path(path).parent, given["HUB_STORE"].strip())
    return given


def _assemble(found: Mapping[str, Any], notes: tuple[str, ...]) -> Settings:
    expires_s = found["ACCESS_TOKEN_EXPIRE_SECONDS"] or found["ACCESS_TOKEN_EXPIRE_MINUTES"] * 60
    username = found["HUB_ADMIN_USERNAME"]
    return Settings(
        bind=found["HUB_BIND"],
        store=found["HUB_STORE"],
        bus=found["HUB_BUS"],
        public_url=found["HUB_PUBLIC_URL"],
        admin_username=username,
        admin_email=found["HUB_ADMIN_EMAIL"] or f"{username}@kernelci.org",
        admin_password=found["HUB_ADMIN_PASSWORD"],
        secret_key=found["SECRET_KEY"],
        unified_secret=found["UNIFIED_SECRET"],
        algorithm=found["ALGORITHM"],
        token_expires_s=expires_s or None,
        keep_alive=found["KEEP_ALIVE_PERIOD"],
        query_docs_max=found["HUB_QUERY_DOCS"] or None,
        source=found["CLOUD_EVENTS_SOURCE"],
        origin=found["HUB_ORIGIN"],
        smtp_host=found["SMTP_HOST"],
        smtp_port=found["SMTP_PORT"],
        email_sender=found["EMAIL_SENDER"],
        email_password=found["EMAIL_PASSWORD"],
        oidc_audience=found["HUB_OIDC_AUDIENCE"],
        push_accounts=found["HUB_PUSH_ACCOUNTS"] or frozenset(),
        scheduler_accounts=found["HUB_SCHEDULER_ACCOUNTS"] or frozenset(),
        firebase_project=found["HUB_FIREBASE_PROJECT"],
        push_origins=found["HUB_PUSH_ORIGINS"],
        outbound_allow=found["HUB_OUTBOUND_ALLOW"] or (),
        notes=notes,
    )


def _notes(given: Mapping[str, str]) -> tuple[str, ...]:
    """What is no fault and yet worth a line at the start."""
    notes = [f"{name} is set and not used: {why}" for name, why in UNUSED.items() if name in given]
    known = {name for s in SETTINGS for name in (s.name, s.synonym)}
    # Only a note: a platform may inject names of its own (Kubernetes does for a service called `hub`).
    for name in sorted(n for n in given if n.startswith("HUB_") and n not in known):
        near = difflib.get_close_matches(name, known, 1)
        notes.append(f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else ""))
    secret = given.get("SECRET_KEY")
    if secret and len(secret.encode()) < SECRET_BYTES_WANTED:
        notes.append(f"SECRET_KEY is short: {SECRET_BYTES_WANTED} random bytes or more make tokens hard to forge")
    return tuple(notes)

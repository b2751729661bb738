"""A stand-in for gcloud: it keeps what it was told to make, shows it in the shapes of Google's APIs, and records calls.

`Gcloud` is the service. The program that it writes into a folder is a few lines of bash: they hand the arguments over
by a socket and say what is answered, for a deployment makes hundreds of calls, and to start an interpreter for each
takes most of its time. Commands and flags the stand-in does not know are refused, as by the real one; the flags are
those that gcloud 528 has.
"""

from __future__ import annotations

import json
import shutil
import socketserver
import threading

PROJECT = "demo"
NUMBER = "123456789012"
COMPUTE = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}"
DATABASE = f"projects/{PROJECT}/databases/(default)"
FED = ("secrets versions add", "compute url-maps import")
"""The commands that read their input."""
PROGRAM = """#!{bash}
exec 3<>/dev/tcp/127.0.0.1/{port}
{{
  printf '%s\\0' "${{CLOUDSDK_CORE_PROJECT-}}" "$#" "$@"
  case "$*" in {fed}) cat ;; esac
  printf '\\0'
}} >&3
read -r status <&3
if [ "$status" = 0 ]; then exec cat <&3; fi
cat <&3 >&2
exit "$status"
"""


class Refused(Exception):
    """The exit status, and what is said on stderr."""


class Gcloud:
    """The service: `calls` has the arguments of each call, `kinds` the resources, `key` the last secret it was fed."""

    def __init__(self):
        self.calls, self.kinds, self.key, self._failing = [], {}, "", ("", 0, "")
        self._lock = threading.Lock()
        service = self

        class Line(socketserver.StreamRequestHandler):
            def handle(self):
                project, count = self.field(), int(self.field())
                status, text = service.run(project, [self.field() for _ in range(count)], self.field())
                self.wfile.write(f"{status}\n{text}".encode())

            def field(self):
                found = bytearray()
                while (byte := self.rfile.read(1)) != b"\0":
                    assert byte, "the call broke off"
                    found += byte
                return found.decode()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Line)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def install(self, folder):
        """Write the program into a folder."""
        fed = "|".join(f"'{words} '*" for words in FED)
        program = folder / "gcloud"
        program.write_text(PROGRAM.format(bash=shutil.which("bash"), port=self._server.server_address[1], fed=fed))
        program.chmod(0o755)

    def fail(self, words, times, text):
        """Let calls fail, so often and with this text, whose arguments hold these words."""
        self._failing = (words, times, text)

    def of(self, kind):
        return self.kinds.setdefault(kind, {})

    def run(self, project, argv, fed):
        """One call: its exit status, and what it says on stdout, or on stderr when it fails."""
        with self._lock:
            try:
                return 0, self._run(project, argv, fed)
            except Refused as refusal:
                status, text = refusal.args
                return status, f"ERROR: (gcloud) {text}\n"

    def _run(self, project, argv, fed):
        self.calls.append(argv)
        words, times, message = self._failing
        if times and words in " ".join(argv):
            self._failing = (words, times - 1, message)
            refuse(1, message)
        if project != PROJECT:
            refuse(1, f"The required property [project] is not {PROJECT}: {project!r}")
        words, flags = split(argv)
        name = next((n for n in sorted(COMMANDS, key=len, reverse=True) if f"{' '.join(words)} ".startswith(f"{n} ")),
                    None)  # fmt: skip
        if name is None:
            refuse(2, f"Invalid choice: {' '.join(words)}")
        run, known = COMMANDS[name]
        if unknown := set(flags) - {*known.split(), "format"}:
            refuse(2, f"unrecognized arguments: {', '.join(unknown)}")
        words = words[len(name.split()) :]
        shown = run(self, words, flags, fed) if name in FED else run(self, words, flags)
        if flags.get("format") == "json":
            return json.dumps(shown) + "\n"
        return f"{shown}\n" if isinstance(shown, str) else ""


def split(argv):
    words = [a for a in argv if not a.startswith("--")]
    flags = {}
    for name, has_value, value in (a[2:].partition("=") for a in argv if a.startswith("--")):
        value = value if has_value else True
        flags[name] = [*flags[name], value] if isinstance(flags.get(name), list) else (
            [flags[name], value] if name in flags else value)  # fmt: skip
    return words, flags


def refuse(status, text):
    raise Refused(status, text)


def listed(kind):
    return (lambda state, words, flags: list(state.of(kind).values())), "enabled v2 regions region database global"


def made(kind, make, known, *, again=False):
    """`make` gives (key, resource); a second one of the same key is refused unless it is an update."""

    def run(state, words, flags):
        key, resource = make(words, flags)
        there = state.of(kind)
        if (key in there) != again:
            refuse(1, f"{'NOT_FOUND' if again else 'ALREADY_EXISTS'}: {key}")
        there[key] = merge(there.get(key, {}), resource)

    return run, known


def merge(old, new):
    return {**old, **{k: merge(old.get(k) or {}, v) if isinstance(v, dict) else v for k, v in new.items()}}


def pairs(text):
    delimiter = ","
    if text.startswith("^"):
        _, delimiter, text = text.split("^", 2)
    return dict(part.split("=", 1) for part in text.split(delimiter))


def get_policy(kind):
    def run(state, words, flags):
        return state.of("policies").get(f"{kind} {words[0]}", {"etag": "ACAB", "version": 1})

    return run, "region"


def add_binding(kind):
    def run(state, words, flags):
        policy = state.of("policies").setdefault(f"{kind} {words[0]}", {"etag": "BwY=", "bindings": []})
        text = flags.get("condition", "None")
        if kind == "projects" and "condition" not in flags:
            refuse(1, "a condition must be specified")
        condition = None if text == "None" else pairs(text)
        for binding in policy["bindings"]:
            if (binding["role"], binding.get("condition")) == (flags["role"], condition):
                binding["members"].append(flags["member"])
                return
        fresh = {"role": flags["role"], "members": [flags["member"]]}
        policy["bindings"].append({**fresh, "condition": condition} if condition else fresh)

    return run, "member role condition region"


def remove_binding(state, words, flags):
    for binding in state.of("policies")[f"run {words[0]}"]["bindings"]:
        if binding["role"] == flags["role"]:
            binding["members"].remove(flags["member"])


def account(words, flags):
    email = words[0] if "@" in words[0] else f"{words[0]}@{PROJECT}.iam.gserviceaccount.com"
    name = f"projects/{PROJECT}/serviceAccounts/{email}"
    return email, {"name": name, "email": email, "displayName": flags["display-name"]}


def add_version(state, words, flags, fed):
    state.key, key = fed, f"{words[0]}/1"
    if key in state.of("versions"):
        refuse(1, f"ALREADY_EXISTS: {key}")
    state.of("versions")[key] = {"name": f"projects/{NUMBER}/secrets/{words[0]}/versions/1", "state": "ENABLED"}


def database(words, flags):
    recovery = "ENABLED" if "enable-pitr" in flags else "DISABLED"
    found = {
        "name": DATABASE,
        "deleteProtectionState": "DELETE_PROTECTION_ENABLED" if flags.get("delete-protection") else "",
        "pointInTimeRecoveryEnablement": f"POINT_IN_TIME_RECOVERY_{recovery}",
    }
    if "location" in flags:
        found |= {"locationId": flags["location"], "type": flags["type"].upper().replace("-", "_")}
    return DATABASE, found


def many(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def index_field(text):
    found = pairs(text)
    mode = {"order": found["order"].upper()} if "order" in found else {"arrayConfig": found["array-config"].upper()}
    return {"fieldPath": found["field-path"], **mode} if "field-path" in found else mode


def composite(words, flags):
    fields = [index_field(text) for text in many(flags["field-config"])]
    last = next((f["order"] for f in reversed(fields) if "order" in f), "ASCENDING")
    key = json.dumps([flags["collection-group"], fields])
    name = f"{DATABASE}/collectionGroups/{flags['collection-group']}/indexes/{abs(hash(key))}"
    fields.append({"fieldPath": "__name__", "order": last})
    return key, {"name": name, "queryScope": flags["query-scope"].upper(), "fields": fields, "state": "CREATING"}


def field_name(words, flags):
    return f"{DATABASE}/collectionGroups/{flags['collection-group']}/fields/{words[0]}"


def field(state, words, flags):
    indexes = [{"queryScope": "COLLECTION", "fields": [{"fieldPath": words[0], **index_field(text)}]}
               for text in many(flags.get("index"))]  # fmt: skip
    name = field_name(words, flags)
    state.of("fields")[name] = {"name": name, "indexConfig": {"indexes": indexes} if indexes else {}}


def ttl(state, words, flags):
    name = field_name(words, flags)
    state.of("ttls")[name] = {"name": name, "ttlConfig": {"state": "CREATING"}}


def topic(words, flags):
    name = f"projects/{PROJECT}/topics/{words[0]}"
    return name, {"name": name, "messageRetentionDuration": flags["message-retention-duration"]}


def subscription(words, flags):
    name, given = f"projects/{PROJECT}/subscriptions/{words[0]}", flags.get
    found = {"name": name, "messageRetentionDuration": given("message-retention-duration"), "expirationPolicy": {}}
    if given("topic"):
        found["topic"] = f"projects/{PROJECT}/topics/{given('topic')}"
        found |= {"enableMessageOrdering": True} if given("enable-message-ordering") else {}
        found |= {"filter": given("message-filter")} if given("message-filter") else {}
    if given("push-endpoint"):
        token = {
            "serviceAccountEmail": given("push-auth-service-account"),
            "audience": given("push-auth-token-audience"),
        }
        dead = f"projects/{PROJECT}/topics/{given('dead-letter-topic')}"
        found |= {
            "pushConfig": {"pushEndpoint": given("push-endpoint"), "oidcToken": token},
            "ackDeadlineSeconds": int(given("ack-deadline")),
            "deadLetterPolicy": {"deadLetterTopic": dead, "maxDeliveryAttempts": int(given("max-delivery-attempts"))},
            "retryPolicy": {"minimumBackoff": given("min-retry-delay"), "maximumBackoff": given("max-retry-delay")},
        }
    return name, found


def deploy(state, words, flags):
    name, given = words[0], flags.get
    key, _, version = given("set-secrets").partition("=")[2].partition(":")
    variable = given("set-secrets").partition("=")[0]
    state.of("functions")[name] = {
        "name": f"projects/{PROJECT}/locations/{given('region')}/functions/{name}",
        "state": "ACTIVE",
        "labels": {"deployment-tool": "cli-gcloud", **pairs(given("update-labels"))},
        "buildConfig": {"runtime": given("runtime"), "entryPoint": given("entry-point"),
                        "serviceAccount": given("build-service-account")},
        "serviceConfig": {
            "serviceAccountEmail": given("service-account"), "availableMemory": given("memory"),
            "availableCpu": given("cpu"), "maxInstanceRequestConcurrency": int(given("concurrency")),
            "maxInstanceCount": int(given("max-instances")), "timeoutSeconds": int(given("timeout").rstrip("s")),
            **({"minInstanceCount": int(given("min-instances"))} if given("min-instances") != "0" else {}),
            "ingressSettings": f"ALLOW_{given('ingress-settings').upper().replace('-', '_')}",
            "environmentVariables": {"LOG_EXECUTION_ID": "true", **pairs(given("set-env-vars"))},
            "secretEnvironmentVariables": [{"key": variable, "projectId": NUMBER, "secret": key, "version": version}],
        },
    }  # fmt: skip
    urls = [f"https://{name}-{NUMBER}.{given('region')}.run.app", f"https://{name}-abcdefghij-ew.a.run.app"]
    annotations = {"run.googleapis.com/urls": json.dumps(urls, separators=(",", ":"))}
    state.of("run")[name] = {"metadata": {"name": name, "annotations": annotations}}


def metric(words, flags):
    return words[0], {"name": words[0], "filter": flags["log-filter"], "description": flags["description"]}


def alert(words, flags):
    policy = json.loads(flags["policy"])
    for condition in policy["conditions"]:
        condition["name"] = "made up by the service"
    return policy["displayName"], {"name": f"projects/{PROJECT}/alertPolicies/{len(policy['displayName'])}", **policy}


def channel(words, flags):
    labels = pairs(flags["channel-labels"])
    name = f"projects/{PROJECT}/notificationChannels/7"
    return labels["email_address"], {"name": name, "type": flags["type"], "labels": labels}


def compute(kind, **shown):
    def make(words, flags):
        return words[0], {"name": words[0], **{k: v(flags) if callable(v) else v for k, v in shown.items()}}

    return make


def add_backend(state, words, flags):
    group = f"regions/{flags['network-endpoint-group-region']}/networkEndpointGroups/{flags['network-endpoint-group']}"
    state.of("backends")[words[0]].setdefault("backends", []).append({"group": f"{COMPUTE}/{group}"})


def url_map(state, words, flags, fed):
    state.of("url-maps")[words[0]] = {"kind": "compute#urlMap", **json.loads(fed)}


_SUBSCRIPTION = (
    "push-endpoint push-auth-service-account push-auth-token-audience ack-deadline dead-letter-topic "
    "max-delivery-attempts min-retry-delay max-retry-delay expiration-period message-retention-duration"
)
_DEPLOY = (
    "gen2 region runtime source entry-point trigger-http service-account memory cpu concurrency min-instances "
    "max-instances timeout build-service-account ingress-settings set-env-vars set-secrets update-labels "
    "no-allow-unauthenticated"
)
_proxy = compute("proxies", urlMap=lambda f: f"{COMPUTE}/global/urlMaps/{f['url-map']}",
                 sslCertificates=lambda f: [f"{COMPUTE}/global/sslCertificates/{f['ssl-certificates']}"])  # fmt: skip

COMMANDS = {
    "auth print-access-token": (lambda *_: "ya29.stub-token", ""),
    "services list": listed("services"),
    "services enable": made("services", lambda w, f: (w[0], {"config": {"name": w[0]}, "state": "ENABLED"}), ""),
    "beta services identity create": (lambda *_: None, "service"),
    "projects describe": (lambda s, w, f: {"projectId": w[0], "projectNumber": NUMBER}, ""),
    "projects get-iam-policy": get_policy("projects"),
    "projects add-iam-policy-binding": add_binding("projects"),
    "iam service-accounts list": listed("accounts"),
    "iam service-accounts create": made("accounts", account, "display-name"),
    "iam service-accounts update": made("accounts", account, "display-name", again=True),
    "iam service-accounts get-iam-policy": get_policy("accounts"),
    "iam service-accounts add-iam-policy-binding": add_binding("accounts"),
    "secrets list": listed("secrets"),
    "secrets create": made("secrets", lambda w, f: (w[0], {"name": f"projects/{NUMBER}/secrets/{w[0]}"}),
                           "replication-policy locations"),
    "secrets versions list": listed("versions"),
    "secrets versions add": (add_version, "data-file"),
    "secrets get-iam-policy": get_policy("secrets"),
    "secrets add-iam-policy-binding": add_binding("secrets"),
    "firestore databases list": listed("databases"),
    "firestore databases create": made("databases", database,
                                       "database location type delete-protection enable-pitr no-enable-pitr"),
    "firestore databases update": made("databases", database, "database delete-protection enable-pitr no-enable-pitr",
                                       again=True),
    "firestore indexes composite list": listed("indexes"),
    "firestore indexes composite create": made("indexes", composite,
                                               "database collection-group query-scope field-config async"),
    "firestore indexes fields list": listed("fields"),
    "firestore indexes fields update": (field, "database collection-group disable-indexes index async"),
    "firestore fields ttls list": listed("ttls"),
    "firestore fields ttls update": (ttl, "database collection-group enable-ttl async"),
    "pubsub topics list": listed("topics"),
    "pubsub topics create": made("topics", topic, "message-retention-duration"),
    "pubsub topics update": made("topics", topic, "message-retention-duration", again=True),
    "pubsub topics get-iam-policy": get_policy("topics"),
    "pubsub topics add-iam-policy-binding": add_binding("topics"),
    "pubsub subscriptions list": listed("subscriptions"),
    "pubsub subscriptions create": made("subscriptions", subscription,
                                        f"{_SUBSCRIPTION} topic enable-message-ordering message-filter"),
    "pubsub subscriptions update": made("subscriptions", subscription, _SUBSCRIPTION, again=True),
    "pubsub subscriptions get-iam-policy": get_policy("subscriptions"),
    "pubsub subscriptions add-iam-policy-binding": add_binding("subscriptions"),
    "functions list": listed("functions"),
    "functions deploy": (deploy, _DEPLOY),
    "run services list": listed("run"),
    "run services get-iam-policy": get_policy("run"),
    "run services add-iam-policy-binding": add_binding("run"),
    "run services remove-iam-policy-binding": (remove_binding, "member role region"),
    "logging metrics list": listed("metrics"),
    "logging metrics create": made("metrics", metric, "description log-filter"),
    "logging metrics update": made("metrics", metric, "description log-filter", again=True),
    "beta monitoring channels list": listed("channels"),
    "beta monitoring channels create": made("channels", channel, "display-name type channel-labels"),
    "alpha monitoring policies list": listed("alerts"),
    "alpha monitoring policies create": made("alerts", alert, "policy"),
    "alpha monitoring policies update": (lambda s, w, f: s.of("alerts").__setitem__(*alert(w, f)), "policy"),
    "compute addresses list": listed("addresses"),
    "compute addresses create": made("addresses", compute("addresses", address="203.0.113.7"), "global ip-version"),
    "compute network-endpoint-groups list": listed("groups"),
    "compute network-endpoint-groups create": made(
        "groups", compute("groups", cloudRun=lambda f: {"service": f["cloud-run-service"]}),
        "region network-endpoint-type cloud-run-service"),
    "compute backend-services list": listed("backends"),
    "compute backend-services create": made(
        "backends", compute("backends", loadBalancingScheme=lambda f: f["load-balancing-scheme"]),
        "global load-balancing-scheme"),
    "compute backend-services add-backend": (
        add_backend, "global network-endpoint-group network-endpoint-group-region"),
    "compute url-maps list": listed("url-maps"),
    "compute url-maps import": (url_map, "global"),
    "compute ssl-certificates list": listed("certificates"),
    "compute ssl-certificates create": made(
        "certificates", compute("certificates", managed=lambda f: {"domains": [f["domains"]]}), "domains global"),
    "compute target-https-proxies list": listed("proxies"),
    "compute target-https-proxies create": made("proxies", _proxy, "ssl-certificates url-map global"),
    "compute target-https-proxies update": made("proxies", _proxy, "ssl-certificates url-map global", again=True),
    "compute forwarding-rules list": listed("forwarding"),
    "compute forwarding-rules create": made(
        "forwarding", compute("forwarding", portRange="443-443",
                              target=lambda f: f"{COMPUTE}/global/targetHttpsProxies/{f['target-https-proxy']}"),
        "global address target-https-proxy ports load-balancing-scheme"),
}  # fmt: skip

"""The script as it runs, against stand-ins that keep what they are told: it makes, then lets be, then repairs."""

from __future__ import annotations

import json
import re

import pytest

from infra import api, function, name, parameter, push, schedule
from infra.parameter import Parameters
from lib.store.firestore.index import firestore_indexes

DEMO = Parameters("demo", "europe-west1", "europe-west1")
EMAIL = {"EMAIL": "ops@example.org"}


def summary(done):
    return [
        int(n) for n in re.search(r"^(\d+) created, (\d+) updated, (\d+) as they were\.$", done.text, re.M).groups()
    ]


def test_the_first_run_creates_all(deployed):
    done = deployed.first
    assert (done.status, done.errors) == (0, "")
    assert done.said("same") == ["nobody else may call tributary-sweep", "nobody else may call tributary-on-event"]
    assert not done.said("update")
    state = deployed.state
    declared = firestore_indexes()
    assert set(state["services"]) == {f"{service}.googleapis.com" for service in api.ALWAYS}
    assert set(state["functions"]) == {f.name for f in function.chosen(DEMO)}
    assert {t.rpartition("/")[2] for t in state["topics"]} == {name.EVENTS, name.INBOX, name.KCIDB, name.DEAD}
    assert len(state["subscriptions"]) == len(push.PUSHES) + 1
    assert len(state["indexes"]) == len(declared["indexes"])
    assert len(state["fields"]) == len([o for o in declared["fieldOverrides"] if "indexes" in o])
    assert len(state["ttls"]) == len([o for o in declared["fieldOverrides"] if o.get("ttl")])
    assert deployed.rules.release["rulesetName"] in {r["name"] for r in deployed.rules.rulesets.values()}
    assert len(state["alerts"]) == 2 and state["channels"]
    assert all(alert["notificationChannels"] == ["projects/demo/notificationChannels/7"]
               for alert in state["alerts"].values())  # fmt: skip


def test_a_second_run_changes_nothing(deployed):
    before = deployed.state, len(deployed.rules.calls)
    done = deployed.deploy(**EMAIL)
    assert (done.status, done.errors, done.changes) == (0, "", [])
    assert not done.said("create") and not done.said("update")
    assert deployed.state == before[0]
    assert {method for method, _, _ in deployed.rules.calls[before[1] :]} == {"GET"}
    assert summary(done) == [0, 0, sum(summary(deployed.first))]


DRIFTS = {
    "a subscription's retries": (
        lambda s: s["subscriptions"]["projects/demo/subscriptions/tributary-inbox"]["deadLetterPolicy"].update(
            maxDeliveryAttempts=99),
        ["gcloud pubsub subscriptions update tributary-inbox"],
    ),
    "a function's memory": (
        lambda s: s["functions"]["tributary-query"]["serviceConfig"].update(availableMemory="256Mi"),
        ["gcloud functions deploy tributary-query"],
    ),
    "older source": (
        lambda s: s["functions"]["tributary-node"]["labels"].update({"tributary-source": "0000000000000000"}),
        ["gcloud functions deploy tributary-node"],
    ),
    "an environment variable": (
        lambda s: s["functions"]["tributary-sweep"]["serviceConfig"]["environmentVariables"].pop("HUB_OIDC_AUDIENCE"),
        ["gcloud functions deploy tributary-sweep"],
    ),
    "a role taken away": (
        lambda s: s["policies"]["secrets tributary-secret-key"]["bindings"][0]["members"].pop(0),
        ["gcloud secrets add-iam-policy-binding tributary-secret-key"],
    ),
    "a role without its condition": (
        lambda s: [b.pop("condition", None) for b in s["policies"]["projects demo"]["bindings"]
                   if b["role"] == function.READS],
        ["gcloud projects add-iam-policy-binding demo"] * 2,
    ),
    "a closed function opened": (
        lambda s: s["policies"]["run tributary-sweep"]["bindings"][0]["members"].append("allUsers"),
        ["gcloud run services remove-iam-policy-binding tributary-sweep --region=europe-west1 --member=allUsers"],
    ),
    "a database that may be deleted": (
        lambda s: next(iter(s["databases"].values())).update(deleteProtectionState="DELETE_PROTECTION_DISABLED"),
        ["gcloud firestore databases update"],
    ),
    "an index gone": (
        lambda s: s["indexes"].pop(next(iter(s["indexes"]))),
        ["gcloud firestore indexes composite create"],
    ),
    "a field indexed again": (
        lambda s: s["fields"].pop(next(n for n in s["fields"] if n.endswith("/body"))),
        ["gcloud firestore indexes fields update body"],
    ),
    "an alert switched off": (
        lambda s: s["alerts"]["Tributary: dead letters"].update(enabled=False),
        ["gcloud alpha monitoring policies update projects/demo/alertPolicies/23"],
    ),
}  # fmt: skip


def test_a_run_after_drifts_changes_those_and_nothing_else(deployed):
    state = deployed.state
    for drift, _ in DRIFTS.values():
        drift(state)
    deployed.state = state
    done = deployed.deploy(**EMAIL)
    assert (done.status, done.errors) == (0, "")
    expected = sorted(call for _, calls in DRIFTS.values() for call in calls)
    for change, start in zip(sorted(f"gcloud {change}" for change in done.changes), expected, strict=True):
        assert change.startswith(start)
    assert summary(done)[0] + summary(done)[1] == len(expected)
    assert deployed.deploy(**EMAIL).changes == []


def test_drifts_outside_gcloud_are_repaired_too(deployed):
    id = f"projects/demo/locations/europe-west1/jobs/{schedule.JOBS[0].id}"
    deployed.scheduler._jobs[id].schedule = "0 0 * * *"
    deployed.rules.rulesets[deployed.rules.release["rulesetName"].rpartition("/")[2]]["source"]["files"] = []
    done = deployed.deploy(**EMAIL)
    assert (done.status, done.changes) == (0, [])
    assert done.said("update") == ["firestore.rules", "scheduler job tributary-sweep (schedule)"]
    assert deployed.scheduler._jobs[id].schedule == schedule.JOBS[0].cron


def test_what_cannot_be_changed_in_place_stops_the_run(deployed):
    state = deployed.state
    state["subscriptions"]["projects/demo/subscriptions/tributary-own-events"]["filter"] = ""
    deployed.state = state
    done = deployed.deploy(**EMAIL)
    assert (done.status, done.changes) == (1, [])
    assert "subscription tributary-own-events is there, but differs in: filter" in done.errors


def test_an_address_other_than_declared_stops_the_run(deployed):
    state = deployed.state
    state["run"]["tributary-sweep"]["metadata"]["annotations"] = {}
    deployed.state = state
    done = deployed.deploy(**EMAIL)
    assert done.status == 1
    assert "not so: tributary-sweep answers at https://tributary-sweep-123456789012.europe-west1.run.app" in done.errors


FAILING = ("versions add", "print-access-token", "deploy tributary-pubsub")
FAILING_TOO = (
    "services enable run",
    "composite create",
    "projects describe",
    "identity create",
    "topics create",
    "subscriptions list",
    "policies create",
)


@pytest.mark.parametrize("failing", [*FAILING, *(pytest.param(text, marks=pytest.mark.full) for text in FAILING_TOO)])
def test_a_failing_call_stops_the_run_and_a_rerun_completes_it(bare, failing):
    bare.fail(failing)
    done = bare.deploy(**EMAIL)
    assert done.status == 1
    assert "PERMISSION_DENIED: the caller does not have permission" in done.errors
    assert re.search(r"^error: (this call failed|cannot look): ", done.errors, re.MULTILINE)
    assert "Run the same command again" in done.errors
    assert failing in " ".join(done.calls[-1])
    made = done.changes[:-1]

    bare.fail(None)
    again = bare.deploy(**EMAIL)
    assert (again.status, again.errors) == (0, "")
    assert not set(made) & set(again.changes) - {"beta services identity create --service=pubsub.googleapis.com"}


def test_what_passes_by_itself_is_waited_for(bare):
    bare.fail("subscriptions list", times=2, text="UNAVAILABLE: SERVICE_DISABLED: it may take a few minutes")
    done = bare.deploy(**EMAIL)
    assert (done.status, done.errors) == (0, "")
    assert len(done.said("waiting")) == 2
    assert ["pubsub", "subscriptions", "list", "--format=json"] in done.calls


def test_waiting_has_an_end(deployed):
    deployed.fail("topics list", text="UNAVAILABLE")
    done = deployed.deploy(**EMAIL, DEPLOY_TRIES_MAX="3")
    deployed.fail(None)
    assert done.status == 1 and len(done.said("waiting")) == 2
    assert "error: cannot look: gcloud pubsub topics list" in done.errors


def test_the_key_is_made_once_and_never_shown(deployed):
    key = deployed.gcloud.key
    assert re.fullmatch("[0-9a-f]{64}", key)
    again = deployed.deploy(**EMAIL)
    assert deployed.gcloud.key == key
    for done in (deployed.first, again):
        assert key not in done.text + done.errors + json.dumps(done.calls)
        assert "ya29.stub-token" not in done.text + done.errors + json.dumps(done.calls)


def test_the_token_reaches_firebase_alone(deployed):
    assert {token for _, _, token in deployed.rules.calls} == {"Bearer ya29.stub-token"}


def test_nobody_is_owner_or_editor_and_each_account_has_its_own(deployed):
    state = deployed.state
    roles = {b["role"] for p in state["policies"].values() for b in p["bindings"]}
    assert not roles & {"roles/owner", "roles/editor"} and not {r for r in roles if r.lower().endswith("admin")}
    for f in function.chosen(DEMO):
        assert state["functions"][f.name]["serviceConfig"]["serviceAccountEmail"] == DEMO.account(f.name)
        callers = state["policies"][f"run {f.name}"]["bindings"]
        expected = "allUsers" if f.is_open else DEMO.member(function.caller(f))
        assert [b["members"] for b in callers] == [[expected]]
    in_project = [b for b in state["policies"]["projects demo"]["bindings"] if b["role"].startswith("roles/datastore.")]
    assert all('databases/(default)"' in b["condition"]["expression"] for b in in_project)
    readers = next(b for b in in_project if b["role"] == function.READS)["members"]
    assert readers == [DEMO.member("tributary-query"), DEMO.member("tributary-pages")]


def test_messages_that_fail_end_in_the_dead_letters(deployed):
    state, agent = deployed.state, "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    for each in push.PUSHES:
        found = state["subscriptions"][f"projects/demo/subscriptions/{each.name}"]
        assert found["deadLetterPolicy"]["deadLetterTopic"] == "projects/demo/topics/tributary-dead"
        assert found["pushConfig"]["pushEndpoint"].endswith(f".run.app{each.path}")
        assert found["pushConfig"]["oidcToken"]["serviceAccountEmail"] == DEMO.account(name.PUSH)
        policy = state["policies"][f"subscriptions {each.name}"]["bindings"]
        assert policy == [{"role": push.SUBSCRIBES, "members": [agent]}]
    assert agent in state["policies"]["topics tributary-dead"]["bindings"][0]["members"]


@pytest.mark.parametrize(
    "given", [{"SINGLE": "1", "PITR": "1"}, {"DOMAIN": "hub.example.org"}], ids=["single", "domain"]
)
def test_the_other_forms_are_made_once_too(bare, given):
    first = bare.deploy(**given)
    assert (first.status, first.errors) == (0, "")
    second = bare.deploy(**given)
    assert (second.status, second.errors, second.changes) == (0, "", [])
    p = parameter.read({"PROJECT": "demo", "REGION": "europe-west1", **given})
    assert set(bare.state["functions"]) == {f.name for f in function.chosen(p)}
    address = function.public_url(p).replace("<NUMBER>", "123456789012")
    assert f"Clients use {address}" in second.text
    if p.domain:
        assert "Enter 203.0.113.7 for hub.example.org in the DNS" in second.text
    open_ones = [f for f in function.chosen(p) if f.is_open]
    for f in open_ones:
        config = bare.state["functions"][f.name]["serviceConfig"]
        assert config["environmentVariables"]["HUB_PUBLIC_URL"] == address
        assert config["ingressSettings"] == ("ALLOW_INTERNAL_AND_GCLB" if p.domain else "ALLOW_ALL")

"""The contracts of the ports that verify what others signed: each line of their docstrings, for every adapter."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.auth.certificate import RETRY_S, Certificates, fetch
from lib.auth.firebase import ASK_AGAIN_AFTER, STANDING_KNOWN_FOR, AccountStatus, Directory, FirebaseVisitors
from lib.auth.oidc import GoogleOidc
from lib.auth.port import FederatedUser
from lib.errors import Unavailable
from tests.build import issuer
from tests.build.issuer import AUDIENCE, PROJECT, PUSHER, SCHEDULER, Issuer, robot_claims, visitor_claims

NOW = datetime(2024, 2, 1, 9, 58, 28, tzinfo=UTC)

Claims = dict[str, Any]


class Verifier(NamedTuple):
    """An adapter under test: the claims it accepts at an instant, and its check, over certificates of an issuer."""

    claims: Callable[[datetime], Claims]
    over: Callable[[Issuer], Callable[[str, datetime], object]]


def _oidc(issuer: Issuer) -> Callable[[str, datetime], object]:
    oidc = GoogleOidc(AUDIENCE, issuer.fetch)
    return lambda token, now: oidc.check(token, now, {PUSHER, SCHEDULER})


def _firebase(issuer: Issuer) -> Callable[[str, datetime], object]:
    return FirebaseVisitors(PROJECT, issuer.fetch, lambda subject: AccountStatus(False, 0)).check


VERIFIERS = {
    "oidc": Verifier(robot_claims, _oidc),
    "firebase": Verifier(visitor_claims, _firebase),
}


@pytest.fixture(params=VERIFIERS.values(), ids=VERIFIERS.keys())
def verifier(request: pytest.FixtureRequest) -> Verifier:
    return request.param


@pytest.fixture
def google() -> Issuer:
    return Issuer()


@pytest.fixture
def check(verifier: Verifier, google: Issuer) -> Callable[[str, datetime], object]:
    return verifier.over(google)


def test_a_good_token_is_accepted(verifier, google, check):
    assert check(google.sign(verifier.claims(NOW)), NOW)


CHANGED: Mapping[str, Claims] = {
    "another audience": {"aud": "https://evil.example"},
    "a list of audiences": {"aud": [AUDIENCE, PROJECT]},
    "no audience": {"aud": None},
    "another issuer": {"iss": "https://accounts.google.com.evil.example"},
    "an issuer that is no text": {"iss": ["https://accounts.google.com"]},
    "of another project": {"iss": "https://securetoken.google.com/other", "aud": "other"},
    "an address not verified": {"email_verified": False},
    "an address verified by a text": {"email_verified": "true"},
    "no address": {"email": None},
    "an address that is a list": {"email": [PUSHER]},
    "an end that is no number": {"exp": "never"},
    "an end that is true": {"exp": True},
    "an end that is not": {"exp": float("nan")},
    "a beginning that is no number": {"iat": "now"},
    "a beginning that is not": {"iat": float("nan")},
}


@pytest.mark.parametrize("changes", CHANGED.values(), ids=CHANGED.keys())
def test_a_token_of_other_claims_is_refused(verifier, google, check, changes):
    assert check(google.sign({**verifier.claims(NOW), **changes}), NOW) is None


@pytest.mark.parametrize("name", ["iss", "aud", "iat", "exp", "email", "email_verified", "all"])
def test_a_token_without_a_claim_is_refused(verifier, google, check, name):
    claims = {k: v for k, v in verifier.claims(NOW).items() if name not in (k, "all")}
    assert check(google.sign(claims), NOW) is None


def test_the_clock_handed_in_decides_not_the_machine(verifier, google, check):
    token = google.sign(verifier.claims(NOW))
    assert check(token, NOW + timedelta(minutes=59))
    assert check(token, NOW + timedelta(hours=1)) is None
    assert check(token, NOW - timedelta(seconds=10))
    assert check(token, NOW - timedelta(seconds=11)) is None


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _forged(verifier: Verifier, google: Issuer) -> dict[str, str]:
    claims = verifier.claims(NOW)
    good = google.sign(claims)
    head, body, signature = good.split(".")
    private, certificate = issuer.pair("k1")
    secret = certificate.encode()
    known = {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    return {
        "another key": google.sign(claims, key="mallory"),
        "an unknown key": google.sign(claims, key_id="mallory", key="mallory"),
        "a known key under another id": google.sign(claims, key_id="other"),
        "no key": f"{_part({'alg': 'RS256'})}.{body}.{signature}",
        "a key that is a list": f"{_part({**known, 'kid': ['k1']})}.{body}.{signature}",
        "no algorithm": f"{_part({**known, 'alg': 'none'})}.{body}.",
        "no algorithm, a signature": f"{_part({**known, 'alg': 'none'})}.{body}.{signature}",
        "an algorithm that is a list": f"{_part({**known, 'alg': ['RS256']})}.{body}.{signature}",
        "another algorithm": jwt.encode(claims, private, "RS512", {"kid": "k1"}),
        "the certificate as a secret": _hmac(secret, {**known, "alg": "HS256"}, body),
        "our own kind": jwt.encode({"sub": "0" * 24, "aud": ["fastapi-users:auth"]}, "k" * 32, "HS256"),
        "a changed claim": f"{head}.{_part({**claims, 'admin': True})}.{signature}",
        "a cut signature": good[:-8],
        "no signature": f"{head}.{body}.",
        "a signature removed on the way": f"{head}.{body}.SIGNATURE_REMOVED_BY_GOOGLE",
        "another one's signature": f"{head}.{body}.{google.sign({}).split('.')[2]}",
        "claims that are a list": google.sign([]),
        "deep": f"{head}.{base64.urlsafe_b64encode(b'[' * 5000).decode()}.{signature}",
        "a deep head": f"{base64.urlsafe_b64encode(b'[' * 5000).decode()}.{body}.{signature}",
        "a head that is a list": f"W10.{body}.{signature}",
        "two parts": f"{head}.{body}",
        "four parts": f"{good}.{head}",
        "empty": "",
        "dots": "..",
        "no text of ours": "\ud800.\udfff.ä",
        "huge": google.sign({**claims, "more": "x" * 8192}),
    }


def _hmac(secret: bytes, head: object, body: str) -> str:
    signed = f"{_part(head)}.{body}"
    digest = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


@pytest.mark.parametrize("name", VERIFIERS)
def test_a_forged_token_is_none_and_never_an_error(name, google):
    verifier = VERIFIERS[name]
    check = verifier.over(google)
    for how, token in _forged(verifier, google).items():
        assert check(token, NOW) is None, how


@given(st.text())
def test_any_text_is_no_token(text):
    for verifier in VERIFIERS.values():
        assert verifier.over(Issuer())(text, NOW) is None


def test_a_refusal_says_why_and_tells_nothing(verifier, google, check, caplog):
    caplog.set_level("INFO")
    token = google.sign({**verifier.claims(NOW), "aud": "elsewhere"})
    assert check(token, NOW) is None
    assert "it was made for another audience" in caplog.text
    assert token not in caplog.text and "elsewhere" not in caplog.text


def test_certificates_are_kept_as_long_as_their_server_says(verifier, google, check):
    check(google.sign(verifier.claims(NOW)), NOW)
    later = NOW + timedelta(minutes=59)
    check(google.sign(verifier.claims(later)), later)
    assert len(google.asked) == 1 and google.asked[0].startswith("https://www.googleapis.com/")
    # The keys were changed meanwhile; from then on the old one counts no more.
    google.published = {"k2": issuer.pair("k2")[1]}
    later = NOW + timedelta(hours=1)
    assert check(google.sign(verifier.claims(later)), later) is None
    assert check(google.sign(verifier.claims(later), key_id="k2", key="k2"), later)
    assert len(google.asked) == 2


def test_tokens_of_no_key_fetch_nothing(verifier, google, check):
    check("nonsense", NOW)
    check(jwt.encode({"sub": "a"}, "k" * 32, "HS256"), NOW)
    assert google.asked == []


def test_without_certificates_it_says_so_and_does_not_ask_for_every_token(verifier, google, check):
    google.error = Unavailable("certificates cannot be fetched")
    token = google.sign(verifier.claims(NOW))
    for _ in range(3):
        with pytest.raises(Unavailable):
            check(token, NOW)
    assert len(google.asked) == 1
    google.error = None
    assert check(token, NOW + timedelta(seconds=RETRY_S))


@pytest.mark.parametrize(("headers", "age_s"), [
    ({}, 300),
    ({"cache-control": "max-age=60"}, 60),
    ({"cache-control": "public,max-age=60,no-transform", "age": "20"}, 40),
    ({"cache-control": "max-age=60", "age": "nonsense"}, 60),
    ({"cache-control": "max-age=60", "age": "99"}, 0),
    ({"cache-control": "s-maxage=60"}, 300),
    ({"cache-control": "max-age=999999999"}, 24 * 3600),
])  # fmt: skip
def test_how_long_certificates_are_kept(google, headers, age_s):
    google.headers = headers
    certificates = Certificates("u", google.fetch)
    assert certificates.find("k1", NOW) and certificates.find("k2", NOW) is None
    certificates.find("k1", NOW + timedelta(seconds=age_s, microseconds=-1))
    assert len(google.asked) == (1 if age_s else 3)
    certificates.find("k1", NOW + timedelta(seconds=age_s))
    assert len(google.asked) == (2 if age_s else 4)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"k1": 1}', b"[" * 5000, b" " * 300_000, b"\xff"])
def test_certificates_that_cannot_be_read(body):
    with pytest.raises(Unavailable, match="cannot be read"):
        Certificates("u", lambda url: (body, {})).find("k1", NOW)


def test_certificates_come_over_http(web, google):
    web.answer("GET", "/certs", 200, google.published, {"Cache-Control": "max-age=9"})
    body, headers = fetch(f"{web.url}/certs")
    assert (json.loads(body), headers["cache-control"]) == (google.published, "max-age=9")
    web.answer("GET", "/certs", 404, {})
    with pytest.raises(Unavailable, match="404"):
        fetch(f"{web.url}/certs")
    with pytest.raises(Unavailable):
        fetch("http://127.0.0.1:1/certs")


def test_a_service_account_is_told_by_its_address(google):
    oidc = GoogleOidc(AUDIENCE, google.fetch)
    token = google.robot(NOW)
    assert oidc.check(token, NOW, {PUSHER, SCHEDULER}) == PUSHER
    assert oidc.check(google.robot(NOW, iss="accounts.google.com"), NOW, {PUSHER}) == PUSHER
    assert oidc.check(token, NOW, {SCHEDULER}) is None
    assert oidc.check(token, NOW, ()) is None


class Standings:
    """What Firebase says of its accounts, and how often it was asked."""

    def __init__(self) -> None:
        self.now: AccountStatus | None = AccountStatus(False, 0)
        self.asked = 0
        self.error: Exception | None = None

    def __call__(self, subject: str) -> AccountStatus | None:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.now


@pytest.fixture
def standings() -> Standings:
    return Standings()


@pytest.fixture
def visitors(google: Issuer, standings: Standings) -> FirebaseVisitors:
    return FirebaseVisitors(PROJECT, google.fetch, standings)


def test_a_visitor_is_who_the_claims_say(google, visitors):
    assert visitors.check(google.visitor(NOW), NOW) == FederatedUser("firebase:hub-test", "u1", "ann@example.org",
                                                               "ann@example.org")  # fmt: skip
    token = google.visitor(NOW, username="ann", groups=["a", "runtime:lab:node-editor"], superuser=True)
    granted = frozenset(("a", "runtime:lab:node-editor"))
    assert visitors.check(token, NOW) == FederatedUser(
        "firebase:hub-test", "u1", "ann", "ann@example.org", granted, True
    )


@pytest.mark.parametrize("groups", ["a", ["a", 1], [""], ["x" * 201], ["a\nb"], {"a": 1}, ["a"] * 51, None, 7])
def test_groups_that_are_none_grant_nothing(google, visitors, groups):
    assert visitors.check(google.visitor(NOW, groups=groups), NOW).groups == frozenset()


@pytest.mark.parametrize("flag", [1, "true", [True], None, False])
def test_only_true_makes_a_superuser(google, visitors, flag):
    assert visitors.check(google.visitor(NOW, superuser=flag), NOW).is_superuser is False


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 201, 7, None, ["ann"]])
def test_a_username_that_is_none_gives_way_to_the_address(google, visitors, name):
    assert visitors.check(google.visitor(NOW, username=name), NOW).username == "ann@example.org"


@pytest.mark.parametrize("changes", [
    {"sub": ""}, {"sub": "x" * 129}, {"sub": 7}, {"auth_time": None}, {"auth_time": 9e9}, {"auth_time": "x"},
    {"email": ""}, {"email": "x" * 201},
])  # fmt: skip
def test_a_visitor_needs_a_subject_an_address_and_a_login(google, visitors, changes):
    assert visitors.check(google.visitor(NOW, **changes), NOW) is None


def test_a_revoked_token_is_refused_within_seconds(google, visitors, standings):
    token = google.visitor(NOW)
    assert visitors.check(token, NOW)
    standings.now = AccountStatus(False, NOW.timestamp() + 1)
    assert visitors.check(token, NOW + STANDING_KNOWN_FOR - timedelta(seconds=1))
    assert visitors.check(token, NOW + STANDING_KNOWN_FOR) is None
    assert standings.asked == 2
    # A token made after that counts.
    later = NOW + STANDING_KNOWN_FOR
    assert visitors.check(google.visitor(later), later)


@pytest.mark.parametrize("standing", [None, AccountStatus(True, 0)])
def test_an_account_that_is_gone_or_disabled_is_refused(google, visitors, standings, standing):
    standings.now = standing
    assert visitors.check(google.visitor(NOW), NOW) is None


def test_nobody_is_asked_about_a_forged_token(google, visitors, standings):
    assert visitors.check(google.sign(visitor_claims(NOW), key="mallory"), NOW) is None
    assert standings.asked == 0


def test_a_firebase_that_fails_is_not_asked_for_every_request(google, visitors, standings):
    standings.error = Unavailable("Firebase cannot be asked")
    for subject in ("u1", "u1", "u2"):
        with pytest.raises(Unavailable):
            visitors.check(google.visitor(NOW, sub=subject), NOW)
    assert standings.asked == 1
    standings.error = None
    assert visitors.check(google.visitor(NOW), NOW + ASK_AGAIN_AFTER)


def test_memory_for_standings_is_bounded(google, visitors, monkeypatch):
    from lib.auth import firebase

    monkeypatch.setattr(firebase, "STANDINGS_MAX", 3)
    for n in range(10):
        assert visitors.check(google.visitor(NOW, sub=f"u{n}"), NOW)
    assert len(visitors._standings) <= 3


@pytest.fixture
def directory(web, monkeypatch) -> Directory:
    # Firebase's own switch, which sends its real client to the server of this test.
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", web.url.removeprefix("http://"))
    return Directory(PROJECT)


LOOKUP = f"/identitytoolkit.googleapis.com/v1/projects/{PROJECT}/accounts:lookup"


def test_the_standing_of_an_account_comes_from_firebase(web, directory):
    web.answer("POST", LOOKUP, 200, {"users": [{"localId": "u1", "validSince": "1700000000"}]})
    assert directory.standing("u1") == AccountStatus(False, 1700000000)
    web.answer("POST", LOOKUP, 200, {"users": [{"localId": "u1", "disabled": True}]})
    assert directory.standing("u1") == AccountStatus(True, 0)
    web.answer("POST", LOOKUP, 200, {"kind": "identitytoolkit#GetAccountInfoResponse"})
    assert directory.standing("u1") is None
    assert json.loads(web.bodies[-1]) == {"localId": ["u1"]}


def test_firebase_that_cannot_be_asked_is_a_trouble_of_ours(web, directory):
    web.answer("POST", LOOKUP, 400, {"error": {"message": "PERMISSION_DENIED"}})
    with pytest.raises(Unavailable):
        directory.standing("u1")


def test_the_emulator_switches_no_verification_off(google, directory):
    """Firebase's own verifier takes unsigned tokens while its emulator is named; ours does not look."""
    visitors = FirebaseVisitors(PROJECT, google.fetch, lambda subject: AccountStatus(False, 0))
    claims = visitor_claims(NOW)
    assert visitors.check(f"{_part({'alg': 'none'})}.{_part(claims)}.", NOW) is None
    assert visitors.check(google.sign(claims, key="mallory"), NOW) is None
    assert visitors.check(google.sign(claims), NOW)

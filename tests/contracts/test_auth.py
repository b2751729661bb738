"""The contract of the auth port: each line of its docstrings, for every adapter."""

from __future__ import annotations

import base64
import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import bcrypt
import jwt
import pytest

from lib.auth.open import open_auth
from lib.auth.port import Auth

KEY, SECOND = "k" * 32, "u" * 32
NOW = datetime(2024, 2, 1, 9, 58, 28, tzinfo=UTC)
AUDIENCE = "fastapi-users:auth"

ADAPTERS: dict[str, Callable[..., Auth]] = {
    "local": lambda **more: open_auth(KEY, unified_secret=SECOND, **more),
}


@pytest.fixture(params=ADAPTERS.values(), ids=ADAPTERS.keys())
def make(request: pytest.FixtureRequest) -> Callable[..., Auth]:
    return request.param


@pytest.fixture
def auth(make: Callable[..., Auth]) -> Auth:
    return make()


def signed(key: str = KEY, **claims: Any) -> str:
    return jwt.encode({"sub": "0" * 24, "aud": [AUDIENCE], **claims}, key, "HS256")


def test_a_password_has_its_hash_and_no_other(auth):
    hashed = auth.hash("correct horse")
    assert hashed.startswith("$argon2id$v=19$")
    assert auth.verify("correct horse", hashed)
    assert not auth.verify("correct horsf", hashed)
    assert auth.hash("correct horse") != hashed


def test_a_bcrypt_hash_is_verified_and_outdated(auth):
    hashed = bcrypt.hashpw(b"imported", bcrypt.gensalt(4)).decode()
    assert auth.verify("imported", hashed)
    assert not auth.verify("importe", hashed)
    assert auth.is_outdated(hashed)


def test_bcrypt_knows_the_first_72_bytes_of_a_password(auth):
    hashed = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    assert auth.verify("x" * 100, hashed)


def test_a_hash_of_today_is_not_outdated_nor_a_stronger_one(auth):
    assert not auth.is_outdated(auth.hash("a"))
    salt, digest = "c2FsdHNhbHQ", "aGFzaGhhc2hoYXNoaGFzaA"
    assert not auth.is_outdated(f"$argon2id$v=19$m=65536,t=3,p=4${salt}${digest}")
    assert auth.is_outdated(f"$argon2id$v=19$m=8192,t=1,p=1${salt}${digest}")
    assert auth.is_outdated(f"$argon2i$v=19$m=65536,t=3,p=4${salt}${digest}")


@pytest.mark.parametrize(
    "hashed",
    [
        "",
        "x",
        "$2b$",
        "$2b$99$" + "a" * 53,
        "$argon2id$",
        "$argon2id$v=19$m=8,t=1,p=1$AA$AA",
        "ä",
        "\ud800",
        "$2b$\ud800",
    ],
)
def test_an_unreadable_hash_is_a_no(auth, hashed):
    assert auth.verify("password", hashed) is False
    assert auth.is_outdated(hashed)


@pytest.mark.parametrize("password", ["", "\0", "a\0b", "\ud800", "x" * 1024, "пароль"])
def test_any_text_is_a_password(auth, password):
    assert auth.verify(password, auth.hash(password))
    assert not auth.verify(password, bcrypt.hashpw(b"other", bcrypt.gensalt(4)).decode())


def test_nobody_takes_as_long_as_somebody(auth):
    hashed = auth.hash("a")

    def cost(against: str) -> float:
        spent = []
        for _ in range(5):
            began = time.process_time()
            auth.verify("b", against)
            spent.append(time.process_time() - began)
        return statistics.median(spent)

    assert 0.5 < cost("") / cost(hashed) < 2


def test_a_minted_token_says_who_and_has_the_wire_form(auth):
    token = auth.mint("0123456789abcdef01234567", NOW)
    assert auth.check(token, NOW)["sub"] == "0123456789abcdef01234567"
    header, claims = (json.loads(base64.urlsafe_b64decode(p + "==")) for p in token.split(".")[:2])
    assert header == {"alg": "HS256", "typ": "JWT"}
    assert claims == {"sub": "0123456789abcdef01234567", "aud": [AUDIENCE]}


def test_a_token_ends_when_it_says(make):
    auth = make(expires_s=60)
    token = auth.mint("a", NOW)
    claims = auth.check(token, NOW)
    assert claims["exp"] == int(NOW.timestamp()) + 60
    # Again, now that the token is known to be genuine.
    assert auth.check(token, NOW + timedelta(seconds=59)) is not None
    assert auth.check(token, NOW + timedelta(seconds=60)) is None
    assert auth.check(token, NOW) is not None


def test_a_lifetime_may_be_asked_for(make):
    auth = make(expires_s=60)
    token = auth.mint("a", NOW, expires_s=3600)
    assert auth.check(token, NOW + timedelta(minutes=59)) is not None
    assert auth.check(token, NOW + timedelta(hours=1)) is None


def test_the_clock_handed_in_decides_not_the_machine(auth):
    assert auth.check(signed(exp=int(NOW.timestamp()) + 1), NOW) is not None
    assert auth.check(signed(nbf=int(NOW.timestamp()) + 1), NOW) is None
    assert auth.check(signed(iat=int(NOW.timestamp()) + 10**9), NOW) is not None


def test_a_token_of_the_second_secret_is_accepted_and_none_is_signed_with_it(auth):
    assert auth.check(signed(SECOND, email="a@b", permissions=["checkout"]), NOW)["permissions"] == ["checkout"]
    jwt.decode(auth.mint("a", NOW), KEY, ["HS256"], audience=AUDIENCE)


def unsigned() -> str:
    _, body, _ = signed().split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    return f"{none}.{body}."


FORGED = {
    "another key": signed("z" * 32),
    "cut": signed()[:-1],
    "a changed claim": ".".join([signed().split(".")[0], signed(sub="1" * 24).split(".")[1], signed().split(".")[2]]),
    "no signature": unsigned(),
    "another algorithm": jwt.encode({"sub": "a", "aud": [AUDIENCE]}, KEY * 2, "HS512"),
    "for a password reset": jwt.encode({"sub": "a", "aud": "fastapi-users:reset"}, KEY, "HS256"),
    "no audience (an invitation)": jwt.encode({"sub": "a", "purpose": "invite"}, KEY, "HS256"),
    "no subject": jwt.encode({"aud": [AUDIENCE]}, KEY, "HS256"),
    "a subject that is no text": jwt.encode({"sub": 7, "aud": [AUDIENCE]}, KEY, "HS256"),
    "an end that is no number": signed(exp="never"),
    "an end that is true": signed(exp=True),
    "expired": signed(exp=int(NOW.timestamp()) - 1),
    "empty": "",
    "dots": "...",
    "no text of ours": "\ud800.\udfff.ä",
    "huge": "a" * 100_000,
    "deep": base64.urlsafe_b64encode(b"[" * 5000).decode() + "." + "e30.e30",
    "a list": base64.urlsafe_b64encode(b"[]").decode() + ".e30.e30",
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED.keys())
def test_a_token_not_in_force_is_none_and_never_an_error(auth, token):
    assert auth.check(token, NOW) is None


def test_checking_a_known_token_is_fast(auth):
    token = auth.mint("a" * 24, NOW)
    auth.check(token, NOW)
    best = min(_seconds(lambda: auth.check(token, NOW), 500) for _ in range(5))
    assert best < 30e-6


def _seconds(work: Callable[[], object], times: int) -> float:
    began = time.thread_time()
    for _ in range(times):
        work()
    return (time.thread_time() - began) / times


def test_memory_for_known_tokens_is_bounded(auth, monkeypatch):
    from lib.auth import local

    monkeypatch.setattr(local, "KNOWN_MAX", 10)
    for n in range(50):
        assert auth.check(auth.mint(str(n), NOW), NOW)["sub"] == str(n)
    assert len(auth._known) <= 10


def test_a_sealed_token_is_good_for_its_purpose_and_its_time(auth):
    token = auth.seal("reset", {"sub": "a", "password_fgpt": "f"}, NOW, 3600)
    claims = auth.unseal("reset", token, NOW + timedelta(minutes=59))
    assert (claims["sub"], claims["password_fgpt"], claims["aud"]) == ("a", "f", ["fastapi-users:reset"])
    assert auth.unseal("reset", token, NOW + timedelta(hours=1)) is None
    assert auth.unseal("verify", token, NOW) is None
    assert auth.check(token, NOW) is None
    assert auth.unseal("reset", auth.mint("a", NOW, expires_s=3600), NOW) is None


def sealed(key: str = KEY, **claims: Any) -> str:
    given = {"sub": "a", "aud": "fastapi-users:verify", "exp": int(NOW.timestamp()) + 60, **claims}
    return jwt.encode({name: value for name, value in given.items() if value is not None}, key, "HS256")


def test_only_our_own_key_seals(auth):
    assert auth.unseal("verify", sealed(), NOW) is not None
    assert auth.unseal("verify", sealed(SECOND), NOW) is None


@pytest.mark.parametrize(
    "token", [*FORGED.values(), sealed(exp=None), sealed(exp="never"), sealed(sub=None), sealed(aud=None)]
)
def test_what_was_not_sealed_is_none_and_never_an_error(auth, token):
    assert auth.unseal("verify", token, NOW) is None


def test_a_submitters_token_names_its_origins_and_ends(auth):
    token = auth.vouch(["a", "b"], NOW, 60, "lab-1")
    claims = auth.vouched(token, NOW)
    assert claims["origin"] == ("a", "b") and claims["jti"] == "lab-1"
    assert auth.vouched(token, NOW + timedelta(seconds=61)) is None
    assert auth.check(token, NOW) is None, "it is no session"


@pytest.mark.parametrize("key", [KEY, SECOND])
def test_submitters_tokens_of_other_mints_are_taken(auth, key):
    ends = int(NOW.timestamp()) + 60
    for more in ({}, {"sub": "x", "email": "a@b", "permissions": ["submit"]}, {"aud": ["elsewhere"]}):
        token = jwt.encode({"origin": "a", "exp": ends, **more}, key, "HS256")
        assert auth.vouched(token, NOW)["origin"] == ("a",)


@pytest.mark.parametrize("claims", [
    {"exp": 4e9}, {"origin": "a"}, {"origin": "", "exp": 4e9}, {"origin": [], "exp": 4e9}, {"origin": [1], "exp": 4e9},
    {"origin": {"a": 1}, "exp": 4e9}, {"origin": "a", "exp": "soon"}, {"origin": "a", "exp": True},
    {"origin": "a", "exp": 4e9, "nbf": 3e9},
])  # fmt: skip
def test_what_is_no_submitters_token(auth, claims):
    assert auth.vouched(jwt.encode(claims, KEY, "HS256"), NOW) is None


def test_a_submitters_token_of_another_key_is_none(auth):
    claims = {"origin": "a", "exp": 4e9}
    for token in (jwt.encode(claims, "x" * 32, "HS256"), "", "a.b.c", "x" * 10_000):
        assert auth.vouched(token, NOW) is None
    unsigned = jwt.encode(claims, None, "none")
    assert auth.vouched(unsigned, NOW) is None

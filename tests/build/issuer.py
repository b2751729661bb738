"""An issuer of our own in Google's place: a real RSA key, a real certificate, real RS256 tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from google.auth import crypt, jwt

GOOGLE = "https://accounts.google.com"
AUDIENCE = "https://hub.example.org/on_event"
PUSHER = "push@hub-test.iam.gserviceaccount.com"
SCHEDULER = "tick@hub-test.iam.gserviceaccount.com"
PROJECT = "hub-test"


@cache
def pair(name: str) -> tuple[bytes, str]:
    """A private key and its certificate, both PEM; made once a name."""
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    certificate = made.not_valid_after(datetime(2099, 1, 1, tzinfo=UTC)).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return private, certificate.public_bytes(serialization.Encoding.PEM).decode()


@cache
def _signer(name: str) -> crypt.RSASigner:
    return crypt.RSASigner.from_string(pair(name)[0])


class Issuer:
    """Signs tokens, and publishes its certificates through `fetch`, which counts how often it was asked."""

    def __init__(self, key_id: str = "k1") -> None:
        self.key_id = key_id
        self.published = {key_id: pair(key_id)[1]}
        self.headers = {"cache-control": "public, max-age=3600, must-revalidate"}
        self.asked: list[str] = []
        self.error: Exception | None = None

    def fetch(self, url: str) -> tuple[bytes, Mapping[str, str]]:
        self.asked.append(url)
        if self.error is not None:
            raise self.error
        return json.dumps(self.published).encode(), self.headers

    def sign(self, claims: Mapping[str, Any], key_id: str | None = None, key: str | None = None) -> str:
        """A token over exactly these claims. `key` names another private key than the one the token says."""
        key_id = key_id or self.key_id
        token: bytes = jwt.encode(_signer(key or self.key_id), claims, key_id=key_id)
        return token.decode()

    def robot(self, now: datetime, account: str = PUSHER, **changes: Any) -> str:
        """The token of a service account, as Cloud Scheduler and Pub/Sub send it."""
        return self.sign({**robot_claims(now, account), **changes})

    def push_token(self, account: str, audience: str) -> str:
        """The token of a push or a scheduled call that is made now."""
        return self.robot(datetime.now(UTC), account, aud=audience)

    def visitor(self, now: datetime, **changes: Any) -> str:
        """The ID token of a Firebase user."""
        return self.sign({**visitor_claims(now), **changes})


def robot_claims(now: datetime, account: str = PUSHER) -> dict[str, Any]:
    return {
        "iss": GOOGLE, "aud": AUDIENCE, "azp": "113", "sub": "113", "email": account,
        "email_verified": True, "iat": int(now.timestamp()), "exp": int((now + timedelta(hours=1)).timestamp()),
    }  # fmt: skip


def visitor_claims(now: datetime) -> dict[str, Any]:
    began = int(now.timestamp())
    return {
        "iss": f"https://securetoken.google.com/{PROJECT}", "aud": PROJECT, "auth_time": began, "user_id": "u1",
        "sub": "u1", "iat": began, "exp": began + 3600, "email": "ann@example.org", "email_verified": True,
        "firebase": {"identities": {"email": ["ann@example.org"]}, "sign_in_provider": "password"},
    }  # fmt: skip

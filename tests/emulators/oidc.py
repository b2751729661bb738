"""An issuer of OIDC tokens as Google's: RS256 under a key of its own, for pushes and scheduled calls in tests.

`Issuer().sign` is what `pubsub.start(signer=…)` takes; a receiver verifies with `certs`, which has the shape of what
`google.oauth2.id_token` fetches.
"""

from __future__ import annotations

import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

GOOGLE = "https://accounts.google.com"
LIFE_S = 3600


class Issuer:
    """A key pair, and the tokens it signs."""

    def __init__(self, kid: str = "test") -> None:
        self._kid = kid
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.certs = {kid: public.decode()}

    def sign(self, email: str, audience: str, **claims: Any) -> str:
        """The token of a service account for an audience; `claims` replace its claims."""
        now = int(time.time())
        usual = {
            "iss": GOOGLE, "aud": audience, "azp": "1", "sub": "1", "email": email, "email_verified": True,
            "iat": now, "exp": now + LIFE_S,
        }  # fmt: skip
        return jwt.encode({**usual, **claims}, self._key, "RS256", headers={"kid": self._kid})

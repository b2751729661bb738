"""Makes the auth adapters that a deployment asks for. Called by `functions.wiring` and by tests, nowhere else."""

from __future__ import annotations

from lib.auth.port import Auth, FederatedVerifier, Fetch, Oidc


def open_auth(
    secret_key: str,
    *,
    algorithm: str = "HS256",
    expires_s: int | None = None,
    unified_secret: str | None = None,
) -> Auth:
    """Passwords and tokens of our own. `secret_key` signs; `unified_secret` is a second one accepted for verifying
    (kernelci.md 8). `expires_s` is the lifetime of a token in seconds, None for no end."""
    from lib.auth.local import LocalAuth

    keys = [secret_key] if not unified_secret else [secret_key, unified_secret]
    return LocalAuth(keys, algorithm=algorithm, expires_s=expires_s)


def open_oidc(audience: str, fetch: Fetch | None = None) -> Oidc:
    """Google service accounts, by tokens made for `audience`. `fetch` gets certificates another way than over HTTPS."""
    from lib.auth.oidc import GoogleOidc

    return GoogleOidc(audience) if fetch is None else GoogleOidc(audience, fetch)


def open_visitors(firebase_project: str, fetch: Fetch | None = None) -> FederatedVerifier:
    """The users of a Firebase project. `fetch` as above."""
    from lib.auth.firebase import FirebaseVisitors

    return FirebaseVisitors(firebase_project) if fetch is None else FirebaseVisitors(firebase_project, fetch)

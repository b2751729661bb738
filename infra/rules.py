"""`python -m infra.rules PROJECT`: releases `firestore.rules` as Firestore's security rules, by Firebase's REST API.

gcloud has no command for them. The rules deny everything: they do not apply to servers, and browsers and phones must
not use the database. The access token comes on stdin. RULES_EMULATOR in the environment names a stand-in's URL.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra import output

EMULATOR = "RULES_EMULATOR"
SERVICE = "https://firebaserules.googleapis.com"
CALL_S = 60
FILE = Path(__file__).with_name("firestore.rules")


class Failed(Exception):
    """The service refused or did not answer; the text holds the reason."""


class Service:
    """Firebase's rules of one project."""

    def __init__(self, project: str, token: str, url: str = SERVICE) -> None:
        self._project, self._token, self._url = project, token, url
        self.release = f"projects/{project}/releases/cloud.firestore"

    def ensure(self, source: str) -> str:
        """Release this source unless it is released already. Returns the action: `create`, `update` or `same`."""
        release = self._call("GET", self.release)
        if release is not None:
            ruleset = self._call("GET", release["rulesetName"]) or {}
            files = ruleset.get("source", {}).get("files", [])
            if [file.get("content") for file in files] == [source]:
                return "same"
        content = {"source": {"files": [{"name": FILE.name, "content": source}]}}
        made = self._must("POST", f"projects/{self._project}/rulesets", content)
        body = {"name": self.release, "rulesetName": made["name"]}
        if release is None:
            self._must("POST", f"projects/{self._project}/releases", body)
            return "create"
        self._must("PATCH", self.release, {"release": body})
        return "update"

    def _must(self, method: str, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = self._call(method, path, body)
        if answer is None:
            raise Failed(f"{method} {path}: not found")
        return answer

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any] | None:
        """The answer, None if the resource does not exist. Raises Failed."""
        headers = {
            "authorization": f"Bearer {self._token}",
            "content-type": "application/json",
            "x-goog-user-project": self._project,
        }
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}/v1/{path}", data, headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=CALL_S) as answer:  # noqa: S310
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise Failed(f"{method} {path}: {error.code} {_message(error)}") from error
        except (OSError, ValueError) as error:
            raise Failed(f"{method} {path}: {error}") from error
        if not isinstance(found, dict):
            raise Failed(f"{method} {path}: not an object")
        return found


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["error"]["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return str(error.reason)


def main(arguments: Sequence[str], environ: Mapping[str, str], token: str) -> int:
    """Release the rules. Returns the exit status."""
    try:
        done = Service(arguments[0], token, environ.get(EMULATOR) or SERVICE).ensure(FILE.read_text())
    except Failed as error:
        return output.refuse(f"Firestore rules: {error}")
    output.say(f"  {done:<8} {FILE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ, sys.stdin.readline().strip()))

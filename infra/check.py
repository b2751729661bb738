"""`python -m infra.check` (`make check-infra`): checks the script with Google's own tools, where they are installed.

The real gcloud parses every kind of command, since it knows its flags. It runs without a login, in an empty
configuration and behind a proxy that does not exist, so it can only parse. Firebase's tools check the index file, if
npx can fetch them. `make test` does not need this module.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from infra import declared, generated, output, script, source
from infra.parameter import Parameters
from infra.step import Command, Do, Ensure, Look

VARIANTS = (
    Parameters("demo-project", "europe-west1", "europe-west1", domain="hub.example.org", email="ops@example.org"),
    Parameters("demo-project", "europe-west1", "eur3", is_single=True, has_recovery=True),
)
KNOWN = {
    "NUMBER": "123456789012", "SOURCE": "0123456789abcdef", "FOUND": "projects/demo-project/alertPolicies/1",
    "CHANNEL": "projects/demo-project/notificationChannels/1",
}  # fmt: skip
"""Example values of the variables that the script sets while it runs."""
UNDERSTOOD = ("You do not currently have an active account selected", "gcloud auth login")
FIREBASE_TOOLS = "firebase-tools@15.34.2"
VALIDATE = """
const { FirestoreApi } = require("firebase-tools/lib/firestore/api");
new FirestoreApi().validateSpec(JSON.parse(require("fs").readFileSync(process.argv[1])));
"""
CALL_S, FETCH_S = 60, 600


def main() -> int:
    """Run the checks whose tools are installed. Returns the exit status."""
    faults = [*_gcloud(), *_firebase()]
    return output.refuse(*faults) if faults else 0


def commands() -> dict[tuple[str, ...], tuple[str, ...]]:
    """One command of each kind. Commands of one kind have the same words and flags, and differ in values only."""
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for p in VARIANTS:
        for step in declared.steps(p):
            for words in _words(step):
                if words[0] == "gcloud":
                    flags = (w.partition("=")[0] for w in words if w.startswith("--"))
                    verbs = [w for w in words[:5] if re.fullmatch("[a-z-]+", w) and "tributary" not in w]
                    kind = (*verbs, *flags)
                    found.setdefault(kind, words)
    return found


def _words(step: object) -> Iterator[tuple[str, ...]]:
    match step:
        case Look(_, words):
            yield ("gcloud", *words, "--format=json")
        case Do(_, Command(words, feed)):
            yield from (words, feed)
        case Ensure():
            yield from (command.words for command in (*step.create, *step.update))


def _gcloud() -> Iterator[str]:
    program = shutil.which("gcloud")
    if program is None:
        output.say("gcloud is not installed: its commands are not checked")
        return
    kinds = commands()
    with tempfile.TemporaryDirectory() as folder:
        environ = {
            "PATH": "/usr/bin:/bin", "HOME": folder, "CLOUDSDK_CONFIG": folder,
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1", "CLOUDSDK_CORE_PROJECT": VARIANTS[0].project,
            "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false", "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
            "CLOUDSDK_PROXY_TYPE": "http", "CLOUDSDK_PROXY_ADDRESS": "127.0.0.1", "CLOUDSDK_PROXY_PORT": "9",
        }  # fmt: skip
        for words in kinds.values():
            given = [script.VARIABLE.sub(lambda found: KNOWN[found[1]], word) for word in words[1:]]
            done = subprocess.run(
                [program, *given],
                env=environ,
                capture_output=True,
                text=True,
                timeout=CALL_S,
                check=False,
                stdin=subprocess.DEVNULL,
            )
            if done.returncode != 1 or not any(text in done.stderr for text in UNDERSTOOD):
                yield f"gcloud {' '.join(given)}\n{done.stderr}"
        listed = [program, "meta", "list-files-for-upload", str(source.ROOT)]
        uploaded = subprocess.check_output(listed, env=environ, text=True, timeout=CALL_S)
    output.say(f"gcloud has read {len(kinds)} kinds of command")
    declared_files = {path.relative_to(source.ROOT).as_posix() for path in source.files()}
    if differing := declared_files ^ set(uploaded.split()):
        yield f"gcloud would upload otherwise than infra/source.py says: {', '.join(sorted(differing)[:10])}"


def _firebase() -> Iterator[str]:
    npx = shutil.which("npx")
    if npx is None:
        output.say("npx is not installed: the index file is not checked by Firebase's tools")
        return
    file = Path(generated.FOLDER, "firestore.indexes.json")
    done = subprocess.run(
        [npx, "--yes", f"--package={FIREBASE_TOOLS}", "--call",
         f'NODE_PATH="$(dirname "$(dirname "$(command -v firebase)")")" node -e \'{VALIDATE}\' {file}'],
        capture_output=True, text=True, timeout=FETCH_S, check=False,
    )  # fmt: skip
    if done.returncode:
        yield f"Firebase's tools refuse {file.name}: {done.stderr.strip()}"
    else:
        output.say(f"Firebase's tools accept {file.name}")


if __name__ == "__main__":
    sys.exit(main())

"""`python -m infra plan | deploy | files`; the parameters come from the environment (`make plan PROJECT=… REGION=…`).

plan prints the script that deploy runs, and changes nothing. files writes the generated files of this folder anew.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from infra import generated, output, parameter, script

USAGE = "usage: python -m infra plan | deploy | files"


def main(arguments: Sequence[str]) -> int:
    """Run one command. Returns the exit status."""
    match arguments:
        case ["files"]:
            for path, text in generated.files().items():
                path.write_text(text)
            return 0
        case ["plan" | "deploy" as what]:
            try:
                text = script.render(parameter.read(os.environ))
            except parameter.FaultyParameters as error:
                return output.refuse(*error.faults, "like this: make plan PROJECT=my-project-1 REGION=europe-west1")
            return _deploy(text) if what == "deploy" else _plan(text)
    return output.refuse(USAGE)


def _plan(text: str) -> int:
    output.say(*text.splitlines())
    return 0


def _deploy(text: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "deploy.sh")
        path.write_text(text)
        environ = {**os.environ, "PYTHON": sys.executable}
        return subprocess.run(["bash", str(path)], cwd=generated.ROOT, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

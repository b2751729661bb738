"""`python -m infra.key`: a new secret key, written to a pipe and nowhere else."""

from __future__ import annotations

import secrets
import sys

from infra import output

BYTES = 32


def main() -> int:
    """Write a key to the pipe, without a newline. Returns the exit status."""
    try:
        output.pass_on(secrets.token_hex(BYTES))
    except ValueError as error:
        return output.refuse(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())

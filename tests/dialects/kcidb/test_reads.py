"""Golden cases of reading KCIDB's objects (`tests/dialects/golden.py`).

`given.reports` are documents that were merged before: each `document`, the submission's id as `source`, `at`.
"""

from __future__ import annotations

from pathlib import Path

from tests.build import reports
from tests.dialects import golden

CASES = Path(__file__).parent / "cases"
ALL = golden.cases(CASES / f"{name}.json" for name in ("read", "query", "export", "conflicts"))


@golden.each(ALL)
def test_case(store, case, play, request):
    for told in case.body["given"]["reports"]:
        reports.keep(store, told["document"], told["source"], told["at"])
    golden.judge(case, play({"exchanges": case.body["exchanges"]}), request)


def test_every_case_names_its_source():
    golden.check_forms(ALL)

"""Golden cases of the KernelCI API (`tests/dialects/golden.py`).

`given` are groups, users whose password is their name, and nodes, each POSTed by its `as`. `<name>` stands for the id
of a user or node of `given`, `<id1>`, `<id2>` … for ids made while the case runs, in the order they are first shown,
`<event1>` … for the ids of events, `<next1>` … for the cursors of pages, `<verify token of name>` and `<reset token of
name>` for what a letter to a user of `given` holds at the start, `<basic of name>` and `<token of name as the user>`
for the user's token in `Basic`, as the password and as the user name. `shows` names further headers of a reply that are
part of the case.
"""

from __future__ import annotations

from pathlib import Path

from tests.dialects import golden

ALL = golden.cases((Path(__file__).parent / "cases").glob("*.json"))


@golden.each(ALL)
def test_case(case, play, request):
    golden.judge(case, play(case.body), request)


def test_every_case_names_its_source():
    golden.check_forms(ALL)

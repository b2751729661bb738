"""How filters are split: what the store answers, and what is checked on the records."""

from lib.domain.query.query import Filter, plan
from lib.store.indexes import NODE


def test_too_many_values_together_are_checked_on_the_records():
    six, five = tuple("abcdef"), tuple("vwxyz")
    split = plan(NODE, (Filter("name", "in", six), Filter("group", "in", five)), "received_at")
    assert [w.field for w in split.where] == ["name", "group"] and not split.residual
    split = plan(NODE, (Filter("name", "in", six), Filter("group", "in", six)), "received_at")
    assert [w.field for w in split.where] == ["name"] and [f.path for f in split.residual] == ["group"]

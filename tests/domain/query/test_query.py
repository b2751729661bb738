"""How filters are split: what the store answers, and what is checked on the records."""

import pytest

from lib.domain.query.budget import Budget
from lib.domain.query.query import Filter, Query, plan
from lib.domain.query.search import Searcher
from lib.errors import TooCostly
from lib.store.indexes import NODE


def test_too_many_values_together_are_checked_on_the_records():
    six, five = tuple("abcdef"), tuple("vwxyz")
    split = plan(NODE, (Filter("name", "in", six), Filter("group", "in", five)), "received_at")
    assert [w.field for w in split.where] == ["name", "group"] and not split.residual
    split = plan(NODE, (Filter("name", "in", six), Filter("group", "in", six)), "received_at")
    assert [w.field for w in split.where] == ["name"] and [f.path for f in split.residual] == ["group"]


def test_a_budget_is_spent_to_the_last_document():
    budget = Budget(5, "at most %d")
    assert budget.take(3) == 3 and budget.take(9) == 5
    budget.spend(4)
    assert budget.take(9) == 1
    budget.spend()
    with pytest.raises(TooCostly, match="at most 5"):
        budget.take(1)
    with pytest.raises(TooCostly):
        budget.spend()


def test_a_query_reads_no_more_than_its_cap(store, monkeypatch):
    store.transact(lambda tx: [tx.create("kv", f"k{n:02}", {"received_at": "", "n": n}) for n in range(9)])
    read, find = [], store.find
    monkeypatch.setattr(type(store), "find", lambda _, name, scan: (read.append(scan.limit), find(name, scan))[1])
    assert len(Searcher(store, 9).find("kv", Query((Filter("n", "gte", 0),), 9), "")) == 9
    with pytest.raises(TooCostly, match="more than 4 records"):
        Searcher(store, 4).find("kv", Query((Filter("n", "gte", 0),), 9), "")
    assert read == [9, 4]


def test_no_record_has_an_id_that_is_no_text(store):
    assert Searcher(store, 1).find("node", Query((Filter("id", "in", (None,)),))) == []
    assert Searcher(store, 1).count("node", (Filter("id", "eq", None),)) == 0


def test_what_the_index_decides_is_not_taken_apart(store):
    store.transact(lambda tx: [tx.create("kv", f"k{n}", {"n": n}) for n in range(3)])
    found = Searcher(store, 9).find("kv", Query((), 9), "")
    assert [doc._body for doc in found] == [None] * 3 and [doc.body["n"] for doc in found] == [0, 1, 2]

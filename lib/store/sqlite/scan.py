"""Scans as SQL: the choice of the leading index, and the statement that reads along it.

Hides: the choice of the index and every line of SQL that reads more than one document. `store.py` runs the statements
of `find_sql` and `count_sql`. Source of the semantics: `port.py` (Where, Scan), converted by `term.py`; of the shapes:
`indexes.py`.

One index leads each scan (named by INDEXED BY, so the plan never depends on statistics). The other conditions filter
along it. The leader is the equality whose field is declared most selective. If a bounded count in the index finds more
than `PROBED` entries for its value, and another equality has fewer, that one leads.
"""
# ruff: noqa: S608 - SQL is put together from declared column names; values are always bound

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from lib.store.port import Scan, Where
from lib.store.sqlite.schema import LOWEST, Index, Layout, SideTable
from lib.store.sqlite.tally import ABSENT
from lib.store.term import Term, fit_count, fit_cursor, fit_scan

PROBED = (256, 2048)
"""Most index entries counted to see whether a value is selective: the bounds of the first and the second count."""

Look = Callable[[str, Sequence[Any]], int]
"""Runs a statement that counts; returns its one number."""


class Statement(NamedTuple):
    """SQL and the values bound to it."""

    sql: str
    values: list[Any]


class Leader(NamedTuple):
    """The index that a scan reads along, and the equality it starts with (None: the whole index in its order).

    `pins` are the fields whose equalities define the start in the index, so that every entry read matches them.
    """

    term: Term | None
    along: Index | None
    side: SideTable | None = None
    pins: frozenset[str] = frozenset()


def find_sql(layout: Layout, scan: Scan, look: Look) -> Statement | None:
    """The statement of one page and one more document; None when nothing can match.

    Its columns are `layout.selected` and the order value. Raises Unserved and Invalid as the port defines.
    """
    terms = fit_scan(layout.collection, scan)
    if terms is None:
        return None
    order = scan.order.lstrip("-")
    leader = _choose(layout, terms, order, look)
    page = _Page(layout, scan, order, leader, terms)
    if leader.term and order and leader.side is None and len(leader.term.values) > 1:
        # One arm for each value: each arm is in order and SQLite merges them, while one IN would sort all matches.
        return page.merge([Term(leader.term.field, "==", (v,)) for v in leader.term.values])
    return page.sort() if leader.term and not order else page.walk()


def count_sql(layout: Layout, where: tuple[Where, ...], look: Look) -> Statement | None:
    """The statement that counts, as far as possible from indexes alone; None when nothing can match."""
    terms = fit_count(layout.collection, where)
    if terms is None:
        return None
    tally = layout.tally
    if tally is not None and all(t.is_equal and t.field in tally.fields for t in terms):
        tests = [_on(t, f'nullif("{t.field}", {ABSENT})' if None in t.values else f'"{t.field}"') for t in terms]
        return _join(f'SELECT ifnull(sum(n), 0) FROM "{tally.table}"', tests)
    if not terms:
        return Statement(f'SELECT count(*) FROM "{layout.name}"', [])
    leader = _choose(layout, terms, None, look)
    source, tests = _read_along(layout, leader, terms)
    return _join(f"SELECT count(*) FROM {source}", tests)


def _choose(layout: Layout, terms: list[Term], order: str | None, look: Look) -> Leader:
    """The leader of a scan in this order ("": by key; None: any, for counts)."""
    leaders = []
    for term in sorted((t for t in terms if t.is_equal), key=lambda t: layout.collection.rank(t.field)):
        leader = _lead(layout, term, terms, order)
        if leader is not None:
            leaders.append(leader)
    if not leaders:
        return Leader(None, _bare_index(layout, terms, order))
    equal = {t.field for t in terms if t.is_equal}
    for leader in leaders:
        if leader.pins >= equal:
            return leader
    for bound in PROBED:
        for leader in leaders:
            if _entries(layout, leader, terms, bound, look) < bound:
                return leader
    return leaders[0]


def _lead(layout: Layout, term: Term, terms: list[Term], order: str | None) -> Leader | None:
    """The leader for this equality in this order: the index that answers most of the other conditions."""
    asked = {t.field for t in terms}
    pinnable = {t.field for t in terms if t.is_equal and len(t.values) == 1} | {term.field}
    side = layout.sides.get(term.field)
    if side is not None:
        true = {t.field for t in terms if t.values == (True,)}
        fit = [i for i in side.indexes if _orders(layout, i, order) and (not i.only or i.only in true)]
        pins = [(i, {term.field, *i.columns[1 : i.pinned], *filter(None, (i.only,))}) for i in fit]
        for index, pinned in pins:
            if pinned <= pinnable:
                return Leader(term, index, side, frozenset(pinned))
        return Leader(term, None, side, frozenset({term.field})) if not order or side.order == order else None
    fit = [
        i
        for i in layout.indexes
        if i.columns[0] == term.field and pinnable.issuperset(i.columns[: i.pinned]) and _orders(layout, i, order)
    ]
    if not fit:
        return None
    best = max(fit, key=lambda i: (i.pinned, len(asked & set(i.columns))))
    return Leader(term, best, None, frozenset(best.columns[: max(1, best.pinned)]))


def _orders(layout: Layout, index: Index, order: str | None) -> bool:
    """Whether the index, after its equalities, is in this order (key order is always reached by sorting)."""
    if not order or index.columns[0] == order:
        return True
    following = index.columns[index.pinned :]
    return following[:1] == (order,) or (layout.is_log and order == "seq" and not following)


def _bare_index(layout: Layout, terms: list[Term], order: str | None) -> Index | None:
    """The index of the wanted order, when no equality leads; for counts, an index that starts with a range."""
    if order == "":
        return layout.indexes[0]
    wanted = [order] if order else [t.field for t in terms]
    fit = [i for i in layout.indexes if i.columns[0] in wanted]
    asked = {t.field for t in terms}
    # None is the log by seq: the table's own order.
    return max(fit, key=lambda i: len(asked & set(i.columns))) if fit else None


def _entries(layout: Layout, leader: Leader, terms: list[Term], bound: int, look: Look) -> int:
    """The number of entries that the leader would read, counted up to the bound."""
    pinned = [t for t in terms if t.is_equal and t.field in leader.pins]
    source, tests = _read_along(layout, leader, pinned)
    inner = _join(f"SELECT 1 FROM {source}", tests)
    return look(f"SELECT count(*) FROM ({inner.sql} LIMIT {bound})", inner.values)


def _read_along(layout: Layout, leader: Leader, terms: list[Term]) -> tuple[str, list[Statement]]:
    """The tables to read, the leader's first, and all conditions on them.

    The main table has the alias d. A leading side table has the alias s and is read alone when it answers all
    conditions.
    """
    table, side = f'"{layout.name}" AS d', leader.side
    if side is None:
        source = f'{table} INDEXED BY "{leader.along.name}"' if leader.along else f"{table} NOT INDEXED"
        return source, [_test(layout, leader, t) for t in terms]
    tests, is_alone = [], True
    for term in terms:
        if term is leader.term:
            tests.append(_on(term, 's."value"'))
        elif leader.along is not None and term.field == leader.along.only:
            # In this form SQLite recognises that the index is covering; with a bound value it would not.
            tests.append(Statement(f's."{term.field}" = 1', []))
        elif term.field in side.extras:
            tests.append(_on(term, f's."{term.field}"'))
        else:
            tests.append(_test(layout, leader, term))
            is_alone = False
    return _side_source(layout, leader, is_alone), tests


def _side_source(layout: Layout, leader: Leader, is_alone: bool) -> str:
    """A leading side table, joined to the documents unless it is read alone."""
    assert leader.side is not None
    side = f'"{leader.side.table}" AS s' + (f' INDEXED BY "{leader.along.name}"' if leader.along else "")
    # CROSS JOIN forces SQLite to use this order of the tables.
    return side if is_alone else f'{side} CROSS JOIN "{layout.name}" AS d ON d."id" = s."id"'


def _test(layout: Layout, leader: Leader, term: Term) -> Statement:
    """A condition on the main table."""
    if term.op == "contains":
        side = layout.sides[term.field]
        order = f' AND c."{side.order}" = ifnull(d."{side.order}", -9e999)' if side.order else ""
        exists = f'SELECT 1 FROM "{side.table}" AS c WHERE c."value" = ?{order} AND c."key" = d."key"'
        return Statement(f"EXISTS ({exists})", list(term.values))
    if layout.is_log and leader.term and term.field == "at" and not term.is_equal:
        return _at_as_seq(layout, term)
    return _on(term, f'd."{term.field}"')


def _at_as_seq(layout: Layout, term: Term) -> Statement:
    """A bound on `at` as a bound on `seq`, which is the last column of every index of the log: both grow together."""
    direction, bound = ("ASC", ">=") if term.op in (">", ">=") else ("DESC", "<=")
    edge = f'SELECT "seq" FROM "{layout.name}" WHERE "at" {term.op} ? ORDER BY "at" {direction} LIMIT 1'
    return Statement(f'd."seq" {bound} ({edge})', list(term.values))


def _on(term: Term, column: str) -> Statement:
    """A condition on a column that holds its field."""
    bound = [v for v in term.values if v is not None]
    if not term.is_equal:
        return Statement(f"{column} {term.op} ?", bound)
    tests = [f"{column} IS NULL"] if len(bound) < len(term.values) else []
    if len(bound) == 1:
        tests.append(f"{column} = ?")
    elif bound:
        tests.append(f"{column} IN ({', '.join('?' * len(bound))})")
    return Statement(tests[0] if len(tests) == 1 else f"({' OR '.join(tests)})", bound)


def _join(select: str, tests: list[Statement]) -> Statement:
    where = " AND ".join(t.sql for t in tests)
    return Statement(f"{select} WHERE {where}" if where else select, [v for t in tests for v in t.values])


class _Page:
    """Builds the statement of one page along its leader."""

    def __init__(self, layout: Layout, scan: Scan, order: str, leader: Leader, terms: list[Term]) -> None:
        self._layout, self._scan, self._order, self._leader, self._terms = layout, scan, order, leader, terms
        self._way = "DESC" if scan.order.startswith("-") else "ASC"
        on_side = leader.side is not None and order in (leader.side.order, *leader.side.extras)
        self._alias = "s" if order and on_side else "d"
        self._after = None if scan.after is None else fit_cursor(layout.collection, order, scan.after)

    def walk(self) -> Statement:
        """Along the leader, which is in the wanted order."""
        return self._finish(self._arm(self._terms))

    def merge(self, arms: list[Term]) -> Statement:
        """Along several values of the leading equality, merged in order."""
        others = [t for t in self._terms if t is not self._leader.term]
        parts = [self._arm([arm, *others]) for arm in arms]
        return self._finish(Statement(" UNION ALL ".join(p.sql for p in parts), [v for p in parts for v in p.values]))

    def sort(self) -> Statement:
        """By key, when an equality leads: sort its keys first, then read only the page's bodies."""
        source, tests = _read_along(self._layout, self._leader, self._terms)
        alias = "d" if self._leader.side is None else "s"
        if self._after:
            tests.append(Statement(f'{alias}."key" > ?', [self._after[1]]))
        id = self._layout.id if alias == "d" else "id"
        keys = _join(f'SELECT {alias}."{id}" AS i FROM {source}', tests)
        keys = Statement(f'{keys.sql} ORDER BY {alias}."key" LIMIT ? OFFSET ?', [*keys.values, *self._bounds])
        return Statement(
            f'SELECT {self._layout.selected}, NULL FROM ({keys.sql}) CROSS JOIN "{self._layout.name}" AS d '
            f'ON d."{self._layout.id}" = i ORDER BY d."key"',
            keys.values,
        )

    @property
    def _bounds(self) -> list[int]:
        return [self._scan.limit + 1, self._scan.skip]

    def _arm(self, terms: list[Term]) -> Statement:
        """One SELECT along the leader, without its order and limit."""
        layout, leader = self._layout, self._leader
        bounds = [t for t in terms if self._is_bound(t)]
        source, tests = _read_along(layout, leader, [t for t in terms if t not in bounds])
        if leader.side is not None:
            source = _side_source(layout, leader, is_alone=False)
        tests += self._within(bounds)
        # The leader's alias is used, so that SQLite recognises the leader's own order.
        selected = layout.selected.replace('d."key"', f'{self._alias}."key"')
        return _join(f"SELECT {selected}, {self._column} FROM {source}", tests)

    @property
    def _column(self) -> str:
        return f'{self._alias}."{self._order}"' if self._order else "NULL"

    def _is_bound(self, term: Term) -> bool:
        """Whether a condition bounds the leader's order."""
        is_seq = self._layout.is_log and self._order == "seq" and term.field == "at"
        return not term.is_equal and (term.field == self._order or is_seq)

    def _within(self, bounds: list[Term]) -> list[Statement]:
        """The bounds of the leader's order: the cursor first, which is the tightest on its side.

        The index gets only the first bound of each side: SQLite might start at a wider one and filter from there.
        """
        is_down = self._way == "DESC"
        low, high = self._behind(not is_down), self._behind(is_down)
        for term in bounds:
            edge = _on(term, self._column) if term.field == self._order else _at_as_seq(self._layout, term)
            (low if term.op in (">", ">=") else high).append(edge)
        if self._order and not low:
            low.append(Statement(f"{self._column} >= {LOWEST[self._layout.types[self._order]]}", []))
        return [*low[:1], *high[:1], *(Statement(f"+{s.sql}", s.values) for s in (*low[1:], *high[1:]))]

    def _behind(self, is_its_side: bool) -> list[Statement]:
        """The condition that the cursor sets, on the side where it bounds."""
        if self._after is None or not is_its_side:
            return []
        value, key = self._after
        sign = "<" if self._way == "DESC" else ">"
        if not self._order:
            return [Statement(f'd."key" {sign} ?', [key])]
        if self._layout.is_log and self._order == "seq":
            return [Statement(f"{self._column} {sign} ?", [value])]
        return [Statement(f'({self._column}, {self._alias}."key") {sign} (?, ?)', [value, key])]

    def _finish(self, arms: Statement) -> Statement:
        order = f"7 {self._way}, 2 {self._way}" if self._order else "2"
        if self._layout.is_log and self._order == "seq":
            order = f"1 {self._way}"
        return Statement(f"{arms.sql} ORDER BY {order} LIMIT ? OFFSET ?", [*arms.values, *self._bounds])

"""The methods that run queries: documents, aggregations, partitions, and what a query would cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from google.cloud.firestore_v1.types import firestore
from google.cloud.firestore_v1.types import query_profile as profile

from tests.emulators.firestore.aggregate import aggregate, fields_of, read_aggregations
from tests.emulators.firestore.cost import scanned
from tests.emulators.firestore.database import Database
from tests.emulators.firestore.document import project
from tests.emulators.firestore.meter import aggregation_reads, query_reads
from tests.emulators.firestore.path import Path, check_parent, split_name
from tests.emulators.firestore.plan import Plan, check
from tests.emulators.firestore.query import Query, read_query
from tests.emulators.firestore.reading import Reading
from tests.emulators.firestore.refusal import invalid
from tests.emulators.firestore.room import Rooms
from tests.emulators.firestore.rpc_list import cut_page
from tests.emulators.firestore.scan import Found, run

RunQueryResponse = firestore.RunQueryResponse.pb()
RunAggregationResponse = firestore.RunAggregationQueryResponse.pb()
PartitionResponse = firestore.PartitionQueryResponse.pb()
ExplainMetrics = profile.ExplainMetrics.pb()


class Answer(NamedTuple):
    """A query that was run: what it found, how it was read, and by which indexes."""

    database: Database
    query: Query
    reading: Reading
    found: Found
    plans: list[Plan]

    def entries(self) -> int:
        """Index entries scanned."""
        return scanned(self.database, self.query, self.plans, self.found, self.reading.at)


def run_query(rooms: Rooms, request: Any) -> Iterator[Any]:
    answer = _answer(rooms, request, request.structured_query)
    if _is_plan_only(request):
        yield RunQueryResponse(explain_metrics=_metrics(answer.plans))
        return
    found, reading, entries = answer.found, answer.reading, answer.entries()
    reads = query_reads(len(found.documents) + found.skipped)
    answer.database.meter.add(reads=reads, entries=entries)
    if reading.begun:
        yield RunQueryResponse(transaction=reading.begun)
    if not found.documents:
        yield RunQueryResponse(read_time=reading.time, skipped_results=found.skipped)
    skipped = found.skipped
    for document in found.documents:
        message = project(document.message, answer.query.projection)
        yield RunQueryResponse(document=message, read_time=reading.time, skipped_results=skipped)
        skipped = 0
    if request.HasField("explain_options"):
        yield RunQueryResponse(explain_metrics=_metrics(answer.plans, len(found.documents), reads, entries))


def run_aggregation_query(rooms: Rooms, request: Any) -> Iterator[Any]:
    structured = request.structured_aggregation_query
    aggregations = read_aggregations(structured.aggregations)
    answer = _answer(rooms, request, structured.structured_query, fields_of(aggregations))
    if _is_plan_only(request):
        yield RunAggregationResponse(explain_metrics=_metrics(answer.plans))
        return
    found, reading, entries = answer.found, answer.reading, answer.entries()
    reads = aggregation_reads(len(found.documents) + found.skipped)
    answer.database.meter.add(reads=reads, entries=entries)
    response = RunAggregationResponse(read_time=reading.time, transaction=reading.begun)
    for alias, value in aggregate(aggregations, found.documents).items():
        response.result.aggregate_fields[alias].CopyFrom(value)
    if request.HasField("explain_options"):
        response.explain_metrics.CopyFrom(_metrics(answer.plans, 1, reads, entries))
    yield response


def _answer(rooms: Rooms, request: Any, structured: Any, aggregated: Iterable[Path] = ()) -> Answer:
    """Read, check and run the query of a request."""
    name, parent = split_name(request.parent)
    room = rooms.get(name)
    query = read_query(check_parent(parent), structured)
    plans = check(room.database.indexes, query, aggregated)
    with room.database.lock:
        reading = Reading(room, request)
        found = Found([], 0) if _is_plan_only(request) else run(room.database, query, reading.at)
        if reading.transaction:
            reading.transaction.saw_query(query, found)
    return Answer(room.database, query, reading, found, plans)


def _is_plan_only(request: Any) -> bool:
    """Whether the request asks for the plan and not for the result."""
    return request.HasField("explain_options") and not request.explain_options.analyze


def _metrics(plans: list[Plan], results: int | None = None, reads: int = 0, entries: int = 0) -> Any:
    """The indexes a query uses, and what it took when it was run."""
    metrics = ExplainMetrics()
    for index in dict.fromkeys(index for plan in plans for index in plan):
        metrics.plan_summary.indexes_used.add().update({"query_scope": index.scope, "properties": str(index)})
    metrics.plan_summary.SetInParent()
    if results is not None:
        metrics.execution_stats.results_returned = results
        metrics.execution_stats.read_operations = reads
        metrics.execution_stats.execution_duration.SetInParent()
        metrics.execution_stats.debug_stats.update({"index_entries_scanned": str(entries)})
    return metrics


def partition_query(rooms: Rooms, request: Any) -> Any:
    """Names that part a collection group into stretches of about equal length."""
    database, parent = split_name(request.parent)
    room = rooms.get(database)
    query = read_query(check_parent(parent), request.structured_query)
    if not query.is_group or query.filter or len(query.orders) > 1 or query.orders[0].is_descending:
        raise invalid("only a collection group in ascending order of __name__, without filters, can be parted")
    if request.partition_count < 1:
        raise invalid("partition_count must be positive")
    names = [d.name for d in run(room.database, query, Reading(room, request).at).documents]
    room.database.meter.add(reads=1)
    parts = min(request.partition_count + 1, len(names))
    cuts = [names[len(names) * i // parts] for i in range(1, parts)]
    page, token = cut_page(cuts, request.page_token, request.page_size or len(cuts))
    response = PartitionResponse(next_page_token=token)
    for name in page:
        response.partitions.add(before=True).values.add(reference_value=name)
    return response

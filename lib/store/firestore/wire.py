"""Firestore's messages: the conversion of values, documents and queries to protobuf and back.

Hides: protobuf. This module does no input or output. It uses the library's messages without their wrappers, since the
wrappers copy every document twice, which is most of the cost of a request in this process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from google.cloud.firestore_v1.types import (
    BatchGetDocumentsRequest,
    BeginTransactionRequest,
    CommitRequest,
    RollbackRequest,
    RunAggregationQueryRequest,
    RunQueryRequest,
    StructuredQuery,
)
from google.cloud.firestore_v1.types import Document as DocumentType
from google.cloud.firestore_v1.types import Write as WriteType

from lib.store.port import Op, Scalar
from lib.store.term import Term

Fields = Mapping[str, Any]
"""Fields of a stored document by name: texts, integers, booleans, instants, bytes, null, lists of texts."""

NAME_BYTES_MAX = 1500


Document, Write, Query = DocumentType.pb(), WriteType.pb(), StructuredQuery.pb()
Commit, Gets = CommitRequest.pb(), BatchGetDocumentsRequest.pb()
Find, Count = RunQueryRequest.pb(), RunAggregationQueryRequest.pb()
Begin, Rollback = BeginTransactionRequest.pb(), RollbackRequest.pb()

_OPERATOR = StructuredQuery.FieldFilter.Operator
OPERATORS: Mapping[Op, int] = {
    "==": _OPERATOR.EQUAL,
    "<": _OPERATOR.LESS_THAN,
    "<=": _OPERATOR.LESS_THAN_OR_EQUAL,
    ">": _OPERATOR.GREATER_THAN,
    ">=": _OPERATOR.GREATER_THAN_OR_EQUAL,
    "in": _OPERATOR.IN,
    "contains": _OPERATOR.ARRAY_CONTAINS,
}
_AND, _OR = StructuredQuery.CompositeFilter.Operator.AND, StructuredQuery.CompositeFilter.Operator.OR
_IS_NULL = StructuredQuery.UnaryFilter.Operator.IS_NULL
_WAYS = {True: StructuredQuery.Direction.DESCENDING, False: StructuredQuery.Direction.ASCENDING}


def name_of(key: str) -> str:
    """The name of the document of a key. Consecutive keys get distant names, since writes to adjacent names would
    contend."""
    digest = hashlib.blake2b(key.encode(), digest_size=32).hexdigest()
    name = f"{digest[:4]}-{key}"
    return name if len(name.encode()) <= NAME_BYTES_MAX else digest


def encode_value(value: Any, into: Any) -> None:
    """Put a value into a message."""
    if value is None:
        into.null_value = 0
    elif type(value) is str:
        into.string_value = value
    elif type(value) is bool:
        into.boolean_value = value
    elif type(value) is int:
        into.integer_value = value
    elif type(value) is bytes:
        into.bytes_value = value
    elif isinstance(value, datetime):
        into.timestamp_value.FromDatetime(value)
    else:
        into.array_value.SetInParent()
        for element in value:
            into.array_value.values.add().string_value = element


def decode_value(value: Any) -> Any:
    """The value of a message; an instant, a map or a list is not needed and gives None."""
    kind = value.WhichOneof("value_type")
    return getattr(value, kind) if kind in ("string_value", "integer_value", "boolean_value", "bytes_value") else None


def encode_document(path: str, fields: Fields) -> Any:
    document = Document(name=path)
    for name, value in fields.items():
        encode_value(value, document.fields[name])
    return document


def decode_fields(document: Any, names: Iterable[str]) -> dict[str, Any]:
    """The named fields of a document; None for one that is missing."""
    fields = document.fields
    return {name: decode_value(fields[name]) if name in fields else None for name in names}


def write_whole(path: str, fields: Fields, *, is_new: bool = False) -> Any:
    """Replace a document, or create it (`is_new`); the service refuses to create an existing one."""
    write = Write(update=encode_document(path, fields))
    if is_new:
        write.current_document.exists = False
    return write


def write_some(path: str, fields: Fields, since: Any = None) -> Any:
    """Change some fields of an existing document; with `since`, only if its last write was at that instant."""
    write = Write(update=encode_document(path, fields))
    write.update_mask.field_paths.extend(fields)
    if since is None:
        write.current_document.exists = True
    else:
        write.current_document.update_time.CopyFrom(since)
    return write


def write_none(path: str) -> Any:
    """Delete a document."""
    return Write(delete=path)


def query(
    collection: str,
    terms: Sequence[Term],
    order: Sequence[tuple[str, bool]],
    *,
    limit: int | None = None,
    offset: int = 0,
    after: Sequence[Scalar] = (),
    select: Sequence[str] = (),
) -> Any:
    """A query of one collection. `order` lists fields, each with a flag for descending. `after` holds values of the
    first of these fields; the query starts after them. `select` names the wanted fields, if not all."""
    made = Query()
    made.from_.add(collection_id=collection)
    _add_filters(made, terms)
    for field, descends in order:
        made.order_by.add(field={"field_path": field}, direction=_WAYS[descends])
    for field in select:
        made.select.fields.add(field_path=field)
    for value in after:
        encode_value(value, made.start_at.values.add())
    if limit is not None:
        made.limit.value = limit
    made.offset = offset
    return made


def _add_filters(made: Any, terms: Sequence[Term]) -> None:
    if len(terms) == 1:
        _add_filter(made.where, terms[0])
    elif terms:
        made.where.composite_filter.op = _AND
        for term in terms:
            _add_filter(made.where.composite_filter.filters.add(), term)


def _add_filter(into: Any, term: Term) -> None:
    values = [v for v in term.values if v is not None]
    if len(values) == len(term.values):
        _add_test(into, term.field, term.op, values)
    elif not values:
        _add_null(into, term.field)
    else:
        into.composite_filter.op = _OR
        _add_test(into.composite_filter.filters.add(), term.field, term.op, values)
        _add_null(into.composite_filter.filters.add(), term.field)


def _add_test(into: Any, field: str, op: Op, values: Sequence[Scalar]) -> None:
    test = into.field_filter
    test.field.field_path = field
    if op == "in" and len(values) > 1:
        test.op = OPERATORS["in"]
        for value in values:
            encode_value(value, test.value.array_value.values.add())
    else:
        test.op = OPERATORS["==" if op == "in" else op]
        encode_value(values[0], test.value)


def _add_null(into: Any, field: str) -> None:
    into.unary_filter.field.field_path = field
    into.unary_filter.op = _IS_NULL

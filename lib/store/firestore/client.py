"""The connection to one Firestore database: reads, queries, transactions, and the meaning of its errors.

Hides: the official client, its channel, retries, and the count of billed documents. It uses the generated client inside
the official one: the generated client begins a transaction together with its first read, and copies no document twice.
The library itself finds the credentials, or the local stand-in that FIRESTORE_EMULATOR_HOST names.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from google.api_core import exceptions
from google.cloud.firestore import Client
from google.cloud.firestore_v1.types import BatchGetDocumentsResponse, CommitResponse, RunQueryResponse

from lib import tally
from lib.errors import Unavailable, Unserved
from lib.store.firestore import wire as wire

T = TypeVar("T")

REQUEST_S_MAX = 30.0
READ_TRIES_MAX = 4
"""Most tries of a read outside a transaction while the service cannot answer."""
GET_DOCS_MAX = 500
"""Documents of one request."""
ENTRIES_PER_READ = 1000
"""Index entries of a count that are billed as one document read."""

OUTAGES = (
    exceptions.ServiceUnavailable,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.Unknown,
    exceptions.TooManyRequests,
    exceptions.Cancelled,
)


class Contended(Exception):
    """Another transaction changed a document that this one read, or the service requests a restart: run the work
    again."""


class Database:
    """One database. Safe to share between threads."""

    def __init__(self, project: str, database: str) -> None:
        self.name = f"projects/{project}/databases/{database}"
        self.root = f"{self.name}/documents"
        self._outer = Client(project=project, database=database)
        self._client = self._outer._firestore_api
        self._metadata = self._outer._rpc_metadata

    def close(self) -> None:
        self._client.transport.close()

    def path(self, collection: str, key: str) -> str:
        """The full name of the document of a key."""
        return f"{self.root}/{collection}/{wire.name_of(key)}"

    def get(self, paths: Iterable[str], transaction: Transaction | None = None) -> dict[str, Any]:
        """The existing documents of these paths, by path."""
        wanted, found = list(dict.fromkeys(paths)), {}
        for start in range(0, len(wanted), GET_DOCS_MAX):
            request = wire.Gets(database=self.name, documents=wanted[start : start + GET_DOCS_MAX])
            for answer in self._read(self._client.batch_get_documents, request, BatchGetDocumentsResponse, transaction):
                if answer.WhichOneof("result") == "found":
                    found[answer.found.name] = answer.found
        tally.count(reads=len(wanted))
        return found

    def find(self, query: Any, transaction: Transaction | None = None) -> list[Any]:
        """The documents of a query, in its order."""
        request = wire.Find(parent=self.root, structured_query=query)
        answers = self._read(self._client.run_query, request, RunQueryResponse, transaction)
        found = [a.document for a in answers if a.HasField("document")]
        skipped = sum(a.skipped_results for a in answers)
        tally.count(reads=max(1, len(found) + skipped))
        return found

    def count(self, query: Any) -> int:
        """The number of documents that match a query."""
        request = wire.Count(parent=self.root)
        request.structured_aggregation_query.structured_query.CopyFrom(query)
        request.structured_aggregation_query.aggregations.add(alias="n").count.SetInParent()
        answers = self._tried(lambda: list(self._call(self._client.run_aggregation_query, request)))
        total: int = next(iter(answers)).result.aggregate_fields["n"].integer_value
        tally.count(reads=max(1, -(-total // ENTRIES_PER_READ)))
        return total

    def write(self, writes: Sequence[Any], transaction: Transaction | None = None) -> Any:
        """Commit writes as one. Returns the instant of the commit. Raises the library's own errors."""
        request = wire.Commit(database=self.name, writes=writes)
        if transaction is not None:
            request.transaction = transaction.begun()
        answer = CommitResponse.pb(self._call(self._client.commit, request))
        deletes = sum(w.WhichOneof("operation") == "delete" for w in writes)
        tally.count(writes=len(writes) - deletes, deletes=deletes)
        return answer.commit_time

    def begin(self, options: Any) -> bytes:
        id: bytes = self._call(
            self._client.begin_transaction, wire.Begin(database=self.name, options=options)
        ).transaction
        return id

    def roll_back(self, id: bytes) -> None:
        self._call(self._client.rollback, wire.Rollback(database=self.name, transaction=id))

    def _call(self, method: Callable[..., T], request: Any) -> T:
        return method(request=request, retry=None, timeout=REQUEST_S_MAX, metadata=self._metadata)

    def _read(
        self, method: Callable[..., Iterable[Any]], request: Any, wrapper: Any, transaction: Transaction | None
    ) -> list[Any]:
        if transaction is None:
            return self._tried(lambda: [wrapper.pb(a) for a in self._call(method, request)])
        with translated():
            transaction.join(request)
            answers = [wrapper.pb(a) for a in self._call(method, request)]
            transaction.heed(answers)
        return answers

    def _tried(self, read: Callable[[], T]) -> T:
        """Run the read; retry it if the service could not answer."""
        for n in range(READ_TRIES_MAX - 1):
            try:
                with translated():
                    return read()
            except (Contended, Unavailable):
                pause(n)
        try:
            with translated():
                return read()
        except Contended as error:
            raise Unavailable(f"the store cannot answer now: {error}") from error


class Transaction:
    """A transaction of the service, begun by its first read, or by its commit when it read nothing."""

    def __init__(self, database: Database, retried: bytes = b"") -> None:
        self._database = database
        self._options = {"read_write": {"retry_transaction": retried}}
        self.id = b""

    def join(self, request: Any) -> None:
        """Make a read request part of this transaction."""
        if self.id:
            request.transaction = self.id
        else:
            request.new_transaction.read_write.retry_transaction = self._options["read_write"]["retry_transaction"]

    def heed(self, answers: Sequence[Any]) -> None:
        """Take the transaction's id from the answers of the first read."""
        if not self.id:
            self.id = next((a.transaction for a in answers if a.transaction), b"")

    def begun(self) -> bytes:
        """Its id; begins the transaction now if nothing was read."""
        if not self.id:
            self.id = self._database.begin(self._options)
        return self.id

    def abandon(self) -> bool:
        """Roll back and release the locks. Returns whether it is certain that nothing will be committed."""
        if not self.id:
            return True
        try:
            self._database.roll_back(self.id)
        except exceptions.GoogleAPICallError:
            return False
        return True


@contextmanager
def translated() -> Iterator[None]:
    """Convert the library's errors to refusals."""
    try:
        yield
    except exceptions.Aborted as error:
        raise Contended(error.message) from error
    except OUTAGES as error:
        raise Unavailable(f"the store cannot answer now: {error.message}") from error
    except exceptions.FailedPrecondition as error:
        raise Unserved(f"the database lacks an index: {error.message}") from error
    except (exceptions.Forbidden, exceptions.Unauthorized, exceptions.NotFound) as error:
        raise Unavailable(f"the store cannot be reached: {error.message}") from error


_random = random.Random()  # noqa: S311 - spreads those who collided, guards nothing
_random_gate = threading.Lock()


def pause(tries: int, base_s: float = 0.01, most_s: float = 0.5) -> None:
    """Wait before the next try: longer each time, with a random share."""
    with _random_gate:
        share = _random.uniform(0.5, 1.5)
    time.sleep(min(most_s, base_s * 2**tries) * share)

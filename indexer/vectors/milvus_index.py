"""Index in Milvus: a collection that all machines search, and a tail in the memory of each process.

A ledger defines the current collection, and the change number up to which it is valid. Searches ignore rows that a
writer has added beyond that number until the ledger is updated; if the writer is killed, the next one adds the same
rows again. Each process that replays removals applies them to Milvus immediately.
"""

import logging
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from exhibit.errors import IntegrityError, StorageError
from exhibit.ports import IndexStats, VectorSource
from exhibit.sentences import Sentence
from exhibit.types import Hit, Metric, Space, Untyped
from indexer.vectors.faiss_rows import PRODUCT_ERROR, SPARE_ROWS, create_empty_rows
from indexer.vectors.folder_index import describe_wrong_count
from indexer.vectors.manifest import HINT
from indexer.vectors.replayed_index import OpenIndex, ReplayedVectors, sort_key
from indexer.vectors.rows import compute_cosine_distances

MAX_HITS = 16_384
"""Maximum number of nearest rows that Milvus returns for one query."""
MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES, MAX_LISTED_NUMBERS = 8 << 20, 16 << 20, 4_000
"""Maximum bytes of a request and of a response, and maximum numbers in a condition; Milvus accepts 64 MiB."""
CONNECT_TIMEOUT, RESPONSE_TIMEOUT, LOAD_TIMEOUT = 3.0, 20.0, 60.0
"""Timeouts in seconds for a connection, for a response, and for creating or loading a collection."""
SEARCH_BREADTH = 400  # minimum number of graph nodes visited for a query of descriptors
NO_RESPONSE = Sentence("Milvus is not responding.")
DOCS_HINT = "See docs/how-to/operate/use-milvus.md."
_UNREACHABLE, _COLLECTION_MISSING = 2, 100  # codes of Milvus and its client
_CLIENTS: dict[tuple[str, int], Untyped] = {}


@dataclass(frozen=True, slots=True)
class Collections:
    """Collections of one index on a Milvus server or cluster.

    Requests raise ``IntegrityError`` if the collection does not exist, and ``StorageError`` for all other failures.
    """

    url: str
    token: str = field(repr=False)
    prefix: str = ""  # prefix of their names, before 16 hexadecimal digits

    def call(self, method: str, *values: object, timeout: float = RESPONSE_TIMEOUT, **options: Any) -> Any:  # noqa: ANN401 - as the method
        """Call a method of Milvus's client; each process has one connection, which is reopened after a failure."""
        (library, rpc_error), key = _import_client(), (self.url, os.getpid())
        try:
            if key not in _CLIENTS:
                client_options = {
                    "timeout": CONNECT_TIMEOUT,
                    "grpc_options": {"grpc.use_local_subchannel_pool": 1},
                    "dedicated": True,
                }
                _CLIENTS[key] = library.MilvusClient(self.url, token=self.token, **client_options)
            return getattr(_CLIENTS[key], method)(*values, timeout=timeout, **options)
        except (library.MilvusException, rpc_error, ValueError) as error:  # ValueError: the connection is closed
            code = getattr(error, "code", _UNREACHABLE)
            if code == _COLLECTION_MISSING:
                raise IntegrityError("There is no such index in Milvus.", hint=HINT) from None
            sentence = _describe_error(error, code() if callable(code) else code)
            if sentence == NO_RESPONSE and key in _CLIENTS:
                _CLIENTS.pop(key).close()
            raise StorageError(sentence, hint=DOCS_HINT) from None

    def list_names(self) -> list[str]:
        """Return the names of the existing collections."""
        return sorted(filter(re.compile(self.prefix + "[0-9a-f]{16}").fullmatch, self.call("list_collections")))

    def create(self, space: Space) -> str:
        """Create an empty collection and return its name."""
        library, hamming = _import_client()[0], space.metric is Metric.HAMMING
        client, kinds = library.MilvusClient, library.DataType
        schema, index = client.create_schema(auto_id=False, enable_dynamic_field=False), client.prepare_index_params()
        schema.add_field("number", kinds.INT64, is_primary=True)
        schema.add_field("vector", kinds.BINARY_VECTOR if hamming else kinds.FLOAT_VECTOR, dim=space.width)
        graph = {"index_type": "HNSW", "metric_type": "IP", "params": {"M": 24, "efConstruction": 200}}
        index.add_index("vector", **({"index_type": "BIN_FLAT", "metric_type": "HAMMING"} if hamming else graph))
        name = self.prefix + secrets.token_hex(8)
        self.call("create_collection", name, schema=schema, index_params=index, timeout=LOAD_TIMEOUT)
        return name


class MilvusRows:
    """Rows of a collection up to a number.

    Searches may miss rows if there are many descriptors, or more than ``MAX_HITS`` equal rows.
    """

    def __init__(self, space: Space, server: Collections, name: str, last_number: int) -> None:
        self.space, self.upto = space, last_number
        self._server, self._name = server, name
        self._call("load_collection", timeout=LOAD_TIMEOUT)

    def __len__(self) -> int:
        return int(self._query(f"number <= {self.upto}", "count(*)")[0])

    def between(self, lower_number: int, upper_number: int) -> NDArray[np.int64]:
        """Return the existing numbers in a range."""
        return self._query(f"{lower_number} < number <= {upper_number}")

    def write(self, numbers: NDArray[np.int64], vectors: NDArray[Any]) -> None:
        """Write rows, replacing those with the same numbers."""
        batch_size = MAX_REQUEST_BYTES // (16 + self.space.vector_bytes)
        for batch, rows in zip(_split(numbers, batch_size), _split(vectors, batch_size), strict=True):
            pairs = zip(batch.tolist(), self._encode(rows), strict=True)
            self._call("upsert", [{"number": number, "vector": vector} for number, vector in pairs])

    def remove(self, numbers: NDArray[np.int64]) -> int:
        """Remove numbers for all processes; return the number of those that were valid."""
        valid = numbers[numbers <= self.upto]
        existing = [self._query(f"number in {batch.tolist()}") for batch in _split(valid, MAX_LISTED_NUMBERS)]
        self.delete(valid)
        return sum(map(len, existing))

    def delete(self, numbers: NDArray[np.int64]) -> None:
        """Remove numbers for all processes, valid or not."""
        for batch in _split(numbers, MAX_LISTED_NUMBERS):
            self._call("delete", ids=batch.tolist())

    def search(self, queries: NDArray[Any], k: int, within: float | None) -> list[list[Hit]]:
        """Return at most ``k`` nearest hits for each query, nearest first, ties by number."""
        result: list[list[Hit]] = [[] for _ in queries]
        remaining, limit = list(range(len(queries))) if k > 0 else [], min(MAX_HITS, k + SPARE_ROWS)
        while remaining:
            query_rows, remaining = remaining, []
            for query_row, response in zip(query_rows, self._search_batches(queries[query_rows], limit), strict=True):
                hits = self._to_hits(queries[query_row], response)
                result[query_row] = nearest = [hit for hit in hits[:k] if within is None or hit.distance <= within]
                is_full = len(nearest) == k and len(hits) == limit < MAX_HITS
                if (
                    is_full and hits[-1].distance <= nearest[-1].distance + PRODUCT_ERROR
                ):  # further rows may be equally near
                    remaining.append(query_row)
            limit = min(MAX_HITS, 4 * limit)
        return result

    def _search_batches(self, queries: NDArray[Any], limit: int) -> Iterator[Untyped]:
        """Yield Milvus's result for each query; queries are batched by the maximum size of a response."""
        is_exact = self.space.metric is Metric.HAMMING
        options = {"output_fields": [] if is_exact else ["vector"], "filter": f"number <= {self.upto}", "limit": limit}
        parameters = {"params": {} if is_exact else {"ef": max(SEARCH_BREADTH, 2 * limit)}}
        bytes_per_query = limit * (16 + (0 if is_exact else self.space.vector_bytes))
        for batch in _split(queries, max(1, MAX_RESPONSE_BYTES // bytes_per_query)):
            yield from self._call(
                "search", self._encode(batch), search_params=parameters, consistency_level="Strong", **options
            )

    def _to_hits(self, query: NDArray[Any], response: Untyped) -> list[Hit]:
        distances = np.array(response.distances, np.float64)
        if self.space.metric is not Metric.HAMMING:  # recomputed: Milvus's products are not exact
            rows = np.array([hit["entity"]["vector"] for hit in response], np.float32)
            distances = compute_cosine_distances(query, rows.reshape(-1, self.space.width))
        return sorted(map(Hit, response.ids, distances.tolist()), key=sort_key)

    def _query(self, condition: str, column: str = "number") -> NDArray[np.int64]:
        rows = self._call("query", filter=condition, output_fields=[column], consistency_level="Strong")
        return np.array([row[column] for row in rows], np.int64)

    def _encode(self, vectors: NDArray[Any]) -> list[Any]:
        return [row.tobytes() for row in vectors] if self.space.metric is Metric.HAMMING else list(vectors)

    def _call(self, method: str, *values: object, **options: Any) -> Any:  # noqa: ANN401 - as the method
        return self._server.call(method, self._name, *values, **options)


@dataclass(frozen=True, slots=True)
class IndexState:
    """Current state of an index in Milvus."""

    collection: str = ""  # name of the collection; empty before the first one is created
    sequence: int = 0  # highest valid change number in it


class Ledger(Protocol):
    """Storage of the current state of one index, for all machines."""

    def read(self) -> IndexState:
        """Return the current state."""

    def write(self, state: IndexState) -> None:
        """Set the current state; call this only within :meth:`write_lock`."""

    def write_lock(self, *, wait: bool = True) -> AbstractContextManager[bool]:
        """Hold the write lock for all machines; without ``wait``, the value is ``False`` if another writer holds it."""


class MilvusIndex(ReplayedVectors[IndexState]):
    """Vectors of one space in Milvus, and a tail. Implements ``ports.VectorIndex`` and ``ports.StoredIndex``.

    Milvus is contacted on first use. Methods raise ``IntegrityError`` if the current collection is missing, and
    ``StorageError`` if Milvus fails.
    """

    def __init__(self, space: Space, server: Collections, ledger: Ledger) -> None:
        self.space = space
        self._server, self._ledger = server, ledger

    def remove(self, numbers: NDArray[np.int64]) -> int:
        """Remove numbers; return the number of those that were present."""
        removed = super().remove(numbers)
        for rows in self._opened.segments:
            rows.delete(numbers[numbers > self.sequence])  # a killed writer may have added these rows
        return removed

    def check(self, source: VectorSource) -> list[str]:
        """List all problems: a missing collection, or another number of entries than the database has."""
        state = self._load_state()
        if problems := self._list_missing(state):
            return problems
        count, expected = sum(map(len, self._open().segments)), source.count(state.sequence)
        return [describe_wrong_count(count, expected)] if count != expected else []

    def repair(self, source: VectorSource) -> list[str]:
        """Reset the state if the collection is missing, so that it is replayed; return the problem."""
        del source
        if not self._list_missing(self._load_state()):
            return []
        with self._ledger.write_lock():
            if problems := self._list_missing(self._load_state()):  # not yet repaired by another process
                self._ledger.write(IndexState())
        self._close()
        return problems

    def tidy(self, source: VectorSource) -> None:
        """Drop obsolete collections, and correct the entries of the current one; skipped while a writer is active."""
        with self._ledger.write_lock(wait=False) as is_held:
            if not is_held:
                return
            self._drop_obsolete()
            rows = self._get_rows(self._load_state())
            if rows is not None and len(rows) != source.count(rows.upto):
                correct_rows(rows, source)

    def rebuild(self, source: VectorSource) -> None:
        """Write the contents of the database into a new collection; searches use the old one until it is complete."""
        last = source.last_change()
        with self._ledger.write_lock():
            rows = MilvusRows(self.space, self._server, name := self._server.create(self.space), last)
            for numbers, vectors in source.batches(last):
                rows.write(numbers, vectors)
            self._ledger.write(IndexState(name, last))
        self._close()

    def stats(self) -> IndexStats:
        """Measure the current state; the size is an estimate, and the count is 0 while Milvus does not respond."""
        state, count = self._load_state(), 0
        with suppress(StorageError):
            count = sum(map(len, self._open().segments))
        return IndexStats(count, state.sequence, count * (8 + self.space.vector_bytes))

    def clear(self) -> None:
        """Delete all collections of the index."""
        with self._ledger.write_lock():
            self._ledger.write(IndexState())
            self._drop_obsolete()
        self._close()

    def _load_state(self) -> IndexState:
        return self._ledger.read()

    def _open(self) -> OpenIndex[IndexState]:
        state = self._load_state()
        rows = self._get_rows(state)
        return OpenIndex(state, [] if rows is None else [rows], create_empty_rows(self.space))

    def _make_durable(self, sequence: int) -> None:
        opened = self._opened
        with self._ledger.write_lock():
            if self._load_state() == opened.durable_state:
                name = opened.durable_state.collection or self._server.create(self.space)
                MilvusRows(self.space, self._server, name, 0).write(*opened.tail.live())
                self._ledger.write(IndexState(name, sequence))

    def _get_rows(self, state: IndexState) -> MilvusRows | None:
        name = state.collection
        return MilvusRows(self.space, self._server, name, state.sequence) if name else None

    def _list_missing(self, state: IndexState) -> list[str]:
        name = state.collection
        return [] if not name or name in self._server.list_names() else [f"{name} is missing in Milvus."]

    def _drop_obsolete(self) -> None:
        """Drop the collections that are not current."""
        current = self._load_state().collection
        for name in self._server.list_names():
            if name != current:
                self._server.call("drop_collection", name)


def correct_rows(rows: MilvusRows, source: VectorSource) -> None:
    """Add missing rows to a collection up to its number, and delete those that the database does not have."""
    last_number = 0
    for all_numbers, vectors in source.batches(source.last_change()):
        numbers = all_numbers[all_numbers <= rows.upto]
        upper_number = int(numbers[-1]) if len(numbers) else rows.upto
        present_numbers = rows.between(last_number, upper_number)
        missing_rows = np.flatnonzero(~np.isin(numbers, present_numbers))
        rows.write(numbers[missing_rows], vectors[missing_rows])
        rows.delete(np.setdiff1d(present_numbers, numbers))
        last_number = upper_number
    rows.delete(rows.between(last_number, rows.upto))


def _split(rows: NDArray[Any], size: int) -> Iterator[NDArray[Any]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _import_client() -> tuple[Untyped, type[Exception]]:
    os.environ.setdefault("PYTHON_DOTENV_DISABLED", "1")  # prevents reading .env files of parent folders
    try:
        import grpc  # noqa: PLC0415 - an optional component
        import pymilvus  # noqa: PLC0415
    except ImportError as error:
        hint = "Install it: python3 tools/bootstrap.py runtime milvus"
        raise StorageError(Sentence("Using Milvus requires the optional component “milvus”."), hint=hint) from error
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # Exhibit's error reports failures
    return pymilvus, grpc.RpcError


def _describe_error(error: Exception, code: Untyped) -> Sentence:
    if getattr(code, "name", "") in {"UNAUTHENTICATED", "PERMISSION_DENIED"}:
        return Sentence("Milvus rejected the token.")
    if not isinstance(code, int) or code == _UNREACHABLE:
        return NO_RESPONSE
    message = str(getattr(error, "message", error)).strip().partition("\n")[0][:200]
    return Sentence("Milvus reported: %(said)s", said=message)

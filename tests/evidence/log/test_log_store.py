"""Test the contract of the port ``LogStore`` with every adapter.

To add an adapter, define a fixture here or in ``conftest.py`` that returns an ``OpenStore``: a callable that opens the
*same* log again at each call, as another process would, in a ``with`` block that releases everything that the calling
thread holds. Add the fixture's name to ``LOG_STORES``.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection

from evidence.log import merkle
from exhibit.entries import Entry, EntryType, compute_commitment
from exhibit.errors import IntegrityError, NotFoundError
from exhibit.ports import LogStore, LogTransaction, SignedCheckpoint
from registry.log.log import PostgresLogStore
from tests.assets.folder_log import FolderLogStore

OpenStore = Callable[[], AbstractContextManager[LogStore]]

LOG_STORES = [
    "folder_log_store",
    pytest.param("postgres_log_store", marks=pytest.mark.django_db(transaction=True)),
]


@pytest.fixture
def folder_log_store(tmp_path: Path) -> OpenStore:
    return lambda: contextlib.nullcontext(FolderLogStore(tmp_path / "log"))


@pytest.fixture
def postgres_log_store() -> OpenStore:
    @contextlib.contextmanager
    def opened() -> Iterator[LogStore]:
        yield PostgresLogStore()
        if threading.current_thread() is not threading.main_thread():
            connection.close()

    return opened


@pytest.fixture(params=LOG_STORES)
def open_store(request: pytest.FixtureRequest) -> OpenStore:
    opened: OpenStore = request.getfixturevalue(request.param)
    return opened


def create_entry(number: int) -> Entry:
    time = datetime(2026, 11, 20, 9, 30, tzinfo=UTC) + timedelta(microseconds=number)
    return Entry(list(EntryType)[number % len(EntryType)], time, compute_commitment({"number": number}, bytes(32))[0])


def append(transaction: LogTransaction, *numbers: int) -> None:
    for number in numbers:
        size = transaction.size
        nodes = merkle.list_completed_nodes(size, create_entry(number).leaf_hash, transaction.node)
        transaction.append(create_entry(number), None, nodes)


def append_all(open_store: OpenStore, *numbers: int) -> None:
    with open_store() as store, store.sequencer() as transaction:
        append(transaction, *numbers)


def append_and_fail(open_store: OpenStore, *numbers: int) -> None:
    with open_store() as store, store.sequencer() as transaction:
        append(transaction, *numbers)
        raise ZeroDivisionError


def compute_expected_nodes(count: int) -> dict[tuple[int, int], bytes]:
    nodes: dict[tuple[int, int], bytes] = {}
    for size in range(count):
        completed = merkle.list_completed_nodes(
            size, create_entry(size).leaf_hash, lambda level, index: nodes[level, index]
        )
        nodes.update({(level, index): value for level, index, value in completed})
    return nodes


def create_checkpoint(origin: str, size: int, fill: int = 1) -> SignedCheckpoint:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from evidence.keys.ed25519 import KeySigner
    from evidence.log.notes import sign_note

    return sign_note(origin, size, bytes([fill]) * 32, KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(32))))


def test_new_log_is_empty(open_store: OpenStore) -> None:
    with open_store() as store:
        assert store.size() == 0
        assert store.nodes([]) == []
        assert store.latest_checkpoint() is None
        with pytest.raises(NotFoundError):
            store.entry(0)
        with pytest.raises(NotFoundError):
            store.nodes([(0, 0)])


def test_entries_round_trip_in_order(open_store: OpenStore) -> None:
    append_all(open_store, *range(5))
    append_all(open_store, *range(5, 19))
    with open_store() as store:
        assert store.size() == 19
        assert [store.entry(number) for number in range(19)] == [create_entry(number) for number in range(19)]
        for missing in (19, -1):
            with pytest.raises(NotFoundError):
                store.entry(missing)


def test_tree_nodes_do_not_depend_on_how_entries_are_grouped_into_transactions(open_store: OpenStore) -> None:
    for first, last in ((0, 1), (1, 2), (2, 7), (7, 8), (8, 21)):
        append_all(open_store, *range(first, last))
    expected = compute_expected_nodes(21)
    with open_store() as store:
        assert store.nodes(list(expected)) == list(expected.values())
        assert store.nodes([(2, 1), (0, 3), (2, 1)]) == [expected[2, 1], expected[0, 3], expected[2, 1]]


@pytest.mark.parametrize("span", [(0, 21), (1, 10), (4, 1), (5, 0), (0, -1), (-1, 0)])
def test_incomplete_subtree_is_not_found(open_store: OpenStore, span: tuple[int, int]) -> None:
    append_all(open_store, *range(21))
    with open_store() as store, pytest.raises(NotFoundError):
        store.nodes([(0, 0), span])


def test_transaction_reads_committed_and_its_own_new_nodes(open_store: OpenStore) -> None:
    append_all(open_store, *range(3))
    expected = compute_expected_nodes(8)
    with open_store() as store, store.sequencer() as transaction:
        assert transaction.size == 3
        append(transaction, *range(3, 8))
        assert transaction.size == 8
        assert {key: transaction.node(*key) for key in expected} == expected


def test_failed_transaction_leaves_nothing(open_store: OpenStore) -> None:
    append_all(open_store, *range(3))
    with pytest.raises(ZeroDivisionError):
        append_and_fail(open_store, *range(100, 110))
    append_all(open_store, *range(3, 8))
    with open_store() as store:
        assert store.size() == 8
        assert [store.entry(number) for number in range(8)] == [create_entry(number) for number in range(8)]
        expected = compute_expected_nodes(8)
        assert store.nodes(list(expected)) == list(expected.values())


def test_uncommitted_entries_are_invisible_to_others(open_store: OpenStore) -> None:
    sizes: list[int] = []

    def look() -> None:
        with open_store() as store:
            sizes.append(store.size())

    with open_store() as store, store.sequencer() as transaction:
        append(transaction, 0, 1)
        run_in_thread(look)
    run_in_thread(look)
    assert sizes == [0, 2]


def test_only_one_sequencer_can_run_at_a_time(open_store: OpenStore) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(10):
                with open_store() as store, store.sequencer() as transaction:
                    append(transaction, transaction.size)
        except BaseException as error:  # noqa: BLE001 - asserted in the main thread
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with open_store() as store:
        assert store.size() == 40
        expected = compute_expected_nodes(40)
        assert store.nodes(list(expected)) == list(expected.values())


def test_latest_checkpoint_is_largest_of_newest_origin(open_store: OpenStore) -> None:
    with open_store() as store:
        for saved in (
            create_checkpoint("a.example/log", 9),
            create_checkpoint("b.example/log", 10),
            create_checkpoint("b.example/log", 4),
        ):
            store.add_checkpoint(saved)
        store.add_checkpoint(create_checkpoint("a.example/log", 11))
    with open_store() as store:
        assert store.latest_checkpoint() == create_checkpoint("b.example/log", 10)


def test_checkpoint_may_be_repeated_but_not_contradicted(open_store: OpenStore) -> None:
    with open_store() as store:
        store.add_checkpoint(create_checkpoint("a.example/log", 5))
        store.add_checkpoint(create_checkpoint("a.example/log", 5))
        store.add_checkpoint(create_checkpoint("b.example/log", 5, fill=2))
    with open_store() as store, pytest.raises(IntegrityError):
        store.add_checkpoint(create_checkpoint("a.example/log", 5, fill=2))


def run_in_thread(work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

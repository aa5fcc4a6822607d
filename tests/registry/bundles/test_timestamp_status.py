"""Test when a bundle counts as timestamped, that the event is recorded once, and a service's usual response time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction

from evidence.facts.case import WitnessFacts
from exhibit.clock import now
from exhibit.digests import Digest
from registry.bundles.timestamp_status import TimestampCount, count_timestamps, mark_timestamped, median_waits
from registry.models import (
    AnchorReceipt,
    Bundle,
    Event,
    EventKind,
    LogCheckpoint,
    StepState,
    Work,
)
from tests.assets.rows import owner

SEAL = Digest.of(b"seal")


@pytest.mark.django_db(transaction=True)
def test_second_of_two_simultaneous_timestamps_completes_the_bundle() -> None:
    studio = owner("studio")
    work = Work.objects.create(owner=studio, number=1, title="A", registered_at=now())
    case = studio.cases.create(number=1, work=work, party="shop.example", opened_at=now())
    bundle = Bundle.objects.create(case=case, number=1, sealed_at=now(), state=StepState.DONE, seal_digest=SEAL)
    receipts = [
        AnchorReceipt.objects.create(kind="rfc3161", witness=name, digest=SEAL, bundle=bundle) for name in ("a", "b")
    ]
    first, second = threading.Event(), threading.Event()

    def complete_receipt(receipt: AnchorReceipt, own_event: threading.Event, until: threading.Event) -> None:
        with transaction.atomic():
            AnchorReceipt.objects.filter(pk=receipt.pk).update(state=StepState.DONE)
            own_event.set()
            until.wait(10)  # the other row must be written, too
            mark_timestamped(receipt, needed=2)
        connection.close()

    with ThreadPoolExecutor(2) as pool:
        done = [
            pool.submit(complete_receipt, receipts[0], first, second),
            pool.submit(complete_receipt, receipts[1], second, first),
        ]
        for future in done:
            future.result()
    assert Event.objects.filter(kind=EventKind.BUNDLE_WITNESSED).count() == 1


def test_service_counts_once_and_only_with_a_complete_receipt() -> None:
    def make_facts(name: str, state: str, subject: str = "checkpoint") -> WitnessFacts:
        return WitnessFacts("rfc3161", name, False, state, subject, None)  # noqa: FBT003 - a field

    facts = (
        make_facts("a", "complete"),
        make_facts("a", "complete", "manifest"),
        make_facts("b", "pending"),
        make_facts("c", "asked"),
    )
    assert count_timestamps(facts, 1) == TimestampCount(complete=1, asked=3, needed=1)
    assert [count_timestamps(facts, needed).enough for needed in (1, 2)] == [True, False]


def add_answer(checkpoint: LogCheckpoint, witness: str, hours: float) -> None:
    AnchorReceipt.objects.create(
        kind="evm", witness=witness, digest=Digest.of(f"{checkpoint.pk} {witness}".encode()), checkpoint=checkpoint,
        state="done", grown_at=checkpoint.made_at + timedelta(hours=hours),
    )  # fmt: skip


@pytest.mark.django_db
def test_usual_delay_of_a_service_is_the_recent_median() -> None:
    for size, hours in enumerate((1, 2, 9), 1):
        checkpoint = LogCheckpoint.objects.create(origin="a/log", size=size, root=b"", note="")
        add_answer(checkpoint, "chain", hours)
    add_answer(checkpoint, "other", 5)
    assert median_waits() == {("evm", "chain"): timedelta(hours=2), ("evm", "other"): timedelta(hours=5)}

"""Test when a bundle counts as timestamped, that the event is recorded once, and a service's usual response time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction

from evidence.facts.case import TimestampFacts
from exhibit.clock import now
from exhibit.digests import Digest
from registry.bundles.timestamp_status import TimestampCount, compute_median_waits, count_timestamps, mark_timestamped
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

SEAL = Digest.from_bytes(b"seal")


@pytest.mark.django_db(transaction=True)
def test_simultaneous_timestamps_complete_bundle_once() -> None:
    studio = owner("studio")
    work = Work.objects.create(owner=studio, number=1, title="A", registered_at=now())
    case = studio.cases.create(number=1, work=work, party="shop.example", opened_at=now())
    bundle = Bundle.objects.create(case=case, number=1, sealed_at=now(), state=StepState.DONE, seal_digest=SEAL)
    receipts = [
        AnchorReceipt.objects.create(kind="rfc3161", service=name, digest=SEAL, bundle=bundle) for name in ("a", "b")
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
    assert Event.objects.filter(kind=EventKind.BUNDLE_TIMESTAMPED).count() == 1


def test_timestamp_service_is_counted_once_when_its_receipt_is_complete() -> None:
    def make_facts(name: str, state: str, subject: str = "checkpoint") -> TimestampFacts:
        return TimestampFacts("rfc3161", name, False, state, subject, None)  # noqa: FBT003 - a field

    facts = (
        make_facts("a", "complete"),
        make_facts("a", "complete", "manifest"),
        make_facts("b", "pending"),
        make_facts("c", "asked"),
    )
    assert count_timestamps(facts, 1) == TimestampCount(complete=1, requested=3, needed=1)
    assert [count_timestamps(facts, needed).is_sufficient for needed in (1, 2)] == [True, False]


def add_completed_receipt(checkpoint: LogCheckpoint, witness: str, hours: float) -> None:
    AnchorReceipt.objects.create(
        kind="evm", service=witness, digest=Digest.from_bytes(f"{checkpoint.pk} {witness}".encode()),
        checkpoint=checkpoint,
        state="done", completed_at=checkpoint.made_at + timedelta(hours=hours),
    )  # fmt: skip


@pytest.mark.django_db
def test_typical_delay_is_recent_median() -> None:
    for size, hours in enumerate((1, 2, 9), 1):
        checkpoint = LogCheckpoint.objects.create(origin="a/log", size=size, root=b"", note="")
        add_completed_receipt(checkpoint, "chain", hours)
    add_completed_receipt(checkpoint, "other", 5)
    assert compute_median_waits() == {("evm", "chain"): timedelta(hours=2), ("evm", "other"): timedelta(hours=5)}

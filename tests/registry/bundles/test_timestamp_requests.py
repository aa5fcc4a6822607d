"""Test timestamp requests from rows: back-off for unresponsive services, no duplicates or losses after a crash."""

from datetime import timedelta

import pytest

from evidence.anchors.rfc3161.kind import Rfc3161Config
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError, ServiceMissingError
from exhibit.ports import Receipt, ReceiptState
from registry.bundles.timestamp_requests import REVOCATION_LIST_PERIOD, complete_timestamps, request_timestamps
from registry.db import steps
from registry.log import service_availability
from registry.log.log import submit_entry
from registry.log.proofs import to_receipt
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import AnchorReceipt, Bundle, Case, Owner, TimestampServiceState, Work
from registry.services.anchors import build_anchor
from tests.assets.rows import create_pending_receipts, owner
from tests.assets.unreliable_anchor import UnreliableAnchor, unreliable_anchor
from workers.tasks.sync_runner import SyncRunner

__all__ = ["unreliable_anchor"]


def test_unresponsive_timestamp_service_is_retried_with_backoff(
    inline: SyncRunner, unreliable_anchor: UnreliableAnchor
) -> None:
    unreliable_anchor.error = ServiceMissingError("Nobody is there.")
    rows = create_pending_receipts(b"1", b"2", b"3")
    pauses = []
    for _ in range(9):
        TimestampServiceState.objects.update(ask_after=None)
        AnchorReceipt.objects.update(not_before=None)
        request_timestamps(inline.services, rows)
        state = TimestampServiceState.objects.get()
        assert state.ask_after is not None
        last, *earlier_receipts = AnchorReceipt.objects.order_by("-not_before")
        assert {(row.not_before, row.error) for row in earlier_receipts} == {(state.ask_after, "Nobody is there.")}
        assert last.not_before is not None
        assert last.not_before > state.ask_after  # receipts that were not requested come first
        pauses.append(round((state.ask_after - now()) / timedelta(minutes=1)))
    assert unreliable_anchor.submissions == 9
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    later = create_pending_receipts(b"4")
    request_timestamps(inline.services, later)
    assert unreliable_anchor.submissions == 9
    assert AnchorReceipt.objects.get(pk=later[0]).not_before == state.ask_after


def test_unavailable_bitcoin_node_does_not_block_new_timestamps(
    inline: SyncRunner, unreliable_anchor: UnreliableAnchor
) -> None:
    [old] = create_pending_receipts(b"old")
    AnchorReceipt.objects.update(proof=b"pending")
    unreliable_anchor.upgrade_errors[Digest.from_bytes(b"old")] = ServiceMissingError(
        "The Bitcoin node doesn't answer."
    )
    request_timestamps(inline.services, [old])
    [new] = create_pending_receipts(b"new")
    request_timestamps(inline.services, [new])
    assert AnchorReceipt.objects.get(pk=new).state == "done"
    [health] = service_availability.load_availability().values()
    assert health.unresponsive_since is not None
    assert health.answered_at is not None
    assert health.error == "The Bitcoin node doesn't answer."


def test_failing_timestamp_requests_do_not_block_new_requests(
    inline: SyncRunner, unreliable_anchor: UnreliableAnchor
) -> None:
    old, young = create_pending_receipts(b"old", b"young")
    AnchorReceipt.objects.update(proof=b"pending")
    unreliable_anchor.upgrade_errors[Digest.from_bytes(b"old")] = ServiceMissingError("The node refused it.")
    rows = [old, young, *create_pending_receipts(b"new")]
    request_timestamps(inline.services, rows)
    assert unreliable_anchor.digests == [Digest.from_bytes(b"new"), Digest.from_bytes(b"old")]
    TimestampServiceState.objects.update(ask_after=now())
    pending_receipts = AnchorReceipt.objects.exclude(state="done")
    first = pending_receipts.order_by("not_before").values_list("not_before", flat=True)[0]
    for row in pending_receipts:
        assert row.not_before is not None
        assert first is not None
        row.not_before -= first - now()
        row.save()
    assert steps.list_due_ids(AnchorReceipt, inline.services.stale_after, 9) == [young]
    AnchorReceipt.objects.filter(pk=old).update(not_before=now())
    request_timestamps(inline.services, rows)
    assert unreliable_anchor.digests[2:] == [Digest.from_bytes(b"young"), Digest.from_bytes(b"old")]


@pytest.mark.parametrize("broken", [OverflowError("int too large"), RecursionError(), StopIteration()])
def test_unexpected_response_postpones_only_its_receipt(
    inline: SyncRunner, unreliable_anchor: UnreliableAnchor, broken: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    old, young = create_pending_receipts(b"old", b"young")
    AnchorReceipt.objects.update(proof=b"pending")
    unreliable_anchor.upgrade_errors[Digest.from_bytes(b"old")] = broken
    request_timestamps(inline.services, [old, young])
    assert unreliable_anchor.digests == [Digest.from_bytes(b"old"), Digest.from_bytes(b"young")]
    assert AnchorReceipt.objects.get(pk=old).error.endswith(f"{type(broken).__name__}.")
    assert "moody" in caplog.text


def test_receipt_that_crashes_workers_is_claimed_alone_and_retried(
    inline: SyncRunner, unreliable_anchor: UnreliableAnchor
) -> None:
    deadly, other = create_pending_receipts(b"deadly", b"other")
    AnchorReceipt.objects.filter(pk=deadly).update(attempts=7)
    request_timestamps(inline.services, [deadly, other])
    assert unreliable_anchor.digests == [Digest.from_bytes(b"other")]
    request_timestamps(inline.services, [deadly, other])
    assert unreliable_anchor.digests == [Digest.from_bytes(b"other"), Digest.from_bytes(b"deadly")]


def test_pending_receipt_is_polled_less_often_over_time(
    inline: SyncRunner, unreliable_anchor: UnreliableAnchor
) -> None:
    def pause(age: timedelta) -> timedelta:
        Bundle.objects.update(sealed_at=now() - age)
        AnchorReceipt.objects.update(not_before=None)
        request_timestamps(inline.services, [pk])
        until = AnchorReceipt.objects.get(pk=pk).not_before
        assert until is not None
        return timedelta(seconds=round((until - now()).total_seconds()))

    [pk] = create_pending_receipts(b"pending")
    AnchorReceipt.objects.update(proof=b"pending", bundle=make_sealed_bundle(b"pending"))
    hours = [pause(timedelta(hours=age)) / timedelta(hours=1) for age in (0, 1, 5, 100, 10_000)]
    assert hours == [1 / 6, 1 / 6, 0.5, 10, 24]
    unreliable_anchor.upgrade_errors[Digest.from_bytes(b"pending")] = IntegrityError(
        "The reply is about something else."
    )
    hours = [pause(timedelta(hours=age)) / timedelta(hours=1) for age in (0, 100)]
    assert hours == [1 / 12, 10]
    unreliable_anchor.upgrade_errors.clear()
    unreliable_anchor.growth = b"something new"
    assert pause(timedelta(hours=100)) == timedelta(minutes=10)
    unreliable_anchor.growth = b""
    assert pause(timedelta(hours=100)) == timedelta(minutes=10)
    AnchorReceipt.objects.update(completed_at=now() - timedelta(hours=5))
    assert pause(timedelta(hours=100)) == timedelta(minutes=30)


def test_timestamp_task_stops_at_time_limit(
    inline: SyncRunner, unreliable_anchor: UnreliableAnchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.bundles.timestamp_requests.TASK_SECONDS", -1.0)
    rows = create_pending_receipts(b"1", b"2")
    request_timestamps(inline.services, rows)
    assert unreliable_anchor.submissions == 0
    assert steps.list_due_ids(AnchorReceipt, inline.services.stale_after, 9) == rows


def test_misconfigured_timestamp_service_does_not_block_log_or_other_services(
    inline: SyncRunner, unreliable_anchor: UnreliableAnchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_config = Rfc3161Config(kind="rfc3161", name="broken", urls=("http://127.0.0.1:9",))
    monkeypatch.setattr(
        "registry.log.anchors._AnchorCache.get",
        lambda *_: (build_anchor(broken_config, (), "tests"), unreliable_anchor),
    )
    submit_entry(EntryType.CASE, {"number": 1})
    sequence_log(inline.services)
    signed = sign_checkpoint(inline.services)
    assert signed is not None
    request_timestamps(inline.services, list(signed.receipts.values_list("pk", flat=True)))
    states = {row.service: (row.state, row.error) for row in signed.receipts.all()}
    assert states["moody"] == ("done", "")
    assert states["broken"][0] == "queued"
    assert "broken" in states["broken"][1]


def test_late_timestamp_result_does_not_overwrite_completed_receipt(
    inline: SyncRunner, unreliable_anchor: UnreliableAnchor
) -> None:
    [pk] = create_pending_receipts(b"1")

    def overtake(digest: Digest) -> Receipt:
        AnchorReceipt.objects.filter(pk=pk).update(state="done", claimed_at=now(), proof=b"of the other")
        return Receipt("rfc3161", "moody", False, ReceiptState.PENDING, b"late")  # noqa: FBT003 - a field

    unreliable_anchor.submit = overtake  # type: ignore[method-assign]
    request_timestamps(inline.services, [pk])
    row = AnchorReceipt.objects.get(pk=pk)
    assert (row.state, bytes(row.proof or b"")) == ("done", b"of the other")


@pytest.mark.parametrize("outcome", ["answer", "silence", "error"])
def test_late_timestamp_result_does_not_change_newer_claims(
    inline: SyncRunner, unreliable_anchor: UnreliableAnchor, outcome: str
) -> None:
    first, second = create_pending_receipts(b"1", b"2")
    taken_at = now() + timedelta(seconds=1)

    def overtake(digest: Digest) -> Receipt:
        AnchorReceipt.objects.update(claimed_at=taken_at)
        unreliable_anchor.digests.append(digest)
        if outcome != "answer":
            raise ServiceMissingError("Nobody.") if outcome == "silence" else IntegrityError("Wrong.")
        return Receipt("rfc3161", "moody", False, ReceiptState.COMPLETE, b"late", (), now())  # noqa: FBT003 - a field

    unreliable_anchor.submit = overtake  # type: ignore[method-assign]
    request_timestamps(inline.services, [first, second])
    assert len(unreliable_anchor.digests) == 1
    assert set(AnchorReceipt.objects.values_list("state", "claimed_at", "proof")) == {("running", taken_at, None)}


def test_pending_receipt_is_retried_without_limit(inline: SyncRunner, unreliable_anchor: UnreliableAnchor) -> None:
    [pk] = create_pending_receipts(b"1")
    AnchorReceipt.objects.filter(pk=pk).update(state="running", attempts=9, claimed_at=now() - timedelta(days=1))
    request_timestamps(inline.services, [pk])
    assert AnchorReceipt.objects.get(pk=pk).state == "done"


def test_missing_parts_are_requested_for_recent_timestamps_only(
    inline: SyncRunner, unreliable_anchor: UnreliableAnchor
) -> None:
    young, old, broken = create_pending_receipts(b"1", b"2", b"3")
    request_timestamps(inline.services, [young, old, broken])
    AnchorReceipt.objects.filter(pk=old).update(completed_at=now() - 2 * REVOCATION_LIST_PERIOD)
    unreliable_anchor.extra_material, unreliable_anchor.upgrade_errors = (
        {"crl-1.pem": b"a list"},
        {Digest.from_bytes(b"3"): IntegrityError("It can't be read.")},
    )
    assert [complete_timestamps(inline.services), complete_timestamps(inline.services)] == [1, 0]
    rows = AnchorReceipt.objects.in_bulk()
    assert [dict(to_receipt(rows[pk]).material) for pk in (young, old, broken)] == [
        unreliable_anchor.extra_material,
        {},
        {},
    ]
    assert rows[young].state == "done"


def make_sealed_bundle(seal: bytes, number: int = 1) -> Bundle:
    studio = Owner.objects.filter(slug="studio").first() or owner("studio")
    work, _ = Work.objects.get_or_create(owner=studio, number=1, defaults={"title": "A work", "registered_at": now()})
    case = Case.objects.create(owner=studio, work=work, number=number, party=f"{number}.example", opened_at=now())
    return Bundle.objects.create(case=case, number=1, seal_digest=Digest.from_bytes(seal), sealed_at=now())

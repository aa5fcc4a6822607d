"""Test timestamp requests: pauses for unresponsive services, and stored responses and errors."""

from desk.schemas.log import TimestampService
from evidence.facts.case import TimestampFacts
from exhibit.clock import now
from exhibit.errors import IntegrityError, ServiceMissingError
from registry.bundles.timestamp_requests import request_timestamps
from registry.bundles.timestamp_status import TimestampCount, count_timestamps
from registry.log import service_availability
from registry.log.service_availability import RequestKind
from registry.models import AnchorReceipt, TimestampServiceState
from tests.assets.rows import create_pending_receipts
from tests.assets.unreliable_anchor import UnreliableAnchor, unreliable_anchor
from workers.tasks.sync_runner import SyncRunner

__all__ = ["unreliable_anchor"]


def test_recovered_timestamp_service_delivers_all_pending_receipts(
    inline: SyncRunner, unreliable_anchor: UnreliableAnchor
) -> None:
    unreliable_anchor.error = ServiceMissingError("Nobody is there.")
    rows = create_pending_receipts(b"1", b"2", b"3")
    request_timestamps(inline.services, rows)
    [silent] = service_availability.load_availability().values()
    assert (silent.owed, silent.error, silent.answered_at) == (3, "Nobody is there.", None)
    assert silent.unresponsive_since is not None
    unreliable_anchor.error = None
    TimestampServiceState.objects.update(ask_after=now())
    AnchorReceipt.objects.update(not_before=None)
    request_timestamps(inline.services, rows)
    [well] = service_availability.load_availability().values()
    assert (well.owed, well.error, well.unresponsive_since) == (0, "", None)
    assert well.answered_at is not None
    assert set(AnchorReceipt.objects.values_list("state", "error", "qualified")) == {("done", "", "2026-11-01")}


def test_timestamp_service_with_invalid_response_is_not_reported_as_unresponsive(
    inline: SyncRunner, unreliable_anchor: UnreliableAnchor
) -> None:
    unreliable_anchor.error = IntegrityError("The reply is about something else.")
    request_timestamps(inline.services, create_pending_receipts(b"1", b"2"))
    assert unreliable_anchor.submissions == 2
    assert not TimestampServiceState.objects.exclude(unresponsive_since=None).exists()
    assert set(AnchorReceipt.objects.values_list("error", flat=True)) == {"The reply is about something else."}
    [health] = service_availability.load_availability().values()
    assert (health.error, health.answered_at, health.ask_after) == ("The reply is about something else.", None, None)
    unreliable_anchor.error = None
    request_timestamps(inline.services, create_pending_receipts(b"3"))
    [health] = service_availability.load_availability().values()
    assert health.error == ""


def test_each_timestamp_service_counts_once_and_only_with_complete_receipts() -> None:
    def make_facts(name: str, state: str, subject: str = "checkpoint") -> TimestampFacts:
        return TimestampFacts("rfc3161", name, False, state, subject, None)  # noqa: FBT003 - a field

    facts_list = (
        make_facts("a", "complete"),
        make_facts("a", "complete", "manifest"),
        make_facts("b", "pending"),
        make_facts("c", "asked"),
    )
    assert count_timestamps(facts_list, 1) == TimestampCount(1, 3, 1)
    assert count_timestamps(facts_list, 1).is_sufficient
    assert not count_timestamps(facts_list, 2).is_sufficient
    assert not count_timestamps((), 1).is_sufficient


def test_health_shows_the_responses_of_each_timestamp_service(inline: SyncRunner) -> None:
    service_availability.record_response("rfc3161", "well", RequestKind.SUBMIT)
    service_availability.record_no_response("evm", "ill", RequestKind.UPGRADE, "The node doesn't answer.")
    create_pending_receipts(b"1", b"2", service="ill", kind="evm")
    [ill, well] = [
        TimestampService.from_row(health, kind=kind, name=name, development=False, configured=False)
        for (kind, name), health in service_availability.load_availability().items()
    ]
    assert (ill.name, ill.pending_receipts, ill.error) == ("ill", 2, "The node doesn't answer.")
    assert (well.pending_receipts, well.failing_since) == (0, None)
    assert well.last_response_at is not None

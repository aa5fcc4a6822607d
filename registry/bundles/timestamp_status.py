"""State of bundles' timestamps: completed receipts, expected times of pending ones, and the required number."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import Q

from evidence.anchors import KINDS
from evidence.facts.case import TimestampFacts
from exhibit.clock import now
from registry.bundles.models import Bundle
from registry.bundles.proofs import list_bundle_timestamps
from registry.db.claimable import StepState
from registry.db.locks import Lock, hold
from registry.events import events
from registry.events.models import EventKind
from registry.log import service_availability
from registry.log.models import AnchorReceipt
from registry.log.proofs import select_best_checkpoints, to_timestamp_facts

NOTIFICATION_PERIOD = timedelta(days=60)  # Owners are not notified about timestamps of older bundles.
MAX_SAMPLES = 200  # number of recent receipts used to estimate waiting times
ServiceKey = tuple[str, str]  # type and name of a timestamp service


@dataclass(frozen=True, slots=True)
class TimestampCount:
    """Numbers of distinct timestamp services: completed, requested, and required by the operator."""

    complete: int
    requested: int
    needed: int

    @property
    def is_sufficient(self) -> bool:
        """True if the bundle has the required number of timestamps."""
        return self.complete >= self.needed


def count_timestamps(timestamps: Sequence[TimestampFacts], needed: int) -> TimestampCount:
    """Count the timestamp services of a bundle. A service with several receipts is counted once."""
    requested_services = {(timestamp.kind, timestamp.name) for timestamp in timestamps}
    complete_services = {(timestamp.kind, timestamp.name) for timestamp in timestamps if timestamp.state == "complete"}
    return TimestampCount(len(complete_services), len(requested_services), needed)


def mark_timestamped(receipt: AnchorReceipt, needed: int) -> None:
    """Mark the bundles that a newly completed receipt makes fully timestamped, and notify their owners.

    Receipts are processed under a lock, because two concurrent transactions would not see each other's receipts.
    """
    hold(Lock.TIMESTAMPS)
    rows = Bundle.objects.filter(timestamped_at=None, sealed_at__gt=now() - NOTIFICATION_PERIOD).select_related(
        "case__owner"
    )
    if receipt.bundle_id is not None:
        timestamped_rows = [
            row for row in rows.filter(pk=receipt.bundle_id) if _count_for_bundle(row, needed).is_sufficient
        ]
    elif receipt.checkpoint is None:  # The receipt belongs to other data, such as a signed sheet.
        timestamped_rows = []
    else:
        complete_receipts = AnchorReceipt.objects.filter(checkpoint=receipt.checkpoint, state=StepState.DONE)
        is_sufficient = complete_receipts.values("kind", "service").distinct().count() >= needed
        covered_rows = rows.filter(submission__entry__sequence__lt=receipt.checkpoint.size)
        timestamped_rows = [
            row for row in covered_rows.order_by("pk") if is_sufficient or _count_for_bundle(row, needed).is_sufficient
        ]
    for row in timestamped_rows:
        if Bundle.objects.filter(pk=row.pk, timestamped_at=None).update(timestamped_at=now()):
            details = {"bundle": row.number, "case": row.case.number, "seal": str(row.seal_digest)}
            events.record_event(row.case.owner, EventKind.BUNDLE_TIMESTAMPED, details)


def _count_for_bundle(row: Bundle, needed: int) -> TimestampCount:
    return count_timestamps(list_bundle_timestamps(row), needed)


@dataclass(frozen=True, slots=True)
class TimestampStatus:
    """The state of one timestamp service's receipt for a bundle."""

    facts: TimestampFacts
    expected_at: datetime | None = None  # based on recent waiting times; None if the receipt is complete
    unresponsive_since: datetime | None = None  # time since which the service has not responded
    next_request_at: datetime | None = None


def load_timestamp_statuses(bundles: Sequence[Bundle]) -> dict[int, tuple[TimestampStatus, ...]]:
    """Return the states of each bundle's timestamp receipts by primary key, with few queries for all bundles.

    The receipts are the same as from ``proofs.list_bundle_timestamps``.
    """
    best_checkpoints = select_best_checkpoints(
        [bundle.submission_id for bundle in bundles if bundle.submission_id is not None]
    )
    receipts_by_checkpoint: dict[int, list[AnchorReceipt]] = defaultdict(list)
    receipts_by_bundle: dict[int, list[AnchorReceipt]] = defaultdict(list)
    receipts = AnchorReceipt.objects.filter(Q(bundle__in=bundles) | Q(checkpoint__in=set(best_checkpoints.values())))
    for row in receipts.select_related("checkpoint", "bundle").order_by("service"):
        if row.checkpoint_id is not None:
            receipts_by_checkpoint[row.checkpoint_id].append(row)
        else:
            assert row.bundle_id is not None
            receipts_by_bundle[row.bundle_id].append(row)
    typical_waits, availability = compute_median_waits(), service_availability.load_availability()
    statuses = {}
    for bundle in bundles:
        rows = [(row, "manifest") for row in receipts_by_bundle[bundle.pk]]
        rows += [
            (row, "checkpoint") for row in receipts_by_checkpoint[best_checkpoints.get(bundle.submission_id or 0, 0)]
        ]
        statuses[bundle.pk] = tuple(_build_status(row, subject, typical_waits, availability) for row, subject in rows)
    return statuses


def compute_median_waits() -> dict[ServiceKey, timedelta]:
    """Compute each service's median time from the checkpoint to its complete receipt, over recent receipts."""
    complete_receipts = AnchorReceipt.objects.filter(state=StepState.DONE, checkpoint__isnull=False)
    seconds_by_service: dict[ServiceKey, list[float]] = defaultdict(list)
    rows = complete_receipts.order_by("-pk").values_list("kind", "service", "completed_at", "checkpoint__made_at")
    for kind, service, completed_at, checkpoint_time in rows[:MAX_SAMPLES]:
        if completed_at is not None and checkpoint_time is not None:
            seconds_by_service[kind, service].append((completed_at - checkpoint_time).total_seconds())
    return {key: timedelta(seconds=median(waits)) for key, waits in seconds_by_service.items()}


def _build_status(
    row: AnchorReceipt,
    subject: str,
    typical_waits: Mapping[ServiceKey, timedelta],
    availability: Mapping[ServiceKey, service_availability.Availability],
) -> TimestampStatus:
    facts = to_timestamp_facts(row, subject)
    if row.state == StepState.DONE:
        return TimestampStatus(facts)
    started_at = row.checkpoint.made_at if row.checkpoint is not None else row.bundle and row.bundle.sealed_at
    typical_wait = typical_waits.get((row.kind, row.service), KINDS[row.kind].usual_response_time)
    service_state = availability.get((row.kind, row.service))
    outage_times = (
        (service_state.unresponsive_since, service_state.ask_after) if service_state is not None else (None, None)
    )
    return TimestampStatus(facts, started_at + typical_wait if started_at else None, *outage_times)

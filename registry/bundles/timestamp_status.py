"""State of the timestamps of bundles: which services have answered, when the others are expected, and what suffices."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import Q

from evidence.anchors import KINDS
from evidence.facts.case import WitnessFacts
from exhibit.clock import now
from registry.bundles.models import Bundle
from registry.bundles.proofs import timestamps_of
from registry.db.claimable import StepState
from registry.db.locks import Lock, hold
from registry.events import events
from registry.events.models import EventKind
from registry.log import service_availability
from registry.log.models import AnchorReceipt
from registry.log.proofs import select_best_checkpoints, to_witness_facts

NOTIFICATION_PERIOD = timedelta(days=60)  # Owners are not notified about timestamps of older bundles.
MAX_SAMPLES = 200  # Number of recent answers from which waiting times are estimated.
ServiceKey = tuple[str, str]  # Kind and name of a timestamp service.


@dataclass(frozen=True, slots=True)
class TimestampCount:
    """The number of distinct timestamp services that have completed, were requested, and that the operator requires."""

    complete: int
    asked: int
    needed: int

    @property
    def enough(self) -> bool:
        """True if the bundle has the required number of timestamps."""
        return self.complete >= self.needed


def count_timestamps(timestamps: Sequence[WitnessFacts], needed: int) -> TimestampCount:
    """Count the timestamp services of a bundle, each once, regardless of the number of requests to it."""
    requested = {(timestamp.kind, timestamp.name) for timestamp in timestamps}
    complete = {(timestamp.kind, timestamp.name) for timestamp in timestamps if timestamp.state == "complete"}
    return TimestampCount(len(complete), len(requested), needed)


def mark_timestamped(receipt: AnchorReceipt, needed: int) -> None:
    """Mark the bundles that a newly completed receipt makes fully timestamped, and notify their owners.

    Receipts are processed one at a time: of two concurrent ones, each would miss the other.
    """
    hold(Lock.TIMESTAMPS)
    rows = Bundle.objects.filter(witnessed_at=None, sealed_at__gt=now() - NOTIFICATION_PERIOD).select_related(
        "case__owner"
    )
    if receipt.bundle_id is not None:
        timestamped_rows = [row for row in rows.filter(pk=receipt.bundle_id) if _count_for_bundle(row, needed).enough]
    elif receipt.checkpoint is None:  # The receipt is for something else, such as a signed sheet.
        timestamped_rows = []
    else:
        done = AnchorReceipt.objects.filter(checkpoint=receipt.checkpoint, state=StepState.DONE)
        enough = done.values("kind", "witness").distinct().count() >= needed
        covered_rows = rows.filter(submission__entry__sequence__lt=receipt.checkpoint.size)
        timestamped_rows = [
            row for row in covered_rows.order_by("pk") if enough or _count_for_bundle(row, needed).enough
        ]
    for row in timestamped_rows:
        if Bundle.objects.filter(pk=row.pk, witnessed_at=None).update(witnessed_at=now()):
            details = {"bundle": row.number, "case": row.case.number, "seal": str(row.seal_digest)}
            events.record(row.case.owner, EventKind.BUNDLE_WITNESSED, details)


def _count_for_bundle(row: Bundle, needed: int) -> TimestampCount:
    return count_timestamps(timestamps_of(row), needed)


@dataclass(frozen=True, slots=True)
class TimestampStatus:
    """The state of one timestamp service's answer about a bundle."""

    facts: WitnessFacts
    expected_at: datetime | None = None  # Based on recent waiting times; None once it has answered.
    silent_since: datetime | None = None  # Since when the service has not responded at all.
    asked_again_at: datetime | None = None


def timestamp_statuses(bundles: Sequence[Bundle]) -> dict[int, tuple[TimestampStatus, ...]]:
    """Return the timestamp services of each bundle by primary key, as ``proofs.timestamps_of`` does, in few queries."""
    best = select_best_checkpoints([bundle.submission_id for bundle in bundles if bundle.submission_id is not None])
    of_checkpoint: dict[int, list[AnchorReceipt]] = defaultdict(list)
    of_bundle: dict[int, list[AnchorReceipt]] = defaultdict(list)
    receipts = AnchorReceipt.objects.filter(Q(bundle__in=bundles) | Q(checkpoint__in=set(best.values())))
    for row in receipts.select_related("checkpoint", "bundle").order_by("witness"):
        if row.checkpoint_id is not None:
            of_checkpoint[row.checkpoint_id].append(row)
        else:
            assert row.bundle_id is not None
            of_bundle[row.bundle_id].append(row)
    typical_waits, health = median_waits(), service_availability.load_availability()
    answers = {}
    for bundle in bundles:
        rows = [(row, "manifest") for row in of_bundle[bundle.pk]]
        rows += [(row, "checkpoint") for row in of_checkpoint[best.get(bundle.submission_id or 0, 0)]]
        answers[bundle.pk] = tuple(_answer(row, subject, typical_waits, health) for row, subject in rows)
    return answers


def median_waits() -> dict[ServiceKey, timedelta]:
    """Return each service's median time from the checkpoint to its complete answer, over recent answers."""
    done = AnchorReceipt.objects.filter(state=StepState.DONE, checkpoint__isnull=False)
    seconds_by_service: dict[ServiceKey, list[float]] = defaultdict(list)
    rows = done.order_by("-pk").values_list("kind", "witness", "grown_at", "checkpoint__made_at")
    for kind, service, until, since in rows[:MAX_SAMPLES]:
        if until is not None and since is not None:
            seconds_by_service[kind, service].append((until - since).total_seconds())
    return {key: timedelta(seconds=median(waits)) for key, waits in seconds_by_service.items()}


def _answer(
    row: AnchorReceipt,
    subject: str,
    typical_waits: Mapping[ServiceKey, timedelta],
    health: Mapping[ServiceKey, service_availability.Availability],
) -> TimestampStatus:
    facts = to_witness_facts(row, subject)
    if row.state == StepState.DONE:
        return TimestampStatus(facts)
    since = row.checkpoint.made_at if row.checkpoint is not None else row.bundle and row.bundle.sealed_at
    wait = typical_waits.get((row.kind, row.witness), KINDS[row.kind].usual)
    state = health.get((row.kind, row.witness))
    silent = (state.silent_since, state.ask_after) if state is not None else (None, None)
    return TimestampStatus(facts, since + wait if since else None, *silent)

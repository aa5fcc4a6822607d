"""Requests to timestamp services, repeated until their receipts are complete."""

import base64
import contextlib
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.db import transaction

from evidence.formats.errors import SupersededError
from exhibit.clock import is_recent, now
from exhibit.entries import EntryType
from exhibit.errors import ExhibitError, ServiceMissingError
from exhibit.machine import describe_machine_fault
from exhibit.ports import Anchor, Receipt, ReceiptState
from exhibit.sentences import Sentence
from registry.bundles.models import Bundle
from registry.bundles.timestamp_status import mark_timestamped
from registry.db import steps
from registry.db.claimable import UNFINISHED, StepState
from registry.log import service_availability
from registry.log.anchors import get_anchors
from registry.log.models import AnchorReceipt, LogCheckpoint, LogEntry, TimestampServiceState
from registry.log.proofs import to_receipt
from registry.services.services import Services

DEVELOPMENT_INTERVAL = timedelta(seconds=1)
# Minimum time after an invalid response before the service is queried again.
WRONG_RESPONSE_INTERVAL = timedelta(minutes=5)

RETRY_DIVISOR = 10
"""The retry interval of a receipt is the time since its last progress, divided by this number."""

REVOCATION_LIST_PERIOD = timedelta(days=30)
"""Time after a timestamp in which missing revocation lists are requested. Root CAs issue theirs every few months."""

UNCONFIGURED_INTERVAL = timedelta(hours=1)
"""Retry interval for a service that is no longer configured, in case it is configured again."""

TASK_SECONDS = 60.0  # No request is started after this time, because sealing uses the same workers.

_EARLIEST_TIME = datetime.min.replace(tzinfo=UTC)

RequestKind = TimestampServiceState.RequestKind


def request_timestamps(services: Services, ids: Sequence[int]) -> None:
    """Submit new digests and upgrade pending receipts. A service that does not respond is queried again later.

    New digests are submitted first. Submitting and upgrading are tracked separately, because a service may respond to
    one but not the other: calendars accept digests while the block source is unreachable.
    """
    anchors = {(anchor.kind, anchor.name): anchor for anchor in get_anchors(services)}
    outages: dict[tuple[Anchor, RequestKind], tuple[datetime, str]] = {}
    service_availability.cap_attempts(ids)
    deadline = time.monotonic() + TASK_SECONDS
    rows = AnchorReceipt.objects.filter(pk__in=steps.claim(AnchorReceipt, ids, services.stale_after))
    # New digests first, then the receipts that have been pending longest. Failing receipts are postponed longer.
    for row in sorted(rows, key=lambda row: (row.proof is not None, row.not_before or _EARLIEST_TIME, row.pk)):
        if not steps.filter_own_claim(row).exists():
            continue  # The batch took too long, and another worker has claimed the row.
        anchor = anchors.get((row.kind, row.service))
        if anchor is None:
            steps.postpone(row, now() + UNCONFIGURED_INTERVAL, f"The service {row.service} is no longer configured.")
            continue
        if time.monotonic() > deadline:
            steps.postpone(row, now())
            continue
        request = (anchor, get_next_request_kind(row))
        outage = outages.get(request) or service_availability.get_outage(
            anchor.kind, anchor.name, get_next_request_kind(row)
        )
        if outage is None:
            outage = _send_request(row, anchor, services.config.timestamps_needed)
        else:  # A further request would probably time out as well and delay the others.
            steps.postpone(row, *outage)
        if outage is not None:
            outages[request] = outage


def complete_timestamps(services: Services) -> int:
    """Request missing revocation lists for recent timestamps; return the number of updated timestamps."""
    count = 0
    recent_receipts = AnchorReceipt.objects.filter(
        kind="rfc3161", state=StepState.DONE, completed_at__gte=now() - REVOCATION_LIST_PERIOD
    )
    for anchor in get_anchors(services):
        for row in recent_receipts.filter(kind=anchor.kind, service=anchor.name).iterator(chunk_size=100):
            receipt = to_receipt(row)
            with contextlib.suppress(ExhibitError):  # The next run requests them again.
                upgraded_receipt = anchor.upgrade(row.digest, receipt)
                if upgraded_receipt.material != receipt.material:
                    count += AnchorReceipt.objects.filter(pk=row.pk).update(
                        material=_encode_validation_data(upgraded_receipt)
                    )
    return count


def get_next_request_kind(row: AnchorReceipt) -> RequestKind:
    """Return the type of the next request for a receipt."""
    return RequestKind.SUBMIT if row.proof is None else RequestKind.UPGRADE


def _send_request(row: AnchorReceipt, anchor: Anchor, needed: int) -> tuple[datetime, str] | None:
    """Send a request for one receipt.

    Returns:
        If the service does not respond, the time before which it is not queried again, and the reason; else None.
    """
    request_key = (anchor.kind, anchor.name, get_next_request_kind(row))
    try:
        receipt = anchor.submit(row.digest) if row.proof is None else anchor.upgrade(row.digest, to_receipt(row))
    except SupersededError:  # A later checkpoint covers this one, so the receipt is no longer needed.
        steps.filter_own_claim(row).delete()
        return None
    except ServiceMissingError as error:
        if describe_machine_fault(error):
            raise
        max_pause = DEVELOPMENT_INTERVAL if anchor.development else service_availability.MAX_PAUSE
        retry_at = service_availability.record_no_response(*request_key, error.sentence, max_pause)
        # Postpone it twice as long as the others, in case only this receipt fails.
        steps.postpone(row, retry_at + (retry_at - now()), error.sentence)
        return retry_at, error.sentence
    except ExhibitError as error:
        service_availability.record_response(*request_key, error.sentence)
        steps.postpone(row, now() + _compute_pause(row, anchor, WRONG_RESPONSE_INTERVAL), error.sentence)
        return None
    except Exception as error:
        if describe_machine_fault(error):
            raise
        logging.getLogger(__name__).exception("The request to %s for receipt %s was interrupted.", anchor.name, row.pk)
        sentence = Sentence("The request was interrupted: %(what)s.", what=type(error).__name__)
        service_availability.record_response(*request_key, sentence)
        steps.postpone(row, now() + _compute_pause(row, anchor, WRONG_RESPONSE_INTERVAL), sentence)
        return None
    service_availability.record_response(*request_key)
    _store_receipt(row, anchor, receipt, needed)
    return None


def _store_receipt(row: AnchorReceipt, anchor: Anchor, receipt: Receipt, needed: int) -> None:
    """Store a receipt and its next state in one transaction, unless another worker has taken over."""
    with transaction.atomic():
        if not steps.filter_own_claim(row).select_for_update(no_key=True).exists():
            return
        if receipt.proof != bytes(row.proof or b""):
            row.completed_at = now()
        AnchorReceipt.objects.filter(pk=row.pk).update(
            proof=receipt.proof,
            completed_at=row.completed_at,
            material=_encode_validation_data(receipt),
            time=receipt.time,
            qualified=anchor.qualified,
            error="",
        )
        if receipt.state == ReceiptState.COMPLETE:
            steps.finish(AnchorReceipt, [row.pk])
            mark_timestamped(row, needed)
        else:
            steps.postpone_by_id(AnchorReceipt, row.pk, now() + _compute_pause(row, anchor, anchor.retry_interval))


def _compute_pause(row: AnchorReceipt, anchor: Anchor, minimum: timedelta) -> timedelta:
    if anchor.development:
        return DEVELOPMENT_INTERVAL
    started_at = row.checkpoint.made_at if row.checkpoint is not None else row.bundle.sealed_at if row.bundle else None
    last_progress_at = row.completed_at or started_at or now()
    return min(max(minimum, (now() - last_progress_at) / RETRY_DIVISOR), service_availability.DAY)


def _encode_validation_data(receipt: Receipt) -> dict[str, str]:
    return {name: base64.b64encode(data).decode() for name, data in receipt.material}


def is_checkpoint_due(services: Services) -> bool:
    """Return True if a checkpoint should be signed now: soon after a seal, otherwise at the configured interval."""
    last_checkpoint = LogCheckpoint.objects.order_by("-pk").first()
    size = 0 if last_checkpoint is None else last_checkpoint.size
    new_entries = LogEntry.objects.filter(sequence__gte=size)
    if new_entries.filter(type=EntryType.SEAL).exists():
        return not Bundle.objects.filter(state__in=UNFINISHED).exists() or _is_checkpoint_older(
            last_checkpoint, seconds=10
        )
    return new_entries.exists() and _is_checkpoint_older(last_checkpoint, seconds=services.config.checkpoint_seconds)


def _is_checkpoint_older(checkpoint: LogCheckpoint | None, *, seconds: int) -> bool:
    return checkpoint is None or not is_recent(checkpoint.made_at, timedelta(seconds=seconds))

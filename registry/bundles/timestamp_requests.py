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
from exhibit.machine import machine_fault
from exhibit.ports import Anchor, Receipt, ReceiptState
from exhibit.sentences import Sentence
from registry.bundles.models import Bundle
from registry.bundles.timestamp_status import mark_timestamped
from registry.db import steps
from registry.db.claimable import UNFINISHED, StepState
from registry.log import service_availability
from registry.log.anchors import get_anchors
from registry.log.models import AnchorReceipt, LogCheckpoint, LogEntry, WitnessState
from registry.log.proofs import to_receipt
from registry.services.services import Services

DEVELOPMENT_INTERVAL = timedelta(seconds=1)
WRONG_RESPONSE_INTERVAL = timedelta(
    minutes=5
)  # Minimum time before a service that returned a wrong answer is queried again.

SHARE_OF_WAIT = 10
"""Retry interval of a receipt: a tenth of the time since its last progress."""

REVOCATION_LIST_PERIOD = timedelta(days=30)
"""Time after a timestamp in which missing revocation lists are requested. Root CAs issue theirs every few months."""

UNCONFIGURED_INTERVAL = timedelta(hours=1)
"""Retry interval for a service that is no longer configured, in case it is configured again."""

TASK_SECONDS = 60.0  # No further request starts after this time: sealing uses the same worker processes.

_BEGINNING = datetime.min.replace(tzinfo=UTC)

Question = WitnessState.Question


def request_timestamps(services: Services, ids: Sequence[int]) -> None:
    """Submit new digests and upgrade pending receipts. A service that does not respond is queried again later.

    New digests are submitted first. Submitting and upgrading are tracked separately, because a service may answer one
    but not the other: calendars accept digests while the block source is unreachable.
    """
    anchors = {(anchor.kind, anchor.name): anchor for anchor in get_anchors(services)}
    silences: dict[tuple[Anchor, Question], tuple[datetime, str]] = {}
    service_availability.cap_attempts(ids)
    until = time.monotonic() + TASK_SECONDS
    rows = AnchorReceipt.objects.filter(pk__in=steps.claim(AnchorReceipt, ids, services.stale_after))
    # New digests first, then the longest-waiting receipts. One that always fails is postponed further than the others.
    for row in sorted(rows, key=lambda row: (row.proof is not None, row.not_before or _BEGINNING, row.pk)):
        if not steps.own_claim(row).exists():
            continue  # This batch took so long that another worker has claimed the row.
        anchor = anchors.get((row.kind, row.witness))
        if anchor is None:
            steps.postpone(row, now() + UNCONFIGURED_INTERVAL, f"The witness {row.witness} isn't configured any more.")
            continue
        if time.monotonic() > until:
            steps.postpone(row, now())
            continue
        request = (anchor, question_of(row))
        silence = silences.get(request) or service_availability.get_silence(anchor.kind, anchor.name, question_of(row))
        if silence is None:
            silence = _send_request(row, anchor, services.config.witnesses_needed)
        else:  # Each further request would wait as long, while others wait in line.
            steps.postpone(row, *silence)
        if silence is not None:
            silences[request] = silence


def complete_timestamps(services: Services) -> int:
    """Request missing revocation lists for recent timestamps; return the number of timestamps that gained material."""
    count = 0
    recent = AnchorReceipt.objects.filter(
        kind="rfc3161", state=StepState.DONE, grown_at__gte=now() - REVOCATION_LIST_PERIOD
    )
    for anchor in get_anchors(services):
        for row in recent.filter(kind=anchor.kind, witness=anchor.name).iterator(chunk_size=100):
            receipt = to_receipt(row)
            with contextlib.suppress(ExhibitError):  # The next round requests them again.
                upgraded = anchor.upgrade(row.digest, receipt)
                if upgraded.material != receipt.material:
                    count += AnchorReceipt.objects.filter(pk=row.pk).update(material=_encode_material(upgraded))
    return count


def question_of(row: AnchorReceipt) -> Question:
    """Return the next request to send for a receipt."""
    return Question.SUBMIT if row.proof is None else Question.UPGRADE


def _send_request(row: AnchorReceipt, anchor: Anchor, needed: int) -> tuple[datetime, str] | None:
    """Send a request for one receipt. If the service does not respond, return until when to leave it alone, and why."""
    request_key = (anchor.kind, anchor.name, question_of(row))
    try:
        receipt = anchor.submit(row.digest) if row.proof is None else anchor.upgrade(row.digest, to_receipt(row))
    except SupersededError:  # The receipt is no longer needed: the later checkpoint covers this one.
        steps.own_claim(row).delete()
        return None
    except ServiceMissingError as error:
        if machine_fault(error):
            raise
        longest = DEVELOPMENT_INTERVAL if anchor.development else service_availability.MAX_PAUSE
        until = service_availability.record_silence(*request_key, error.sentence, longest)
        # Twice as late as the others, in case only this receipt fails.
        steps.postpone(row, until + (until - now()), error.sentence)
        return until, error.sentence
    except ExhibitError as error:
        service_availability.record_response(*request_key, error.sentence)
        steps.postpone(row, now() + _pause(row, anchor, WRONG_RESPONSE_INTERVAL), error.sentence)
        return None
    except Exception as error:
        if machine_fault(error):
            raise
        logging.getLogger(__name__).exception("Asking %s for receipt %s broke off.", anchor.name, row.pk)
        sentence = Sentence("The request was interrupted: %(what)s.", what=type(error).__name__)
        service_availability.record_response(*request_key, sentence)
        steps.postpone(row, now() + _pause(row, anchor, WRONG_RESPONSE_INTERVAL), sentence)
        return None
    service_availability.record_response(*request_key)
    _store_receipt(row, anchor, receipt, needed)
    return None


def _store_receipt(row: AnchorReceipt, anchor: Anchor, receipt: Receipt, needed: int) -> None:
    """Store a receipt, in the transaction that records whether more is due, unless another worker has taken over."""
    with transaction.atomic():
        if not steps.own_claim(row).select_for_update(no_key=True).exists():
            return
        if receipt.proof != bytes(row.proof or b""):
            row.grown_at = now()
        AnchorReceipt.objects.filter(pk=row.pk).update(
            proof=receipt.proof,
            grown_at=row.grown_at,
            material=_encode_material(receipt),
            time=receipt.time,
            qualified=anchor.qualified,
            error="",
        )
        if receipt.state == ReceiptState.COMPLETE:
            steps.finish(AnchorReceipt, [row.pk])
            mark_timestamped(row, needed)
        else:
            steps.wait(AnchorReceipt, row.pk, now() + _pause(row, anchor, anchor.patience))


def _pause(row: AnchorReceipt, anchor: Anchor, minimum: timedelta) -> timedelta:
    if anchor.development:
        return DEVELOPMENT_INTERVAL
    started_at = row.checkpoint.made_at if row.checkpoint is not None else row.bundle.sealed_at if row.bundle else None
    since = row.grown_at or started_at or now()
    return min(max(minimum, (now() - since) / SHARE_OF_WAIT), service_availability.DAY)


def _encode_material(receipt: Receipt) -> dict[str, str]:
    return {name: base64.b64encode(data).decode() for name, data in receipt.material}


def is_checkpoint_due(services: Services) -> bool:
    """Return True if the log should be signed now: soon after a seal, otherwise at the configured interval."""
    last = LogCheckpoint.objects.order_by("-pk").first()
    size = 0 if last is None else last.size
    new_entries = LogEntry.objects.filter(sequence__gte=size)
    if new_entries.filter(type=EntryType.SEAL).exists():
        return not Bundle.objects.filter(state__in=UNFINISHED).exists() or _is_older(last, seconds=10)
    return new_entries.exists() and _is_older(last, seconds=services.config.checkpoint_seconds)


def _is_older(last: LogCheckpoint | None, *, seconds: int) -> bool:
    return last is None or not is_recent(last.made_at, timedelta(seconds=seconds))

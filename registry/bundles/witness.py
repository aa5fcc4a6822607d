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
from registry.bundles.witnessed import tell_witnessed
from registry.db import steps
from registry.db.claimable import UNFINISHED, StepState
from registry.log import witnesses
from registry.log.anchors import get_anchors
from registry.log.models import AnchorReceipt, LogCheckpoint, LogEntry, WitnessState
from registry.log.proofs import receipt_of
from registry.services.services import Services

ASK_DEVELOPMENT_AGAIN = timedelta(seconds=1)
RETRY_WRONG = timedelta(minutes=5)  # Minimum time before a service that returned a wrong answer is queried again.

SHARE_OF_WAIT = 10
"""Retry interval of a receipt: a tenth of the time since its last progress."""

LISTS_FOR = timedelta(days=30)
"""Time after a timestamp in which missing revocation lists are requested. Root CAs issue theirs every few months."""

UNKNOWN = timedelta(hours=1)
"""Retry interval for a service that is no longer configured, in case it is configured again."""

TASK_SECONDS = 60.0  # No further request starts after this time: sealing uses the same worker processes.

_BEGINNING = datetime.min.replace(tzinfo=UTC)

Question = WitnessState.Question


def ask_witnesses(services: Services, ids: Sequence[int]) -> None:
    """Submit new digests and upgrade pending receipts. A service that does not respond is queried again later.

    New digests are submitted first. Submitting and upgrading are tracked separately, because a service may answer one
    but not the other: calendars accept digests while the block source is unreachable.
    """
    anchors = {(anchor.kind, anchor.name): anchor for anchor in get_anchors(services)}
    silent: dict[tuple[Anchor, Question], tuple[datetime, str]] = {}
    witnesses.forgive(ids)
    until = time.monotonic() + TASK_SECONDS
    rows = AnchorReceipt.objects.filter(pk__in=steps.claim(AnchorReceipt, ids, services.stale_after))
    # New digests first, then the longest-waiting receipts. One that always fails is postponed further than the others.
    for row in sorted(rows, key=lambda row: (row.proof is not None, row.not_before or _BEGINNING, row.pk)):
        if not steps.mine(row).exists():
            continue  # This batch took so long that another worker has claimed the row.
        anchor = anchors.get((row.kind, row.witness))
        if anchor is None:
            steps.put_off(row, now() + UNKNOWN, f"The witness {row.witness} isn't configured any more.")
            continue
        if time.monotonic() > until:
            steps.put_off(row, now())
            continue
        request = (anchor, question_of(row))
        silence = silent.get(request) or witnesses.silence_of(anchor.kind, anchor.name, question_of(row))
        if silence is None:
            silence = _ask(row, anchor, services.config.witnesses_needed)
        else:  # Each further request would wait as long, while others wait in line.
            steps.put_off(row, *silence)
        if silence is not None:
            silent[request] = silence


def complete_stamps(services: Services) -> int:
    """Request missing revocation lists for recent timestamps; return the number of timestamps that gained material."""
    grown = 0
    young = AnchorReceipt.objects.filter(kind="rfc3161", state=StepState.DONE, grown_at__gte=now() - LISTS_FOR)
    for anchor in get_anchors(services):
        for row in young.filter(kind=anchor.kind, witness=anchor.name).iterator(chunk_size=100):
            receipt = receipt_of(row)
            with contextlib.suppress(ExhibitError):  # The next round requests them again.
                again = anchor.upgrade(row.digest, receipt)
                if again.material != receipt.material:
                    grown += AnchorReceipt.objects.filter(pk=row.pk).update(material=_material(again))
    return grown


def question_of(row: AnchorReceipt) -> Question:
    """Return the next request to send for a receipt."""
    return Question.SUBMIT if row.proof is None else Question.UPGRADE


def _ask(row: AnchorReceipt, anchor: Anchor, needed: int) -> tuple[datetime, str] | None:
    """Send a request for one receipt. If the service does not respond, return until when to leave it alone, and why."""
    who = (anchor.kind, anchor.name, question_of(row))
    try:
        receipt = anchor.submit(row.digest) if row.proof is None else anchor.upgrade(row.digest, receipt_of(row))
    except SupersededError:  # The receipt is no longer needed: the later checkpoint covers this one.
        steps.mine(row).delete()
        return None
    except ServiceMissingError as error:
        if machine_fault(error):
            raise
        longest = ASK_DEVELOPMENT_AGAIN if anchor.development else witnesses.MAX_PAUSE
        until = witnesses.note_silence(*who, error.sentence, longest)
        # Twice as late as the others, in case only this receipt fails.
        steps.put_off(row, until + (until - now()), error.sentence)
        return until, error.sentence
    except ExhibitError as error:
        witnesses.note_answer(*who, error.sentence)
        steps.put_off(row, now() + _pause(row, anchor, RETRY_WRONG), error.sentence)
        return None
    except Exception as error:
        if machine_fault(error):
            raise
        logging.getLogger(__name__).exception("Asking %s for receipt %s broke off.", anchor.name, row.pk)
        sentence = Sentence("The request was interrupted: %(what)s.", what=type(error).__name__)
        witnesses.note_answer(*who, sentence)
        steps.put_off(row, now() + _pause(row, anchor, RETRY_WRONG), sentence)
        return None
    witnesses.note_answer(*who)
    _keep(row, anchor, receipt, needed)
    return None


def _keep(row: AnchorReceipt, anchor: Anchor, receipt: Receipt, needed: int) -> None:
    """Store a receipt, in the transaction that records whether more is due, unless another worker has taken over."""
    with transaction.atomic():
        if not steps.mine(row).select_for_update(no_key=True).exists():
            return
        if receipt.proof != bytes(row.proof or b""):
            row.grown_at = now()
        AnchorReceipt.objects.filter(pk=row.pk).update(
            proof=receipt.proof,
            grown_at=row.grown_at,
            material=_material(receipt),
            time=receipt.time,
            qualified=anchor.qualified,
            error="",
        )
        if receipt.state == ReceiptState.COMPLETE:
            steps.finish(AnchorReceipt, [row.pk])
            tell_witnessed(row, needed)
        else:
            steps.wait(AnchorReceipt, row.pk, now() + _pause(row, anchor, anchor.patience))


def _pause(row: AnchorReceipt, anchor: Anchor, least: timedelta) -> timedelta:
    if anchor.development:
        return ASK_DEVELOPMENT_AGAIN
    begun = row.checkpoint.made_at if row.checkpoint is not None else row.bundle.sealed_at if row.bundle else None
    since = row.grown_at or begun or now()
    return min(max(least, (now() - since) / SHARE_OF_WAIT), witnesses.DAY)


def _material(receipt: Receipt) -> dict[str, str]:
    return {name: base64.b64encode(data).decode() for name, data in receipt.material}


def checkpoint_due(services: Services) -> bool:
    """Return True if the log should be signed now: soon after a seal, otherwise at the configured interval."""
    last = LogCheckpoint.objects.order_by("-pk").first()
    size = 0 if last is None else last.size
    fresh = LogEntry.objects.filter(sequence__gte=size)
    if fresh.filter(type=EntryType.SEAL).exists():
        return not Bundle.objects.filter(state__in=UNFINISHED).exists() or _older(last, seconds=10)
    return fresh.exists() and _older(last, seconds=services.config.checkpoint_seconds)


def _older(last: LogCheckpoint | None, *, seconds: int) -> bool:
    return last is None or not is_recent(last.made_at, timedelta(seconds=seconds))

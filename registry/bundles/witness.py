"""Asking the outside witnesses, and asking again until their receipts are complete."""

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
RETRY_WRONG = timedelta(minutes=5)  # at least until a witness is asked again that answered, but wrongly

SHARE_OF_WAIT = 10
"""A receipt is asked for again after a tenth of the time for which nothing has come: the longer, the less hurry."""

LISTS_FOR = timedelta(days=30)
"""For so long after a stamp was made missing revocation lists are asked for: roots issue theirs for months."""

UNKNOWN = timedelta(hours=1)
"""Until a witness that isn't configured any more is looked for again: it may come back."""

TASK_SECONDS = 60.0  # after so long no further question is begun: sealing waits for the same processes

_BEGINNING = datetime.min.replace(tzinfo=UTC)

Question = WitnessState.Question


def ask_witnesses(services: Services, ids: Sequence[int]) -> None:
    """Submit what is new, upgrade what is pending. A silent witness is asked again later; nothing waits for it.

    Submitting goes first, and a witness that doesn't answer the one question may still answer the other: digests are
    given to calendars while the source of blocks is away.
    """
    anchors = {(anchor.kind, anchor.name): anchor for anchor in get_anchors(services)}
    silent: dict[tuple[Anchor, Question], tuple[datetime, str]] = {}
    witnesses.forgive(ids)
    until = time.monotonic() + TASK_SECONDS
    rows = AnchorReceipt.objects.filter(pk__in=steps.claim(AnchorReceipt, ids, services.stale_after))
    # what is new first, then those that have waited longest: one that always fails is put off longer than the rest
    for row in sorted(rows, key=lambda row: (row.proof is not None, row.not_before or _BEGINNING, row.pk)):
        if not steps.mine(row).exists():
            continue  # this batch took so long that somebody else has it now
        anchor = anchors.get((row.kind, row.witness))
        if anchor is None:
            steps.put_off(row, now() + UNKNOWN, f"The witness {row.witness} isn't configured any more.")
            continue
        if time.monotonic() > until:
            steps.put_off(row, now())
            continue
        asked = (anchor, question_of(row))
        silence = silent.get(asked) or witnesses.silence_of(anchor.kind, anchor.name, question_of(row))
        if silence is None:
            silence = _ask(row, anchor, services.config.witnesses_needed)
        else:  # each further question would wait as long, and others wait behind them
            steps.put_off(row, *silence)
        if silence is not None:
            silent[asked] = silence


def complete_stamps(services: Services) -> int:
    """Ask for lists of revocations again that came too late for young stamps; returns how many stamps have more."""
    grown = 0
    young = AnchorReceipt.objects.filter(kind="rfc3161", state=StepState.DONE, grown_at__gte=now() - LISTS_FOR)
    for anchor in get_anchors(services):
        for row in young.filter(kind=anchor.kind, witness=anchor.name).iterator(chunk_size=100):
            receipt = receipt_of(row)
            with contextlib.suppress(ExhibitError):  # it is asked for again with the next round
                again = anchor.upgrade(row.digest, receipt)
                if again.material != receipt.material:
                    grown += AnchorReceipt.objects.filter(pk=row.pk).update(material=_material(again))
    return grown


def question_of(row: AnchorReceipt) -> Question:
    """What is asked next for a receipt."""
    return Question.SUBMIT if row.proof is None else Question.UPGRADE


def _ask(row: AnchorReceipt, anchor: Anchor, needed: int) -> tuple[datetime, str] | None:
    """Ask for one receipt; until when the witness is left in peace, and why, when it doesn't answer."""
    who = (anchor.kind, anchor.name, question_of(row))
    try:
        receipt = anchor.submit(row.digest) if row.proof is None else anchor.upgrade(row.digest, receipt_of(row))
    except SupersededError:  # nothing is owed any more: the later head covers this one
        steps.mine(row).delete()
        return None
    except ServiceMissingError as error:
        if machine_fault(error):
            raise
        longest = ASK_DEVELOPMENT_AGAIN if anchor.development else witnesses.MAX_PAUSE
        until = witnesses.note_silence(*who, error.sentence, longest)
        steps.put_off(row, until + (until - now()), error.sentence)  # the others go first, in case it's only this one's
        return until, error.sentence
    except ExhibitError as error:
        witnesses.note_answer(*who, error.sentence)
        steps.put_off(row, now() + _pause(row, anchor, RETRY_WRONG), error.sentence)
        return None
    except Exception as error:
        if machine_fault(error):
            raise
        logging.getLogger(__name__).exception("Asking %s for receipt %s broke off.", anchor.name, row.pk)
        sentence = Sentence("Asking broke off: %(what)s.", what=type(error).__name__)
        witnesses.note_answer(*who, sentence)
        steps.put_off(row, now() + _pause(row, anchor, RETRY_WRONG), sentence)
        return None
    witnesses.note_answer(*who)
    _keep(row, anchor, receipt, needed)
    return None


def _keep(row: AnchorReceipt, anchor: Anchor, receipt: Receipt, needed: int) -> None:
    """Keep what came, in the transaction that says whether more is to come, unless somebody else has taken over."""
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
    """Whether the log's head should be signed now: after a seal at once, otherwise in the configured rhythm."""
    last = LogCheckpoint.objects.order_by("-pk").first()
    size = 0 if last is None else last.size
    fresh = LogEntry.objects.filter(sequence__gte=size)
    if fresh.filter(type=EntryType.SEAL).exists():
        return not Bundle.objects.filter(state__in=UNFINISHED).exists() or _older(last, seconds=10)
    return fresh.exists() and _older(last, seconds=services.config.checkpoint_seconds)


def _older(last: LogCheckpoint | None, *, seconds: int) -> bool:
    return last is None or not is_recent(last.made_at, timedelta(seconds=seconds))

"""Proofs of the log for rows: an entry with its opening, its place in a checkpoint, and the witnesses' receipts."""

import base64
from dataclasses import replace
from datetime import timedelta

from evidence.bundle.bag import AnchorProof, ConsistencyProof, CounterSignature, Proofs, checkpoint_digest
from evidence.bundle.sealing import SealedCase
from evidence.facts.case import CaseFacts, WitnessFacts
from evidence.log.proofs import LogProof, Renewal
from evidence.verify.checks.inspection import log_proofs
from exhibit.entries import EntryType
from exhibit.errors import ServiceMissingError
from exhibit.ports import Receipt, ReceiptState
from registry.models import AnchorReceipt, Bundle, LogCheckpoint, LogEntry, LogSubmission, StepState
from workers.log.sequencer import sequence_log, sign_checkpoint
from workers.services.wiring import Services

NEAREST = 50
"""Checkpoints that cover a seal, from the first one on, among which the best is looked for."""

RENEWED_AFTER = timedelta(days=30)
"""Bundles hold a later checkpoint too when it is so much younger than the one that first covered them."""


def log_proof(services: Services, submission: LogSubmission, checkpoint: LogCheckpoint) -> LogProof | None:
    """The proof of a submission in a checkpoint; ``None`` when its opening has been erased.

    Raises:
        NotFoundError: the checkpoint doesn't cover the entry.
    """
    opening = getattr(submission, "opening", None)
    if opening is None:
        return None
    sequence = submission.entry.sequence
    return LogProof(
        sequence=sequence,
        type=EntryType(submission.type),
        time=submission.time,
        commitment=bytes(submission.commitment),
        salt=bytes(opening.salt),
        opening=opening.content,
        size=checkpoint.size,
        path=tuple(services.log.inclusion(sequence, checkpoint.size)),
        checkpoint=checkpoint.note,
    )


def checkpoint_covering(services: Services, submissions: list[LogSubmission]) -> LogCheckpoint:
    """The earliest checkpoint that covers all of these, signed now if there is none.

    Raises:
        ServiceMissingError: nothing has been logged yet.
    """
    keys = [submission.pk for submission in submissions]
    if LogEntry.objects.filter(submission_id__in=keys).count() < len(set(keys)):
        sequence_log(services)
    last = LogEntry.objects.filter(submission_id__in=keys).order_by("-sequence").first()
    least = 1 if last is None else last.sequence + 1
    found = LogCheckpoint.objects.filter(size__gte=least, origin=services.log.origin).order_by("size").first()
    found = found or sign_checkpoint(services)
    if found is None:
        raise ServiceMissingError("The log is still empty.")
    return found


def best_checkpoint(bundle: Bundle) -> LogCheckpoint | None:
    """Of the checkpoints that cover a bundle's seal, the earliest of those that most witnesses have answered for."""
    return None if bundle.submission_id is None else best_covering(bundle.submission_id)


def best_covering(submission: int) -> LogCheckpoint | None:
    """The same for any submission, by its primary key."""
    entry = LogEntry.objects.filter(submission=submission).first()
    if entry is None:
        return None
    covering = (
        LogCheckpoint.objects.filter(size__gt=entry.sequence).prefetch_related("receipts").order_by("size")[:NEAREST]
    )
    answered = {row: sum(receipt.state == StepState.DONE for receipt in row.receipts.all()) for row in covering}
    return max(answered, key=lambda row: (answered[row], -row.size), default=None)


def proofs_of(services: Services, bundle: Bundle, sealed: SealedCase, facts: CaseFacts) -> Proofs:
    """Everything that has grown around a bundle's seal until now."""
    checkpoint = best_checkpoint(bundle)
    grown = Proofs()
    if checkpoint is not None and bundle.submission is not None:
        grown = grown_proofs(services, bundle.submission, checkpoint, facts)
    direct = bundle.receipts.exclude(proof=None).order_by("witness")
    stamps = tuple(AnchorProof(sealed.seal, receipt_of(row)) for row in direct)
    return replace(grown, anchors=(*stamps, *grown.anchors), countersignatures=_countersignatures(bundle))


def grown_proofs(services: Services, submission: LogSubmission, checkpoint: LogCheckpoint, facts: CaseFacts) -> Proofs:
    """What has grown around a seal's entry in the log: its place in a checkpoint, receipts, and what renews them.

    Args:
        services: ports.
        submission: of the seal.
        checkpoint: one that covers it.
        facts: as sealed; the checkpoint is shown to continue those that stand in them.
    """
    later = renewal_of(checkpoint)
    earlier = sorted(size for size in checkpoint_sizes(facts) if size < checkpoint.size)
    return Proofs(
        entry=log_proof(services, submission, checkpoint),
        consistency=tuple(
            ConsistencyProof(size, tuple(services.log.consistency(size, checkpoint.size))) for size in earlier
        ),
        anchors=(*_receipts(checkpoint), *([] if later is None else _receipts(later))),
        renewals=() if later is None else (_renewal(services, checkpoint, later),),
    )


def renewal_of(checkpoint: LogCheckpoint) -> LogCheckpoint | None:
    """The newest checkpoint that renews another one: much younger, with a witness that has answered in full."""
    young = checkpoint.made_at + RENEWED_AFTER  # under whatever name: a break loses no entry that is still here
    rows = LogCheckpoint.objects.filter(size__gt=checkpoint.size, made_at__gte=young)
    return rows.filter(receipts__state=StepState.DONE).order_by("-size").first()


def _renewal(services: Services, checkpoint: LogCheckpoint, later: LogCheckpoint) -> Renewal:
    return Renewal(later.note, tuple(services.log.consistency(checkpoint.size, later.size)))


def _countersignatures(bundle: Bundle) -> tuple[CounterSignature, ...]:
    rows = bundle.countersignatures.select_related("key").order_by("pk")
    return tuple(CounterSignature(bytes(row.key.public_key), bytes(row.signature)) for row in rows)


def checkpoint_sizes(facts: CaseFacts) -> set[int]:
    """The sizes of the checkpoints that stand in sealed facts."""
    return {proof.size for _, proof in log_proofs(facts)}


def _receipts(checkpoint: LogCheckpoint) -> list[AnchorProof]:
    digest = checkpoint_digest(checkpoint.note)
    rows = checkpoint.receipts.exclude(proof=None).order_by("witness")
    return [AnchorProof(digest, receipt_of(row)) for row in rows]


def witnesses_of(bundle: Bundle) -> tuple[WitnessFacts, ...]:
    """The witnesses of a bundle and how far they are."""
    checkpoint = best_checkpoint(bundle)
    rows = [(row, "manifest") for row in bundle.receipts.order_by("witness")]
    if checkpoint is not None:
        rows += [(row, "checkpoint") for row in checkpoint.receipts.order_by("witness")]
    return tuple(witness_facts(row, subject) for row, subject in rows)


def checkpoint_witnesses(checkpoint: LogCheckpoint | None) -> tuple[WitnessFacts, ...]:
    """The witnesses of a checkpoint and how far they are; none without one."""
    rows = () if checkpoint is None else checkpoint.receipts.order_by("witness")
    return tuple(witness_facts(row, "checkpoint") for row in rows)


def witness_facts(row: AnchorReceipt, subject: str) -> WitnessFacts:
    """A receipt's row as a witness of the ``manifest`` or of the ``checkpoint``."""
    return WitnessFacts(row.kind, row.witness, row.development, _state(row), subject, row.time, row.qualified)


def _state(row: AnchorReceipt) -> str:
    if row.state == StepState.DONE:
        return "complete"
    return "asked" if row.proof is None else "pending"


def receipt_of(row: AnchorReceipt) -> Receipt:
    """The receipt as the ports know it."""
    return Receipt(
        kind=row.kind,
        witness=row.witness,
        development=row.development,
        state=ReceiptState.COMPLETE if row.state == "done" else ReceiptState.PENDING,
        proof=bytes(row.proof or b""),
        material=tuple((name, base64.b64decode(text)) for name, text in sorted(row.material.items())),
        time=row.time,
    )

"""Log proofs: an entry with its opening, its inclusion in a checkpoint, and timestamp receipts."""

import base64
from collections.abc import Iterable
from datetime import timedelta
from itertools import chain

from django.db.models import Count, OuterRef, Q, Subquery

from evidence.bundle.bag import AnchorProof, ConsistencyProof, Proofs, compute_checkpoint_digest
from evidence.facts.case import CaseFacts, TimestampFacts
from evidence.log.proofs import LogProof, Renewal
from evidence.verify.checks.inspection import list_log_proofs
from exhibit.entries import EntryType
from exhibit.errors import ServiceMissingError
from exhibit.ports import Receipt, ReceiptState
from registry.db.claimable import StepState
from registry.db.rows import copy_columns
from registry.log.local_log import get_log
from registry.log.models import AnchorReceipt, LogCheckpoint, LogEntry, LogSubmission
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.services.services import Services

MAX_CANDIDATE_CHECKPOINTS = 50  # number of checkpoints after a seal from which the best is selected
MIN_RENEWAL_AGE = timedelta(days=30)
"""Bundles include a later checkpoint if it is at least this much newer than the first checkpoint that covers them."""


def prove_inclusion(
    services: Services, submission: LogSubmission | None, checkpoint: LogCheckpoint | None
) -> LogProof | None:
    """Return the inclusion proof of a submission in a checkpoint.

    The result is ``None`` without a submission or checkpoint, or if the opening has been erased.

    Raises:
        NotFoundError: The checkpoint does not cover the entry.
    """
    if submission is None or checkpoint is None:
        return None
    row = LogSubmission.objects.select_related("entry", "opening").get(pk=submission.pk)
    opening = getattr(row, "opening", None)
    if opening is None:
        return None
    sequence = row.entry.sequence
    return LogProof(
        sequence=sequence,
        type=EntryType(row.type),
        time=row.time,
        commitment=bytes(row.commitment),
        salt=bytes(opening.salt),
        opening=opening.content,
        size=checkpoint.size,
        path=tuple(get_log(services).prove_inclusion(sequence, checkpoint.size)),
        checkpoint=checkpoint.note,
    )


def get_sequence(submission: int | None) -> int | None:
    """Return the sequence number, from 0, of a submission (primary key); ``None`` while it has none."""
    return LogEntry.objects.filter(submission=submission).values_list("sequence", flat=True).first()


def get_covering_checkpoint(services: Services, submissions: list[LogSubmission]) -> LogCheckpoint:
    """Return the earliest checkpoint that covers all submissions, signed now if there is none.

    Raises:
        ServiceMissingError: The log is empty.
    """
    keys = [submission.pk for submission in submissions]
    if LogEntry.objects.filter(submission_id__in=keys).count() < len(set(keys)):
        sequence_log(services)
    last_entry = LogEntry.objects.filter(submission_id__in=keys).order_by("-sequence").first()
    min_size = 1 if last_entry is None else last_entry.sequence + 1
    checkpoint = (
        LogCheckpoint.objects.filter(size__gte=min_size, origin=get_log(services).origin).order_by("size").first()
    )
    checkpoint = checkpoint or sign_checkpoint(services)
    if checkpoint is None:
        raise ServiceMissingError("The log is still empty.")
    return checkpoint


def get_best_checkpoint(submission: int | None) -> LogCheckpoint | None:
    """Return the checkpoint that covers a submission (primary key) and has most receipts, the earliest if several do.

    The result is ``None`` for a seal without a submission.
    """
    return LogCheckpoint.objects.filter(pk__in=select_best_checkpoints(filter(None, [submission])).values()).first()


def select_best_checkpoints(submissions: Iterable[int]) -> dict[int, int]:
    """Return the best checkpoint of each submission, as :func:`get_best_checkpoint` does; all by primary key."""
    candidates = (
        LogCheckpoint.objects.filter(size__gt=OuterRef(OuterRef("sequence")))
        .order_by("size")
        .values("pk")[:MAX_CANDIDATE_CHECKPOINTS]
    )
    receipt_count = Count("receipts", filter=Q(receipts__state=StepState.DONE))
    best_checkpoints = (
        LogCheckpoint.objects.filter(pk__in=candidates).annotate(answered=receipt_count).order_by("-answered", "size")
    )
    rows = LogEntry.objects.filter(submission__in=list(submissions)).annotate(
        best=Subquery(best_checkpoints.values("pk")[:1])
    )
    return dict(rows.exclude(best=None).values_list("submission", "best"))


def build_proofs(services: Services, submission: LogSubmission, checkpoint: LogCheckpoint, facts: CaseFacts) -> Proofs:
    """Build the proofs for a seal's log entry: its inclusion in a checkpoint, receipts and renewals.

    The checkpoint must cover the entry. The proofs show that it is consistent with the checkpoints in the sealed facts.
    """
    renewing_checkpoint = find_renewal(checkpoint)
    earlier_sizes = sorted({proof.size for _, proof in list_log_proofs(facts) if proof.size < checkpoint.size})
    paths = [tuple(get_log(services).prove_consistency(size, checkpoint.size)) for size in earlier_sizes]
    return Proofs(
        entry=prove_inclusion(services, submission, checkpoint),
        consistency=tuple(map(ConsistencyProof, earlier_sizes, paths)),
        anchors=tuple(
            chain.from_iterable(map(_list_receipts, _list_checkpoints(checkpoint, facts, renewing_checkpoint)))
        ),
        renewals=() if renewing_checkpoint is None else (_build_renewal(services, checkpoint, renewing_checkpoint),),
    )


def _list_checkpoints(
    checkpoint: LogCheckpoint, facts: CaseFacts, renewing_checkpoint: LogCheckpoint | None
) -> list[LogCheckpoint]:
    """Return a bundle's checkpoints: its own, those in its facts that list timestamp services, and the renewing one."""
    notes = {proof.checkpoint: proof.size for _, proof in list_log_proofs(facts) if proof.checkpoint != checkpoint.note}
    rows = LogCheckpoint.objects.filter(size__in=notes.values(), note__in=notes).order_by("size")
    fact_checkpoints = rows if facts.timestamps else ()
    return [checkpoint, *fact_checkpoints, *([] if renewing_checkpoint is None else [renewing_checkpoint])]


def find_renewal(checkpoint: LogCheckpoint) -> LogCheckpoint | None:
    """Return the newest checkpoint that renews another: a much later one with a complete receipt."""
    min_made_at = checkpoint.made_at + MIN_RENEWAL_AGE  # of any name: a new name keeps the stored entries
    rows = LogCheckpoint.objects.filter(size__gt=checkpoint.size, made_at__gte=min_made_at)
    return rows.filter(receipts__state=StepState.DONE).order_by("-size").first()


def _build_renewal(services: Services, checkpoint: LogCheckpoint, renewing_checkpoint: LogCheckpoint) -> Renewal:
    return Renewal(
        renewing_checkpoint.note, tuple(get_log(services).prove_consistency(checkpoint.size, renewing_checkpoint.size))
    )


def _list_receipts(checkpoint: LogCheckpoint) -> list[AnchorProof]:
    digest = compute_checkpoint_digest(checkpoint.note)
    rows = checkpoint.receipts.exclude(proof=None).order_by("service")
    return [AnchorProof(digest, to_receipt(row)) for row in rows]


def list_timestamps(checkpoint: LogCheckpoint | None) -> tuple[TimestampFacts, ...]:
    """Return the timestamp services of a checkpoint with their states; empty without a checkpoint."""
    rows = () if checkpoint is None else checkpoint.receipts.order_by("service")
    return tuple(to_timestamp_facts(row, "checkpoint") for row in rows)


def to_timestamp_facts(row: AnchorReceipt, subject: str) -> TimestampFacts:
    """Convert a receipt's row to facts about a timestamp of the ``manifest`` or of the ``checkpoint``."""
    state = "complete" if row.state == StepState.DONE else "requested" if row.proof is None else "pending"
    return TimestampFacts(row.kind, row.service, row.development, state, subject, row.time, row.qualified)


def to_receipt(row: AnchorReceipt) -> Receipt:
    """Convert a row to the receipt type of the ports."""
    return Receipt(
        **copy_columns(row, "kind", "service", "development", "time"),
        state=ReceiptState.COMPLETE if row.state == "done" else ReceiptState.PENDING,
        proof=bytes(row.proof or b""),
        material=tuple((name, base64.b64decode(text)) for name, text in sorted(row.material.items())),
    )

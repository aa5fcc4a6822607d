"""Proof of a work's registration: its log entry, a checkpoint that covers it, and the checkpoint's timestamps."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from django.db.models import QuerySet

from evidence.anchors import KINDS
from evidence.bundle.bag import create_log_files
from evidence.facts.case import TimestampFacts
from exhibit.clock import format_rfc3339
from exhibit.entries import EntryType
from exhibit.ports import Receipt
from registry.log.models import LogCheckpoint, LogSubmission
from registry.log.proofs import (
    get_best_checkpoint,
    get_covering_checkpoint,
    get_sequence,
    list_timestamps,
    prove_inclusion,
    to_receipt,
)
from registry.services.services import Services
from registry.works.models import Work


@dataclass(frozen=True, slots=True)
class Registration:
    """Log entry of a registration or of any other submission, with its timestamps."""

    submission: LogSubmission
    entry: int | None  # sequence number in the log, from 0; ``None`` until it is assigned
    checkpoint: LogCheckpoint | None  # the checkpoint over the entry with the most timestamps
    timestamps: tuple[TimestampFacts, ...]  # timestamps of the checkpoint, by name of the service


def list_later_submissions(work: Work) -> list[LogSubmission]:
    """Return the first log submission of each picture that was added to a work later."""
    rows = work.work_pictures.order_by("pk").values_list("picture__digest", flat=True)
    later_pictures = [digest.hex for digest in rows[1:]]
    submissions = (
        _list_submissions(work)
        .filter(opening__content__picture__in=later_pictures)
        .select_related("opening")
        .order_by("-pk")
    )
    first_submissions = {row.opening.content["picture"]: row for row in submissions}
    return [first_submissions[picture] for picture in later_pictures if picture in first_submissions]


def _list_submissions(work: Work) -> QuerySet[LogSubmission]:
    rows = LogSubmission.objects.filter(type=EntryType.REGISTRATION, owner=work.owner_id)
    return rows.filter(opening__content__work=work.number)


def get_registration(work: Work) -> Registration | None:
    """Return the current state of a work's registration; ``None`` if the work has none."""
    return None if work.registration is None else to_registration(work.registration)


def to_registration(submission: LogSubmission) -> Registration:
    """Return the log entry, checkpoint and timestamps of any submission."""
    checkpoint = get_best_checkpoint(submission.pk)
    return Registration(submission, get_sequence(submission.pk), checkpoint, list_timestamps(checkpoint))


def make_proof_files(services: Services, work: Work) -> dict[str, bytes]:
    """Return the proof of a work's registration as files by name. Sign a checkpoint if none covers the entry yet.

    The result is empty if the opening of the work's entry has been erased.
    """
    submission = work.registration
    if submission is None:
        return {}
    checkpoint = get_best_checkpoint(submission.pk) or get_covering_checkpoint(services, [submission])
    proof = prove_inclusion(services, submission, checkpoint)
    if proof is None:
        return {}
    files = {PurePosixPath(path).name: data for path, data in create_log_files(proof).items()}
    lines, check_lines = (
        [],
        ["", "Each receipt is a timestamp of the SHA-256 of the file checkpoint:", "  sha256sum checkpoint"],
    )
    for number, row in enumerate(checkpoint.receipts.exclude(proof=None).order_by("service"), 1):
        receipt = to_receipt(row)
        name = f"receipt-{number}{KINDS[receipt.kind].suffix}"
        files.update({name: receipt.proof, **dict(receipt.material)})
        lines.append(_describe_receipt(name, receipt))
        check_lines += [f"  {line.format(name=name)}" for line in KINDS[receipt.kind].check_instructions]
    no_receipts_line = "- No timestamp service has returned a receipt for this checkpoint yet. Try again later."
    receipt_lines = [*lines, *check_lines] if lines else [no_receipts_line]
    return {**files, "READ-ME.txt": _write_readme(work, proof.sequence, proof.size, receipt_lines).encode()}


def _describe_receipt(name: str, receipt: Receipt) -> str:
    statement = "has not returned a complete receipt yet"
    if receipt.time is not None:
        statement = f"confirms that the checkpoint existed no later than {format_rfc3339(receipt.time)}"
    note = " (test service, no legal weight)" if receipt.development else ""
    return f"- {name}: {receipt.service} {statement}{note}."


def _write_readme(work: Work, sequence: int, size: int, receipt_lines: list[str]) -> str:
    """Return the text that explains the files and how to verify them."""
    lines = (
        f'Registration of work {work.number}, "{work.title}", recorded at {format_rfc3339(work.registered_at)}.',
        "This is a deposit record. It does not examine or create any right.",
        "",
        f"- entry.json: log entry {sequence}: the declarations, the SHA-256 of the picture file, and the",
        "  salt with which they were hashed into the commitment of the entry.",
        f"- inclusion.json: inclusion proof of the entry in the root of the first {size} entries (RFC 9162, 2.1.3).",
        "- checkpoint: that root, signed by the log (C2SP signed note).",
        *receipt_lines,
        "",
    )
    return "\n".join(lines)

"""The log after a restore: compare it with external checkpoints, and rename it if entries were lost.

The log never signs a checkpoint whose size is at most that of a checkpoint with another root that a timestamp service
has received. ``Log.check_history`` checks this before each signature. This module compares checkpoints that only the
operator has, for example from a bundle that was sent to a recipient.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from django.db import transaction

from evidence.log.append_only import BrokenHistoryError, Log
from evidence.log.notes import check_name, format_verifier_key, parse_verifier_key, verify_note
from evidence.verify.verifier import list_checkpoints
from exhibit.clock import now
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError, InvalidRequestError
from exhibit.ports import SignedCheckpoint, StoredCheckpoint
from registry.db.locks import Lock, hold
from registry.log.local_log import get_log
from registry.log.log import load_newest_checkpoint, load_origins, start_origin, submit_entry
from registry.log.sequencer import sequence_log
from registry.services.services import Services

ORIGIN_VERSION = 1  # version of the openings of entries about the log's names


class CheckpointRelation(StrEnum):
    """Relation of an external checkpoint to the log."""

    CONTINUED = "continued"
    EARLIER_NAME = "of an earlier name"
    BROKEN = "not continued"
    ANOTHER_LOG = "of another log"


@dataclass(frozen=True, slots=True)
class CheckpointComparison:
    """Result of comparing one checkpoint with the log."""

    origin: str  # name of the log that signed the checkpoint
    size: int  # number of entries that the checkpoint covers
    outcome: CheckpointRelation
    sentence: str


def compare_with_files(services: Services, files: Iterable[Path]) -> list[CheckpointComparison]:
    """Compare checkpoints from bundles or files with the log. If the log contradicts one, all signing stops."""
    notes = dict.fromkeys(note for file in files for note in list_checkpoints(file))
    with transaction.atomic():
        hold(Lock.LOG)  # because signing also updates the stored checkpoint
        return [_compare_note(get_log(services), note) for note in notes]


def _compare_note(log: Log, note: str) -> CheckpointComparison:
    name = note.partition("\n")[0]
    verifier_keys = {vkey.partition("+")[0]: vkey for vkey in log.list_verifier_keys()}
    _, public = parse_verifier_key(log.get_verifier_key())
    try:
        checkpoint = verify_note(note, verifier_keys.get(name) or format_verifier_key(name, public))
    except (IntegrityError, InvalidRequestError):
        sentence = "The checkpoint is not signed with a key of this log."
        return CheckpointComparison(name, 0, CheckpointRelation.ANOTHER_LOG, sentence)
    try:
        log.check_known_checkpoint(checkpoint)
    except BrokenHistoryError as error:
        log.store_checkpoint(checkpoint)
        sentence = f"{error.message} Exhibit no longer signs checkpoints."
        return CheckpointComparison(name, checkpoint.size, CheckpointRelation.BROKEN, sentence)
    if checkpoint.origin == log.origin:
        return CheckpointComparison(
            name,
            checkpoint.size,
            CheckpointRelation.CONTINUED,
            f"The log is consistent with the checkpoint of {checkpoint.size} entries.",
        )
    sentence = "The checkpoint was signed under an earlier name of the log, before a recorded break."
    return CheckpointComparison(name, checkpoint.size, CheckpointRelation.EARLIER_NAME, sentence)


def accept_checkpoint(services: Services, *, by: str, reason: str) -> SignedCheckpoint:
    """Confirm that nothing was signed beyond the known checkpoints, and continue under the same name; this is logged.

    Used after the data folder was moved, or restored without loss.

    Returns:
        The newest known checkpoint; one of size 0 if nothing was ever signed.

    Raises:
        BrokenHistoryError: A known checkpoint contradicts this, so the log needs a new name.
    """
    with transaction.atomic():
        hold(Lock.LOG)
        log = get_log(services)
        stored_before = log.read_stored_checkpoint()
        newest_checkpoint = load_newest_checkpoint(log.origin) or log.create_empty_checkpoint()
        log.check_known_checkpoint(newest_checkpoint)
        for checkpoint in () if stored_before is None else stored_before.all_checkpoints:
            log.check_known_checkpoint(checkpoint)
            if checkpoint.origin == log.origin and checkpoint.size > newest_checkpoint.size:
                newest_checkpoint = checkpoint
        opening = {"origin": log.origin, "version": ORIGIN_VERSION, "what": "kept", **_to_dict(newest_checkpoint)}
        submit_entry(EntryType.ORIGIN, opening, details={"by": by, "reason": reason})
    _store_if_unchanged(services, newest_checkpoint, stored_before=stored_before)
    return newest_checkpoint


def start_new_origin(services: Services, *, by: str, reason: str, name: str = "") -> str:
    """Sign under a new name from now on.

    The log records the reason, its newest checkpoint, and the largest checkpoint known from outside the database.

    Args:
        services: Services of the installation.
        by: Account recorded in the log.
        reason: Reason recorded in the log.
        name: The new name; by default, the old name with the date and a random suffix.

    Returns:
        The new name.

    Raises:
        InvalidRequestError: The name is invalid or was used before.
    """
    with transaction.atomic():
        hold(Lock.LOG)
        log = get_log(services)
        stored_before, newest_checkpoint = log.read_stored_checkpoint(), load_newest_checkpoint(log.origin)
        new_name = check_name(name or f"{log.origin}-{now():%Y%m%d}-{secrets.token_hex(2)}")
        known_checkpoints = () if stored_before is None else stored_before.all_checkpoints
        largest_checkpoint = max(
            known_checkpoints,
            key=lambda checkpoint: (checkpoint.origin not in log.former_origins, checkpoint.size),
            default=None,
        )
        used_names = dict.fromkeys(
            [*log.former_origins, log.origin, *(checkpoint.origin for checkpoint in known_checkpoints)]
        )
        if new_name in used_names:
            raise InvalidRequestError(
                f"The log already had the name {new_name}.", hint="A name cannot be used again. Enter another name."
            )
        opening: dict[str, Any] = {"from": log.origin, "to": new_name, "version": ORIGIN_VERSION, "what": "began"}
        opening["shared"] = None if newest_checkpoint is None else _to_dict(newest_checkpoint)
        opening["seen"] = (
            None if largest_checkpoint is None else {**_to_dict(largest_checkpoint), "note": largest_checkpoint.note}
        )
        submission = submit_entry(EntryType.ORIGIN, opening, details={"by": by, "reason": reason})
        for origin in used_names:
            if origin not in load_origins():  # nothing was signed here yet, or a restore lost the name
                start_origin(origin, None)
        start_origin(new_name, log.public_key, submission)
    _store_if_unchanged(
        services, largest_checkpoint or newest_checkpoint or log.create_empty_checkpoint(), stored_before=stored_before
    )
    sequence_log(services)
    return new_name


def _store_if_unchanged(
    services: Services, checkpoint: SignedCheckpoint, *, stored_before: StoredCheckpoint | None
) -> None:
    """Store a checkpoint after its entry is committed, unless the stored checkpoint has changed since."""
    with transaction.atomic():
        hold(Lock.LOG)
        if get_log(services).read_stored_checkpoint() == stored_before:
            get_log(services).store_checkpoint(checkpoint)


def _to_dict(checkpoint: SignedCheckpoint) -> dict[str, Any]:
    return {"origin": checkpoint.origin, "root": checkpoint.root.hex(), "size": checkpoint.size}

"""The log after a restore: compare it with checkpoints from outside, and record a break under a new name.

The rule: the log never signs a checkpoint at or below the size of one that an outside witness has seen with another
root. ``Log.check_history`` makes the comparison before each signature; evidence that only the operator has, such as a
bundle that was handed out, is compared here.
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
from evidence.verify.verifier import checkpoints_in
from exhibit.clock import now
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError, WrongUseError
from exhibit.ports import Head, SignedCheckpoint
from registry.db.locks import Lock, hold
from registry.log.local_log import get_log
from registry.log.log import load_newest_checkpoint, load_origins, start_origin, submit
from registry.log.sequencer import sequence_log
from registry.services.services import Services

ORIGIN_VERSION = 1  # of the openings of entries about the log's names


class Relation(StrEnum):
    """Relation of an outside checkpoint to the log."""

    CONTINUED = "continued"
    EARLIER_NAME = "of an earlier name"
    BROKEN = "not continued"
    ANOTHER_LOG = "of another log"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Result of comparing one checkpoint with the log."""

    origin: str  # the name of the log that signed it
    size: int  # entries that it covers
    outcome: Relation
    sentence: str


def compare_with_files(services: Services, files: Iterable[Path]) -> list[Comparison]:
    """Compare checkpoints from bundles or files with the log; one that the log does not continue stops all signing."""
    notes = dict.fromkeys(note for file in files for note in checkpoints_in(file))
    with transaction.atomic():
        hold(Lock.LOG)  # signing updates the remembered checkpoint, too
        return [_compare(get_log(services), note) for note in notes]


def _compare(log: Log, text: str) -> Comparison:
    name = text.partition("\n")[0]
    verifier_keys = {vkey.partition("+")[0]: vkey for vkey in log.vkeys()}
    _, public = parse_verifier_key(log.vkey())
    try:
        checkpoint = verify_note(text, verifier_keys.get(name) or format_verifier_key(name, public))
    except (IntegrityError, WrongUseError):
        sentence = "It isn't signed with this log's key, so it says nothing of it."
        return Comparison(name, 0, Relation.ANOTHER_LOG, sentence)
    try:
        log.check_known(checkpoint)
    except BrokenHistoryError as error:
        log.store_checkpoint(checkpoint)
        sentence = f"{error.message} Nothing is signed from now on."
        return Comparison(name, checkpoint.size, Relation.BROKEN, sentence)
    if checkpoint.origin == log.origin:
        return Comparison(
            name, checkpoint.size, Relation.CONTINUED, f"The log continues its {checkpoint.size} entries."
        )
    sentence = "It was signed under a name that the log had before a break, which is recorded."
    return Comparison(name, checkpoint.size, Relation.EARLIER_NAME, sentence)


def accept_checkpoint(services: Services, *, by: str, reason: str) -> SignedCheckpoint:
    """State that nothing was signed beyond the known checkpoints, and continue under the same name; this is logged.

    For a log whose data folder was moved, or restored without loss.

    Returns:
        The newest known checkpoint; one of size 0 if nothing was ever signed.

    Raises:
        BrokenHistoryError: A known checkpoint contradicts this statement: then only a new name helps.
    """
    with transaction.atomic():
        hold(Lock.LOG)
        log = get_log(services)
        head_before = log.read_stored_checkpoint()
        newest = load_newest_checkpoint(log.origin) or log.create_empty_checkpoint()
        log.check_known(newest)
        for checkpoint in () if head_before is None else head_before.known:
            log.check_known(checkpoint)
            if checkpoint.origin == log.origin and checkpoint.size > newest.size:
                newest = checkpoint
        opening = {"origin": log.origin, "version": ORIGIN_VERSION, "what": "kept", **_as_dict(newest)}
        submit(EntryType.ORIGIN, opening, details={"by": by, "reason": reason})
    _remember_if_unchanged(services, newest, before=head_before)
    return newest


def start_new_origin(services: Services, *, by: str, reason: str, name: str = "") -> str:
    """Sign under a new name from now on; the log records the reason, the outside checkpoint and the common entries.

    Args:
        services: Services of the installation.
        by: Account recorded in the log.
        reason: Reason recorded in the log.
        name: The new name; by default made of the old one, the day and a random suffix.

    Returns:
        The new name.

    Raises:
        WrongUseError: The name is invalid or was used before.
    """
    with transaction.atomic():
        hold(Lock.LOG)
        log = get_log(services)
        head_before, newest = log.read_stored_checkpoint(), load_newest_checkpoint(log.origin)
        new_name = check_name(name or f"{log.origin}-{now():%Y%m%d}-{secrets.token_hex(2)}")
        known_checkpoints = () if head_before is None else head_before.known
        largest_known = max(
            known_checkpoints,
            key=lambda checkpoint: (checkpoint.origin not in log.former_origins, checkpoint.size),
            default=None,
        )
        earlier = dict.fromkeys(
            [*log.former_origins, log.origin, *(checkpoint.origin for checkpoint in known_checkpoints)]
        )
        if new_name in earlier:
            raise WrongUseError(
                f"The log was named {new_name} before.", hint="A name is never used again: give another."
            )
        opening: dict[str, Any] = {"from": log.origin, "to": new_name, "version": ORIGIN_VERSION, "what": "began"}
        opening["shared"] = None if newest is None else _as_dict(newest)
        opening["seen"] = None if largest_known is None else {**_as_dict(largest_known), "note": largest_known.note}
        submission = submit(EntryType.ORIGIN, opening, details={"by": by, "reason": reason})
        for origin in earlier:
            if origin not in load_origins():  # nothing was signed in this database yet, or a restore has lost the name
                start_origin(origin, None)
        start_origin(new_name, log.public_key, submission)
    _remember_if_unchanged(services, largest_known or newest or log.create_empty_checkpoint(), before=head_before)
    sequence_log(services)
    return new_name


def _remember_if_unchanged(services: Services, checkpoint: SignedCheckpoint, *, before: Head | None) -> None:
    """Remember a checkpoint after its entry is committed, unless another was signed or shown in between."""
    with transaction.atomic():
        hold(Lock.LOG)
        if get_log(services).read_stored_checkpoint() == before:
            get_log(services).store_checkpoint(checkpoint)


def _as_dict(checkpoint: SignedCheckpoint) -> dict[str, Any]:
    return {"origin": checkpoint.origin, "root": checkpoint.root.hex(), "size": checkpoint.size}

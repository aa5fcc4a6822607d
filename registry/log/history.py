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
from evidence.log.notes import check_name, parse_verifier_key, verifier_key, verify_note
from evidence.verify.verifier import checkpoints_in
from exhibit.clock import now
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError, WrongUseError
from exhibit.ports import Head, SignedCheckpoint
from registry.db.locks import Lock, hold
from registry.log.log import begin_origin, newest_head, origins, submit
from registry.log.own_log import get_log
from registry.log.sequencer import sequence_log
from registry.services.services import Services

ORIGIN_VERSION = 1  # of the openings of entries about the log's names


class Compared(StrEnum):
    """Relation of an outside checkpoint to the log."""

    CONTINUED = "continued"
    EARLIER_NAME = "of an earlier name"
    BROKEN = "not continued"
    OF_ANOTHER = "of another log"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Result of comparing one checkpoint with the log."""

    origin: str  # the name of the log that signed it
    size: int  # entries that it covers
    outcome: Compared
    sentence: str


def check_against(services: Services, files: Iterable[Path]) -> list[Comparison]:
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
        seen = verify_note(text, verifier_keys.get(name) or verifier_key(name, public))
    except (IntegrityError, WrongUseError):
        sentence = "It isn't signed with this log's key, so it says nothing of it."
        return Comparison(name, 0, Compared.OF_ANOTHER, sentence)
    try:
        log.check_known(seen)
    except BrokenHistoryError as error:
        log.remember(seen)
        sentence = f"{error.message} Nothing is signed from now on."
        return Comparison(name, seen.size, Compared.BROKEN, sentence)
    if seen.origin == log.origin:
        return Comparison(name, seen.size, Compared.CONTINUED, f"The log continues its {seen.size} entries.")
    sentence = "It was signed under a name that the log had before a break, which is recorded."
    return Comparison(name, seen.size, Compared.EARLIER_NAME, sentence)


def accept_head(services: Services, *, by: str, reason: str) -> SignedCheckpoint:
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
        head = log.head()
        newest = newest_head(log.origin) or log.empty_head()
        log.check_known(newest)
        for checkpoint in () if head is None else head.known:
            log.check_known(checkpoint)
            if checkpoint.origin == log.origin and checkpoint.size > newest.size:
                newest = checkpoint
        opening = {"origin": log.origin, "version": ORIGIN_VERSION, "what": "kept", **_plain(newest)}
        submit(EntryType.ORIGIN, opening, details={"by": by, "reason": reason})
    _settle(services, newest, before=head)
    return newest


def new_origin(services: Services, *, by: str, reason: str, name: str = "") -> str:
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
        head, newest = log.head(), newest_head(log.origin)
        new = check_name(name or f"{log.origin}-{now():%Y%m%d}-{secrets.token_hex(2)}")
        known = () if head is None else head.known
        seen = max(known, key=lambda one: (one.origin not in log.left, one.size), default=None)
        earlier = dict.fromkeys([*log.left, log.origin, *(one.origin for one in known)])
        if new in earlier:
            raise WrongUseError(f"The log was named {new} before.", hint="A name is never used again: give another.")
        opening: dict[str, Any] = {"from": log.origin, "to": new, "version": ORIGIN_VERSION, "what": "began"}
        opening["shared"] = None if newest is None else _plain(newest)
        opening["seen"] = None if seen is None else {**_plain(seen), "note": seen.note}
        submission = submit(EntryType.ORIGIN, opening, details={"by": by, "reason": reason})
        for origin in earlier:
            if origin not in origins():  # nothing was signed in this database yet, or a restore has lost the name
                begin_origin(origin, None)
        begin_origin(new, log.public_key, submission)
    _settle(services, seen or newest or log.empty_head(), before=head)
    sequence_log(services)
    return new


def _settle(services: Services, checkpoint: SignedCheckpoint, *, before: Head | None) -> None:
    """Remember a checkpoint after its entry is committed, unless another was signed or shown in between."""
    with transaction.atomic():
        hold(Lock.LOG)
        if get_log(services).head() == before:
            get_log(services).remember(checkpoint)


def _plain(checkpoint: SignedCheckpoint) -> dict[str, Any]:
    return {"origin": checkpoint.origin, "root": checkpoint.root.hex(), "size": checkpoint.size}

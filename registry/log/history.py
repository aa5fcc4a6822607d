"""The log after a restore: what outsiders have seen is held against it, and a break is recorded under a new name.

The rule: the log never signs a head at or below one that an outside witness has seen with another root. What it
compares before it signs is in ``Log.check_history``; what only the operator can bring, such as a
bundle that was handed out, comes in here.
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
    """How a checkpoint from outside stands to the log."""

    CONTINUED = "continued"
    EARLIER_NAME = "of an earlier name"
    BROKEN = "not continued"
    OF_ANOTHER = "of another log"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of holding one checkpoint against the log."""

    origin: str  # the name under which it was signed
    size: int  # entries that it covers
    outcome: Compared
    sentence: str


def check_against(services: Services, files: Iterable[Path]) -> list[Comparison]:
    """Hold checkpoints from bundles or files against the log; one that it doesn't continue stops all signing."""
    notes = dict.fromkeys(note for file in files for note in checkpoints_in(file))
    with transaction.atomic():
        hold(Lock.LOG)  # whoever signs remembers a head as well
        return [_compare(get_log(services), note) for note in notes]


def _compare(log: Log, text: str) -> Comparison:
    name = text.partition("\n")[0]
    known = {vkey.partition("+")[0]: vkey for vkey in log.vkeys()}
    _, public = parse_verifier_key(log.vkey())
    try:
        seen = verify_note(text, known.get(name) or verifier_key(name, public))
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
    """State that nothing was signed beyond what is known here, and go on under the same name; an entry says so.

    For a log whose data folder was moved, or put back without loss. Returns the head that is known, one of no entries
    when nothing was ever signed; raises ``BrokenHistoryError`` when that says otherwise: then only a new name helps.
    """
    with transaction.atomic():
        hold(Lock.LOG)
        log = get_log(services)
        head = log.head()
        newest = newest_head(log.origin) or log.empty_head()
        log.check_known(newest)
        for seen in () if head is None else head.known:
            log.check_known(seen)
            if seen.origin == log.origin and seen.size > newest.size:
                newest = seen
        opening = {"origin": log.origin, "version": ORIGIN_VERSION, "what": "kept", **_plain(newest)}
        submit(EntryType.ORIGIN, opening, details={"by": by, "reason": reason})
    _settle(services, newest, before=head)
    return newest


def new_origin(services: Services, *, by: str, reason: str, name: str = "") -> str:
    """Sign under a new name from now on, and record why, what was seen outside, and what both names share.

    The name that is returned is made of the old one and the day if none is given; raises ``WrongUseError`` for one that
    was used before or can't be one.
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
    """Remember a head anew, now that its entry is written down, unless one was signed or shown since."""
    with transaction.atomic():
        hold(Lock.LOG)
        if get_log(services).head() == before:
            get_log(services).remember(checkpoint)


def _plain(checkpoint: SignedCheckpoint) -> dict[str, Any]:
    return {"origin": checkpoint.origin, "root": checkpoint.root.hex(), "size": checkpoint.size}

"""Cosigning heads of partners' logs (C2SP tlog-witness): each has to continue the one that was cosigned last."""

import re
from http import HTTPStatus

from django.db import transaction

from evidence.log import merkle
from evidence.log.notes import MAX_NOTE, cosign, parse_note, strict_base64, verify_note
from exhibit.clock import now
from exhibit.errors import ExhibitError, IntegrityError
from registry.alliance import heads, partners
from registry.db.rows import write
from workers.services.wiring import Services

MAX_PATH = 63
"""Hashes of a consistency proof, as the protocol allows."""
MAX_BODY = MAX_NOTE + 64 * MAX_PATH
_OLD = re.compile("old (0|[1-9][0-9]{0,18})")


class NotCosignedError(ExhibitError):
    """Why a head isn't cosigned: with the status that the protocol gives it, and the size cosigned last if it asks."""

    def __init__(self, message: str, status: HTTPStatus, size: int | None = None) -> None:
        super().__init__(message)
        self.status, self.size = status, size


def add_checkpoint(services: Services, body: bytes) -> str:
    """Cosign the head of a request to ``add-checkpoint`` and return the line, or raise :class:`NotCosignedError`.

    A head that is signed by the log and contradicts the one known here is kept with it, as proof.
    """
    old, path, text = _read(body)
    note = parse_note(text)
    partner = partners.of_log(note.origin)
    if partner is None:
        raise NotCosignedError("The log isn't known here.", HTTPStatus.NOT_FOUND)
    try:
        head = verify_note(text, partner.log_key)
    except IntegrityError as error:
        raise NotCosignedError(error.message, HTTPStatus.FORBIDDEN) from error
    with transaction.atomic():
        known = heads.hold(partner)
        root, refusal = bytes(known.root) or merkle.EMPTY_ROOT, None
        if heads.has_forked(note.origin):
            said = "This log has signed two histories. Nothing of it is cosigned."
            refusal = NotCosignedError(said, HTTPStatus.FORBIDDEN)
        elif head.size == known.size and head.root != root:
            if known.note:
                heads.note_fork(partner, known.note, text, "brought to be cosigned")
            refusal = NotCosignedError("Another head of this size was cosigned.", HTTPStatus.CONFLICT, known.size)
        elif old != known.size:
            said = f"A head of {known.size} entries was cosigned last."
            refusal = NotCosignedError(said, HTTPStatus.CONFLICT, known.size)
        elif not merkle.verify_consistency(known.size, head.size, root, head.root, path):
            said = "The proof doesn't show that this head continues the one cosigned last."
            refusal = NotCosignedError(said, HTTPStatus.UNPROCESSABLE_ENTITY)
        else:
            at = now()
            write(known, size=head.size, root=head.root, note=head.note, cosigned_at=at)
    if refusal is not None:  # after the transaction: what was found out stays
        raise refusal
    return cosign(note.body, services.witness_name, services.witness_signer, at)


def heads_seen() -> list[str]:
    """The notes that were cosigned last, one of each log."""
    return [row.note for row in heads.seen()]


def _read(body: bytes) -> tuple[int, list[bytes], str]:
    """The old size, the proof and the note of a request; raises :class:`NotCosignedError`."""
    broken = NotCosignedError("This isn't a request to cosign a head.", HTTPStatus.BAD_REQUEST)
    try:
        proof, separator, text = body.decode("utf-8").partition("\n\n")
        first, *lines = proof.split("\n")
        path = [strict_base64(line) for line in lines]
        match = _OLD.fullmatch(first)
        size = parse_note(text).size
    except (UnicodeDecodeError, IntegrityError):
        raise broken from None
    good = [step for step in path if step is not None and len(step) == merkle.HASH_BYTES]
    if match is None or not separator or len(good) < len(path) or len(path) > MAX_PATH or int(match[1]) > size:
        raise broken
    return int(match[1]), good, text

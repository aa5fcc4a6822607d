"""Cosigning heads of partners' logs (C2SP tlog-witness), and comparing what the logs show here and elsewhere.

A head has to continue the one that was cosigned last. A log that tells two stories is found: of each its present head
is fetched with those tiles that show whether it continues every head known of it, the one cosigned here, and those
that other partners have cosigned.
"""

import re
import time
from collections.abc import Callable, Sequence
from functools import cache
from http import HTTPStatus

import requests
from django.db import transaction

from evidence.log import merkle
from evidence.log.notes import MAX_NOTE, cosign, parse_note, strict_base64, verify_note
from evidence.log.tiles import HEIGHT, WIDTH, Tile, tile_path
from exhibit.clock import now
from exhibit.errors import ExhibitError, IntegrityError, ServiceMissingError
from exhibit.ports import SignedCheckpoint
from exhibit.sentences import Sentence, following
from registry.alliance import calls, partners
from registry.db.rows import write
from registry.log import audit_log
from registry.models import LogFork, Partner, WitnessedHead
from registry.services.services import Services

MAX_PATH = 63
"""Hashes of a consistency proof, as the protocol allows."""
MAX_BODY = MAX_NOTE + 64 * MAX_PATH
_OLD = re.compile("old (0|[1-9][0-9]{0,18})")
FORKED = Sentence("Its log has signed two histories.")
OTHER_HEAD = Sentence("It has cosigned a head that this installation's log doesn't hold.")
SECONDS, ALL_SECONDS = 10.0, 60.0
"""For one answer of a partner's site, and for all that is asked of it at once."""
MAX_HEADS = 1000
Known = Sequence[tuple[str, str]]
"""Heads of one log, each with the name of who has cosigned it."""


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
        known = _held(partner)
        root, refusal = bytes(known.root) or merkle.EMPTY_ROOT, None
        if has_forked(note.origin):
            said = "This log has signed two histories. Nothing of it is cosigned."
            refusal = NotCosignedError(said, HTTPStatus.FORBIDDEN)
        elif head.size == known.size and head.root != root:
            if known.note:
                note_fork(partner, known.note, text, "brought to be cosigned")
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
    rows = WitnessedHead.objects.filter(size__gt=0).order_by("origin")
    return list(rows.values_list("note", flat=True))


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


def _held(partner: Partner) -> WitnessedHead:
    """The last head cosigned of a partner's log, locked for this transaction; of none yet, that of no entries."""
    row = WitnessedHead(partner=partner, origin=partner.origin, size=0, root=b"", note="", cosigned_at=now())
    WitnessedHead.objects.bulk_create([row], ignore_conflicts=True)
    return WitnessedHead.objects.select_for_update().get(origin=partner.origin)


def has_forked(origin: str) -> bool:
    """Whether a log has signed two heads that can't both be true."""
    return LogFork.objects.filter(origin=origin).exists()


def note_fork(partner: Partner, known: str, other: str, source: str, path: tuple[bytes, ...] = ()) -> None:
    """Keep two signed heads that contradict each other, the first two of a log; an entry of the log says so.

    Where their sizes differ, ``path`` is a consistency proof that leads to the larger and not from the smaller one.
    """
    with transaction.atomic():
        proof = [step.hex() for step in path]
        _, new = LogFork.objects.get_or_create(
            origin=partner.origin,
            defaults={
                "partner": partner, "known": known, "other": other, "path": proof, "source": source, "found_at": now()
            },
        )  # fmt: skip
        if new:
            about = {"partner": partner.name, "log": partner.log_key, "known": known, "other": other, "path": proof}
            audit_log.changed("log of a partner forked", by="", about=about)


def compare_heads(services: Services) -> dict[str, str]:
    """Compare the heads of every partner's log, and what partners have cosigned of this installation's.

    Returns what is wrong, by partner, and keeps it with each. A silent partner hides no other.
    """
    there = list(partners.active())
    told = {partner.name: _cosigned_by(services, partner) for partner in there}
    wrong, here = {}, heads_seen()
    for partner in there:
        known = [(name, note) for name, notes in told.items() for note in _of(partner.origin, notes)]
        known += [("this installation", note) for note in _of(partner.origin, here)]
        own = _of(services.log.origin, told[partner.name])
        fault = " ".join(filter(None, (_fault(services, partner, known), _own_fault(services, own))))
        partners.looked_at(partner, fault)
        if fault:
            wrong[partner.name] = fault
    return wrong


def _of(origin: str, notes: Sequence[str]) -> list[str]:
    return [note for note in notes if note.partition("\n")[0] == origin]


def _cosigned_by(services: Services, partner: Partner) -> list[str]:
    try:
        notes = calls.ask(services, partner, "heads", {}, seconds=SECONDS).get("heads")
    except ExhibitError:  # it is told when its own log is looked at
        return []
    return [str(note)[:MAX_NOTE] for note in notes[:MAX_HEADS]] if isinstance(notes, list) else []


def _fault(services: Services, partner: Partner, known: Known) -> str:
    """What is wrong with a partner's log, in a sentence; two signed heads that contradict each other are kept."""
    if has_forked(partner.origin):
        return FORKED
    try:
        with calls.session_for(services, partner.url, SECONDS) as session:
            fetch = _fetcher(session, partner)
            head = verify_note(fetch("checkpoint", MAX_NOTE).decode("utf-8", "replace"), partner.log_key)
            shown = _Tree(head.size, fetch)
            if shown.root(head.size) != head.root:
                return Sentence("What its log shows isn't what it has signed.")
            found = (_contradiction(partner, head, shown, source, note) for source, note in known)
            return next(filter(None, found), "")
    except ExhibitError as error:
        return error.message


def _contradiction(partner: Partner, head: SignedCheckpoint, shown: "_Tree", source: str, note: str) -> str:
    try:
        seen = verify_note(note, partner.log_key)
    except ExhibitError:  # not signed by this log: whoever told it has made it up
        return ""
    if seen.size > head.size:
        return Sentence("Its log has signed %(seen)s entries and shows %(shown)s.", seen=seen.size, shown=head.size)
    if shown.root(seen.size) == seen.root:
        return ""
    path = shown.consistency(seen.size)
    note_fork(partner, seen.note, head.note, f"cosigned by {source}, and shown here", path)
    return FORKED


def _own_fault(services: Services, notes: Sequence[str]) -> str:
    """What a partner has cosigned of this log that it doesn't hold: it was set back, or its key signs elsewhere."""
    for note in notes:
        try:
            seen = verify_note(note, services.log.vkey())
        except ExhibitError:
            continue
        try:
            services.log.check_continues(seen)
        except IntegrityError as error:
            return following(OTHER_HEAD, error.message)
    return ""


def _fetcher(session: requests.Session, partner: Partner) -> Callable[[str, int], bytes]:
    until = time.monotonic() + ALL_SECONDS

    def fetch(path: str, most: int) -> bytes:
        if time.monotonic() > until:
            raise ServiceMissingError(Sentence("Its log is shown too slowly."))
        return calls.fetch(session, f"{partner.url.rstrip('/')}/log/{path}", most, SECONDS)

    return fetch


class _Tree:
    """A log of so many entries, read from its tiles (C2SP tlog-tiles)."""

    def __init__(self, size: int, fetch: Callable[[str, int], bytes]) -> None:
        self._size, self._fetch = size, fetch
        self._tile = cache(self._fetched)

    def root(self, size: int) -> bytes:
        """The root over the first entries."""
        return merkle.root(size, self._node)

    def consistency(self, old: int) -> tuple[bytes, ...]:
        """The proof from an earlier size to this one, as the tiles give it.

        RFC 9162 leaves out the earlier root where that size is a power of two, since who checks has it. Who checks
        another root hasn't: it goes first then.
        """
        path = merkle.consistency(old, self._size, self._node)
        left_out = 0 < old < self._size and not old & (old - 1)
        return (self.root(old), *path) if left_out else tuple(path)

    def _node(self, level: int, index: int) -> bytes:
        """A complete subtree: a hash of a tile, or made of two below it."""
        if level % HEIGHT:
            return merkle.node_hash(self._node(level - 1, 2 * index), self._node(level - 1, 2 * index + 1))
        number, offset = divmod(index, WIDTH)
        hashes = self._tile(level // HEIGHT, number)
        return hashes[offset * merkle.HASH_BYTES : (offset + 1) * merkle.HASH_BYTES]

    def _fetched(self, level: int, number: int) -> bytes:
        width = min(WIDTH, (self._size >> (HEIGHT * level)) - number * WIDTH)
        data = self._fetch(f"tile/{level}/{tile_path(Tile(number, width))}", WIDTH * merkle.HASH_BYTES)
        if len(data) != width * merkle.HASH_BYTES:
            raise IntegrityError(Sentence("A tile of its log has another length than it has to have."))
        return data

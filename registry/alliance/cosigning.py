"""Cosigning heads of partners' logs (C2SP tlog-witness), and comparing what the logs show here and elsewhere.

A head has to continue the one that was cosigned last. A log that tells two stories is found: the heads
that were cosigned here and by other partners are compared with each other, and of each log its present head is fetched
with those tiles that show whether it continues all of them. A log that has signed a larger head than it shows isn't
cosigned until it shows that one too. Proofs of forks travel: who has one hands it on with the heads.
"""

import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any

import requests
from django.db import transaction
from django.db.models import BigIntegerField

from evidence.log import merkle
from evidence.log.notes import MAX_NOTE, cosign, parse_note, strict_base64, verify_note
from evidence.log.tiles import HEIGHT, WIDTH, Tile, tile_path
from exhibit.clock import now
from exhibit.errors import ExhibitError, IntegrityError, RefusedError, ServiceMissingError
from exhibit.ports import SignedCheckpoint
from exhibit.sentences import Sentence, following
from registry.alliance import partners, signed_calls
from registry.alliance.models import LogFork, Partner, WitnessedHead
from registry.db.rows import alone_with, write
from registry.log import audit_log
from registry.log.own_log import get_log, get_witness_signer, witness_name
from registry.services.services import Services

MAX_PATH = 63
"""Hashes of a consistency proof, as the protocol allows."""
MAX_BODY = MAX_NOTE + 64 * MAX_PATH
_OLD = re.compile("old (0|[1-9][0-9]{0,18})")
UNEXPLAINED = "The log has signed a larger head elsewhere, and doesn't show what stands under it."
FORKED = Sentence("Its log has signed two histories.")
OTHER_HEAD = Sentence("It has cosigned a head that this installation's log doesn't hold.")
SILENT = Sentence("It doesn't tell which heads it has cosigned.")
SECONDS, ALL_SECONDS = 10.0, 60.0
"""For one answer of a partner's site, and for all that is asked of it at once."""
MAX_HEADS = 1000
MAX_FORKS = 100
Known = Sequence[tuple[str, str]]
"""Heads of one log, each with the name of who has cosigned it."""
LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """What a partner says of logs: the heads that it cosigned last; or why that can't be read, in a sentence."""

    heads: Sequence[str] = ()
    fault: str = ""


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
    with alone_with(partner) as partner:
        try:
            head = verify_note(text, partner.log_key)
        except IntegrityError as error:
            raise NotCosignedError(error.message, HTTPStatus.FORBIDDEN) from error
        known = _held(partner)
        root, refusal = bytes(known.root) or merkle.EMPTY_ROOT, None
        if has_forked(note.origin):
            said = "This log has signed two histories. Nothing of it is cosigned."
            refusal = NotCosignedError(said, HTTPStatus.FORBIDDEN)
        elif head.size == known.size and head.root != root:
            if known.note:
                note_fork(partner, known.note, text, "brought to be cosigned")
            refusal = NotCosignedError("Another head of this size was cosigned.", HTTPStatus.CONFLICT, known.size)
        elif not _explained(partner, head):
            refusal = NotCosignedError(UNEXPLAINED, HTTPStatus.FORBIDDEN)
        elif old != known.size:
            said = f"A head of {known.size} entries was cosigned last."
            refusal = NotCosignedError(said, HTTPStatus.CONFLICT, known.size)
        elif not merkle.verify_consistency(known.size, head.size, root, head.root, path):
            said = "The proof doesn't show that this head continues the one cosigned last."
            refusal = NotCosignedError(said, HTTPStatus.UNPROCESSABLE_ENTITY)
        else:
            at = now()
            write(known, size=head.size, root=head.root, note=head.note, cosigned_at=at)
            write(partner, unexplained="")
    if refusal is not None:  # after the transaction: what was found out stays
        raise refusal
    return cosign(note.body, witness_name(services), get_witness_signer(services), at)


def _explained(partner: Partner, head: SignedCheckpoint) -> bool:
    """Whether no larger head of the log is unexplained, or this is the one; another of its size is kept as a fork."""
    if not partner.unexplained:
        return True
    larger = verify_note(partner.unexplained, partner.log_key)
    if larger.size == head.size and larger.root != head.root:
        note_fork(partner, larger.note, head.note, "brought to be cosigned")
    return (larger.size, larger.root) == (head.size, head.root)


def heads_seen() -> list[str]:
    """The notes that were cosigned last, one of each log."""
    rows = WitnessedHead.objects.filter(size__gt=0).order_by("origin")
    return list(rows.values_list("note", flat=True))


def forks_known() -> list[dict[str, Any]]:
    """The proofs that logs have signed two histories, as :func:`note_fork` keeps them."""
    rows = LogFork.objects.select_related("partner").order_by("pk")[:MAX_FORKS]
    return [{"log": row.partner.log_key, "known": row.known, "other": row.other, "path": row.path} for row in rows]


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
    fits = len(good) == len(path) <= MAX_PATH and size <= BigIntegerField.MAX_BIGINT
    if match is None or not separator or not fits or int(match[1]) > size:
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
    told = {partner.name: _told_by(services, partner) for partner in there}
    wrong, here = {}, heads_seen()
    for partner in there:
        known = [(name, note) for name, said in told.items() for note in _of(partner.origin, said.heads)]
        known += [("this installation", note) for note in _of(partner.origin, [*here, partner.unexplained])]
        own = _of(get_log(services).origin, told[partner.name].heads)
        with _faults_of(partner) as faults:
            theirs, unexplained = _look(services, partner, known)
            _keep_unexplained(partner, unexplained)
            faults.extend((theirs, _own_fault(services, own)))
        fault = following(*faults) or told[partner.name].fault  # one that is away is told to be so once
        partners.looked_at(partner, fault)
        if fault:
            wrong[partner.name] = fault
    return wrong


def _of(origin: str, notes: Sequence[str]) -> list[str]:
    return [note for note in notes if note.partition("\n")[0] == origin]


@contextmanager
def _faults_of(partner: Partner) -> Iterator[list[str]]:
    """Where to put what is wrong with a partner; what breaks off within is put there, and stops nothing else."""
    faults: list[str] = []
    try:
        yield faults
    except ExhibitError as error:
        faults.append(error.message)
    except Exception as error:  # whatever it has told: others are looked at, and it is known whom it comes from
        LOGGER.exception("Comparing heads with the partner %s broke off", partner.name)
        faults.append(Sentence("Comparing heads with it broke off: %(why)s.", why=type(error).__name__))


def _keep_unexplained(partner: Partner, note: str) -> None:
    """Keep the largest head that isn't explained, unless that or the key changed while the log was looked at."""
    with alone_with(partner) as row:
        as_read = (row.log_key, row.unexplained) == (partner.log_key, partner.unexplained)
        if as_read and (not note or parse_note(note).size > _size_cosigned(row)):
            write(row, unexplained=note)


def _size_cosigned(partner: Partner) -> int:
    return WitnessedHead.objects.filter(origin=partner.origin).values_list("size", flat=True).first() or 0


def _told_by(services: Services, partner: Partner) -> Told:
    """Which heads a partner has cosigned; the proofs of forks that it hands on are kept."""
    heads: list[str] = []
    with _faults_of(partner) as faults:
        try:
            told = signed_calls.ask(services, partner, "heads", {}, seconds=SECONDS)
        except RefusedError as error:
            if error.reason != "partner":
                raise
            return Told()  # it witnesses nothing of this installation, and needn't
        notes, forks = told.get("heads"), told.get("forks")
        heads += [str(note)[:MAX_NOTE] for note in notes[:MAX_HEADS]] if isinstance(notes, list) else []
        for fork in forks[:MAX_FORKS] if isinstance(forks, list) else []:
            _take_fork(fork, partner.name)
    return Told(heads, following(SILENT, *faults) if faults else "")


def _take_fork(fork: object, source: str) -> None:
    """Keep a proof that a partner hands on, once it is known to be one: nobody has to be believed for that."""
    if not isinstance(fork, dict):
        return
    known, other, steps = (fork.get(name) for name in ("known", "other", "path"))
    if not (
        isinstance(known, str) and isinstance(other, str) and isinstance(steps, list) and len(steps) <= MAX_PATH + 1
    ):
        return
    partner = partners.of_log(known[:300].partition("\n")[0])
    if partner is None or has_forked(partner.origin):
        return
    try:
        path = tuple(bytes.fromhex(step) for step in steps)
        heads = verify_note(known, partner.log_key), verify_note(other, partner.log_key)
    except (ExhibitError, ValueError, TypeError):
        return
    if contradict(*heads, path):
        note_fork(partner, known, other, f"told by {source}", path)


def contradict(known: SignedCheckpoint, other: SignedCheckpoint, path: tuple[bytes, ...]) -> bool:
    """Whether two heads of one log can't both be true, by the proof in the form of :func:`note_fork`."""
    if known.size == other.size:
        return known.root != other.root
    first, rest = (path[0] if path else b"", path[1:]) if not known.size & (known.size - 1) else (b"", path)
    roots = merkle.consistency_roots(known.size, other.size, first, rest)
    return roots is not None and roots[1] == other.root and roots[0] != known.root


def _look(services: Services, partner: Partner, known: Known) -> tuple[str, str]:
    """What is wrong with a partner's log, in a sentence, and the largest head of it that isn't explained.

    Two signed heads that contradict each other are kept.
    """
    seen = _signed(partner, known)
    if has_forked(partner.origin) or _two_of_a_size(partner, seen):
        return FORKED, ""
    cosigned = _size_cosigned(partner)
    largest = max((head for _, head in seen), key=lambda head: head.size, default=None)
    unexplained = largest.note if largest and largest.size > cosigned else ""
    try:
        with signed_calls.session_for(services, partner.url, SECONDS) as session:
            fetch = _fetcher(session, partner)
            head = verify_note(fetch("checkpoint", MAX_NOTE).decode("utf-8", "replace"), partner.log_key)
            shown = _Tree(head.size, fetch)
            if shown.root(head.size) != head.root:
                return Sentence("What its log shows isn't what it has signed."), unexplained
            if any(_contradicts(partner, head, shown, *each) for each in seen if each[1].size <= head.size):
                return FORKED, ""
    except ExhibitError as error:
        return error.message, unexplained
    if largest is None or largest.size <= head.size:
        return "", ""
    sizes = {"seen": largest.size, "shown": head.size}
    return Sentence("Its log has signed %(seen)s entries and shows %(shown)s.", **sizes), unexplained


def _two_of_a_size(partner: Partner, seen: Sequence[tuple[str, SignedCheckpoint]]) -> bool:
    """Whether two signed heads of one size have two roots, whatever the log shows, and to whom."""
    first: dict[int, SignedCheckpoint] = {}
    for source, head in seen:
        same = first.setdefault(head.size, head)
        if same.root != head.root:
            note_fork(partner, same.note, head.note, f"cosigned by {source}")
            return True
    return False


def _signed(partner: Partner, known: Known) -> list[tuple[str, SignedCheckpoint]]:
    """Those of the heads that the log's key has signed: others were made up by who told them."""
    found = []
    for source, note in known:
        with suppress(ExhibitError):
            found.append((source, verify_note(note, partner.log_key)))
    return found


def _contradicts(partner: Partner, head: SignedCheckpoint, shown: "_Tree", source: str, seen: SignedCheckpoint) -> bool:
    if shown.root(seen.size) == seen.root:
        return False
    note_fork(partner, seen.note, head.note, f"cosigned by {source}, and shown here", shown.consistency(seen.size))
    return True


def _own_fault(services: Services, notes: Sequence[str]) -> str:
    """What a partner has cosigned of this log that it doesn't hold: it was set back, or its key signs elsewhere."""
    for note in notes:
        try:
            seen = verify_note(note, get_log(services).vkey())
        except ExhibitError:
            continue
        try:
            get_log(services).check_continues(seen)
        except IntegrityError as error:
            return following(OTHER_HEAD, error.message)
    return ""


def _fetcher(session: requests.Session, partner: Partner) -> Callable[[str, int], bytes]:
    until = time.monotonic() + ALL_SECONDS

    def fetch(path: str, most: int) -> bytes:
        if time.monotonic() > until:
            raise ServiceMissingError(Sentence("Its log is shown too slowly."))
        return signed_calls.fetch(session, f"{partner.url.rstrip('/')}/log/{path}", most, SECONDS)

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

"""Cosigning of checkpoints of partners' logs (C2SP tlog-witness), and detection of forked logs.

A checkpoint must be consistent with the one cosigned last. To detect a log that presents different histories,
checkpoints cosigned here and by other partners are compared, and each log's current checkpoint is fetched with the
tiles that prove its consistency with all of them. A log that has signed a larger checkpoint than it shows is not
cosigned until it shows that one, too. Proofs of forks are passed on to partners together with checkpoints.
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
"""Maximum number of hashes in a consistency proof, as the protocol allows."""
MAX_BODY = MAX_NOTE + 64 * MAX_PATH
_OLD = re.compile("old (0|[1-9][0-9]{0,18})")
UNEXPLAINED = "The log has signed a larger head elsewhere, and doesn't show what stands under it."
FORKED = Sentence("The partner's log has signed two conflicting histories.")
OTHER_HEAD = Sentence("The partner has cosigned a checkpoint that this installation's log does not contain.")
SILENT = Sentence("The partner does not report which checkpoints it has cosigned.")
SECONDS, ALL_SECONDS = 10.0, 60.0
"""Timeouts in seconds for one answer of a partner's site, and for all requests to it together."""
MAX_HEADS = 1000
MAX_FORKS = 100
Known = Sequence[tuple[str, str]]
"""Checkpoints of one log, each with the name of the installation that has cosigned it."""
LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """A partner's statement about logs: the checkpoints it cosigned last, or why they cannot be read, in a sentence."""

    heads: Sequence[str] = ()
    fault: str = ""


class NotCosignedError(ExhibitError):
    """A checkpoint was not cosigned; has the protocol's status and, if needed, the size that was cosigned last."""

    def __init__(self, message: str, status: HTTPStatus, size: int | None = None) -> None:
        super().__init__(message)
        self.status, self.size = status, size


def add_checkpoint(services: Services, body: bytes) -> str:
    """Cosign the checkpoint of an ``add-checkpoint`` request and return the signature line.

    A signed checkpoint that contradicts the known one is stored together with it, as proof of a fork.

    Raises:
        NotCosignedError: The request is invalid, or the checkpoint must not be cosigned.
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
            reason = "This log has signed two histories. Nothing of it is cosigned."
            refusal = NotCosignedError(reason, HTTPStatus.FORBIDDEN)
        elif head.size == known.size and head.root != root:
            if known.note:
                note_fork(partner, known.note, text, "brought to be cosigned")
            refusal = NotCosignedError("Another head of this size was cosigned.", HTTPStatus.CONFLICT, known.size)
        elif not _explained(partner, head):
            refusal = NotCosignedError(UNEXPLAINED, HTTPStatus.FORBIDDEN)
        elif old != known.size:
            reason = f"A head of {known.size} entries was cosigned last."
            refusal = NotCosignedError(reason, HTTPStatus.CONFLICT, known.size)
        elif not merkle.verify_consistency(known.size, head.size, root, head.root, path):
            reason = "The proof doesn't show that this head continues the one cosigned last."
            refusal = NotCosignedError(reason, HTTPStatus.UNPROCESSABLE_ENTITY)
        else:
            at = now()
            write(known, size=head.size, root=head.root, note=head.note, cosigned_at=at)
            write(partner, unexplained="")
    if refusal is not None:  # outside the transaction, so that stored proofs are committed
        raise refusal
    return cosign(note.body, witness_name(services), get_witness_signer(services), at)


def _explained(partner: Partner, head: SignedCheckpoint) -> bool:
    """Return True if no larger checkpoint of the log is unexplained, or this is the one.

    A different checkpoint of the same size is stored as a fork.
    """
    if not partner.unexplained:
        return True
    larger = verify_note(partner.unexplained, partner.log_key)
    if larger.size == head.size and larger.root != head.root:
        note_fork(partner, larger.note, head.note, "brought to be cosigned")
    return (larger.size, larger.root) == (head.size, head.root)


def heads_seen() -> list[str]:
    """Return the notes that were cosigned last, one for each log."""
    rows = WitnessedHead.objects.filter(size__gt=0).order_by("origin")
    return list(rows.values_list("note", flat=True))


def forks_known() -> list[dict[str, Any]]:
    """Return proofs that logs have signed two histories, as stored by :func:`note_fork`."""
    rows = LogFork.objects.select_related("partner").order_by("pk")[:MAX_FORKS]
    return [{"log": row.partner.log_key, "known": row.known, "other": row.other, "path": row.path} for row in rows]


def _read(body: bytes) -> tuple[int, list[bytes], str]:
    """Parse a request into the old size, the proof and the note; raises :class:`NotCosignedError`."""
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
    """Lock and return the last cosigned checkpoint of a partner's log; initially that of the empty log."""
    row = WitnessedHead(partner=partner, origin=partner.origin, size=0, root=b"", note="", cosigned_at=now())
    WitnessedHead.objects.bulk_create([row], ignore_conflicts=True)
    return WitnessedHead.objects.select_for_update().get(origin=partner.origin)


def has_forked(origin: str) -> bool:
    """Return True if a log has signed two contradictory checkpoints."""
    return LogFork.objects.filter(origin=origin).exists()


def note_fork(partner: Partner, known: str, other: str, source: str, path: tuple[bytes, ...] = ()) -> None:
    """Store two contradictory signed checkpoints, the first pair for each log, and record it in the audit log.

    If their sizes differ, ``path`` is a consistency proof that leads to the larger checkpoint but not from the smaller
    one.
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
    """Compare the checkpoints of every partner's log, and those of this installation's log that partners cosigned.

    Stores and returns the problems, by partner. A partner that does not respond does not affect the others.
    """
    active_partners = list(partners.active())
    answers = {partner.name: _told_by(services, partner) for partner in active_partners}
    wrong, here = {}, heads_seen()
    for partner in active_partners:
        notes = [(name, note) for name, answer in answers.items() for note in _of(partner.origin, answer.heads)]
        notes += [("this installation", note) for note in _of(partner.origin, [*here, partner.unexplained])]
        own = _of(get_log(services).origin, answers[partner.name].heads)
        with _faults_of(partner) as faults:
            log_fault, unexplained = _look(services, partner, notes)
            _keep_unexplained(partner, unexplained)
            faults.extend((log_fault, _own_fault(services, own)))
        fault = following(*faults) or answers[partner.name].fault  # an unreachable partner is reported once
        partners.looked_at(partner, fault)
        if fault:
            wrong[partner.name] = fault
    return wrong


def _of(origin: str, notes: Sequence[str]) -> list[str]:
    return [note for note in notes if note.partition("\n")[0] == origin]


@contextmanager
def _faults_of(partner: Partner) -> Iterator[list[str]]:
    """Collect a partner's problems in a list; an exception in the block is added to it and suppressed."""
    faults: list[str] = []
    try:
        yield faults
    except ExhibitError as error:
        faults.append(error.message)
    except Exception as error:  # malformed answers of one partner must not stop the comparison
        LOGGER.exception("Comparing heads with the partner %s broke off", partner.name)
        faults.append(
            Sentence("Comparing checkpoints with the partner was interrupted: %(why)s.", why=type(error).__name__)
        )


def _keep_unexplained(partner: Partner, note: str) -> None:
    """Store the largest unexplained checkpoint, unless it or the key has changed during the comparison."""
    with alone_with(partner) as row:
        as_read = (row.log_key, row.unexplained) == (partner.log_key, partner.unexplained)
        if as_read and (not note or parse_note(note).size > _size_cosigned(row)):
            write(row, unexplained=note)


def _size_cosigned(partner: Partner) -> int:
    return WitnessedHead.objects.filter(origin=partner.origin).values_list("size", flat=True).first() or 0


def _told_by(services: Services, partner: Partner) -> Told:
    """Request a partner's cosigned checkpoints, and store the proofs of forks that it passes on."""
    heads: list[str] = []
    with _faults_of(partner) as faults:
        try:
            answer = signed_calls.ask(services, partner, "heads", {}, seconds=SECONDS)
        except RefusedError as error:
            if error.reason != "partner":
                raise
            return Told()  # it does not cosign this installation's log, and need not
        notes, forks = answer.get("heads"), answer.get("forks")
        heads += [str(note)[:MAX_NOTE] for note in notes[:MAX_HEADS]] if isinstance(notes, list) else []
        for fork in forks[:MAX_FORKS] if isinstance(forks, list) else []:
            _take_fork(fork, partner.name)
    return Told(heads, following(SILENT, *faults) if faults else "")


def _take_fork(fork: object, source: str) -> None:
    """Store a proof passed on by a partner after verifying it, so that the partner need not be trusted."""
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
    """Return True if two checkpoints of one log are contradictory, given a proof in the form of :func:`note_fork`."""
    if known.size == other.size:
        return known.root != other.root
    first, rest = (path[0] if path else b"", path[1:]) if not known.size & (known.size - 1) else (b"", path)
    roots = merkle.consistency_roots(known.size, other.size, first, rest)
    return roots is not None and roots[1] == other.root and roots[0] != known.root


def _look(services: Services, partner: Partner, known: Known) -> tuple[str, str]:
    """Return the problem of a partner's log, in a sentence, and its largest unexplained checkpoint.

    Contradictory signed checkpoints are stored.
    """
    heads = _signed(partner, known)
    if has_forked(partner.origin) or _two_of_a_size(partner, heads):
        return FORKED, ""
    cosigned = _size_cosigned(partner)
    largest = max((head for _, head in heads), key=lambda head: head.size, default=None)
    unexplained = largest.note if largest and largest.size > cosigned else ""
    try:
        with signed_calls.session_for(services, partner.url, SECONDS) as session:
            fetch = _fetcher(session, partner)
            head = verify_note(fetch("checkpoint", MAX_NOTE).decode("utf-8", "replace"), partner.log_key)
            tree = _Tree(head.size, fetch)
            if tree.root(head.size) != head.root:
                return Sentence("The content of the partner's log differs from what the log has signed."), unexplained
            if any(_contradicts(partner, head, tree, *each) for each in heads if each[1].size <= head.size):
                return FORKED, ""
    except ExhibitError as error:
        return error.message, unexplained
    if largest is None or largest.size <= head.size:
        return "", ""
    sizes = {"seen": largest.size, "shown": head.size}
    return Sentence("The partner's log has signed %(seen)s entries, but shows only %(shown)s.", **sizes), unexplained


def _two_of_a_size(partner: Partner, seen: Sequence[tuple[str, SignedCheckpoint]]) -> bool:
    """Return True if two signed checkpoints of the same size have different roots, and store them."""
    first: dict[int, SignedCheckpoint] = {}
    for source, head in seen:
        same = first.setdefault(head.size, head)
        if same.root != head.root:
            note_fork(partner, same.note, head.note, f"cosigned by {source}")
            return True
    return False


def _signed(partner: Partner, known: Known) -> list[tuple[str, SignedCheckpoint]]:
    """Return those checkpoints that the log's key has signed; others may have been forged by their source."""
    signed_heads = []
    for source, note in known:
        with suppress(ExhibitError):
            signed_heads.append((source, verify_note(note, partner.log_key)))
    return signed_heads


def _contradicts(partner: Partner, head: SignedCheckpoint, shown: "_Tree", source: str, seen: SignedCheckpoint) -> bool:
    if shown.root(seen.size) == seen.root:
        return False
    note_fork(partner, seen.note, head.note, f"cosigned by {source}, and shown here", shown.consistency(seen.size))
    return True


def _own_fault(services: Services, notes: Sequence[str]) -> str:
    """Return a problem with this log's checkpoints cosigned by a partner: a reset, or use of its key elsewhere."""
    for note in notes:
        try:
            head = verify_note(note, get_log(services).vkey())
        except ExhibitError:
            continue
        try:
            get_log(services).check_continues(head)
        except IntegrityError as error:
            return following(OTHER_HEAD, error.message)
    return ""


def _fetcher(session: requests.Session, partner: Partner) -> Callable[[str, int], bytes]:
    until = time.monotonic() + ALL_SECONDS

    def fetch(path: str, most: int) -> bytes:
        if time.monotonic() > until:
            raise ServiceMissingError(Sentence("The partner's log responds too slowly."))
        return signed_calls.fetch(session, f"{partner.url.rstrip('/')}/log/{path}", most, SECONDS)

    return fetch


class _Tree:
    """A log of a given size, read from its tiles (C2SP tlog-tiles)."""

    def __init__(self, size: int, fetch: Callable[[str, int], bytes]) -> None:
        self._size, self._fetch = size, fetch
        self._tile = cache(self._fetched)

    def root(self, size: int) -> bytes:
        """Return the root over the first entries."""
        return merkle.root(size, self._node)

    def consistency(self, old: int) -> tuple[bytes, ...]:
        """Return the consistency proof from an earlier size to this one, as computed from the tiles.

        RFC 9162 omits the earlier root if that size is a power of two, because the verifier knows it. A verifier with a
        different root does not, so the root comes first in that case.
        """
        path = merkle.consistency(old, self._size, self._node)
        left_out = 0 < old < self._size and not old & (old - 1)
        return (self.root(old), *path) if left_out else tuple(path)

    def _node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree, from a tile or computed from the two below it."""
        if level % HEIGHT:
            return merkle.node_hash(self._node(level - 1, 2 * index), self._node(level - 1, 2 * index + 1))
        number, offset = divmod(index, WIDTH)
        hashes = self._tile(level // HEIGHT, number)
        return hashes[offset * merkle.HASH_BYTES : (offset + 1) * merkle.HASH_BYTES]

    def _fetched(self, level: int, number: int) -> bytes:
        width = min(WIDTH, (self._size >> (HEIGHT * level)) - number * WIDTH)
        data = self._fetch(f"tile/{level}/{tile_path(Tile(number, width))}", WIDTH * merkle.HASH_BYTES)
        if len(data) != width * merkle.HASH_BYTES:
            raise IntegrityError(Sentence("A tile of the partner's log has an incorrect length."))
        return data

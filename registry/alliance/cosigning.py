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
from evidence.log.notes import MAX_NOTE, cosign, decode_strict_base64, parse_note, verify_note
from evidence.log.tiles import HEIGHT, WIDTH, Tile, to_tile_path
from exhibit.clock import now
from exhibit.errors import ExhibitError, IntegrityError, RefusedError, ServiceMissingError
from exhibit.ports import SignedCheckpoint
from exhibit.sentences import Sentence, following
from registry.alliance import partners, signed_calls
from registry.alliance.models import LogFork, Partner, WitnessedHead
from registry.db.rows import lock_row, write
from registry.log import audit_log
from registry.log.local_log import get_log, get_witness_signer, witness_name
from registry.services.services import Services

MAX_PATH = 63
"""Maximum number of hashes in a consistency proof, as the protocol allows."""
MAX_BODY = MAX_NOTE + 64 * MAX_PATH
_OLD_SIZE = re.compile("old (0|[1-9][0-9]{0,18})")
UNEXPLAINED = "The log has signed a larger head elsewhere, and doesn't show what stands under it."
FORKED = Sentence("The partner's log has signed two conflicting histories.")
OTHER_CHECKPOINT = Sentence("The partner has cosigned a checkpoint that this installation's log does not contain.")
SILENT = Sentence("The partner does not report which checkpoints it has cosigned.")
SECONDS, TOTAL_SECONDS = 10.0, 60.0
"""Timeouts in seconds for one answer of a partner's site, and for all requests to it together."""
MAX_CHECKPOINTS = 1000
MAX_FORKS = 100
CosignedNotes = Sequence[tuple[str, str]]
"""Checkpoints of one log, each with the name of the installation that has cosigned it."""
LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PartnerStatement:
    """A partner's statement about logs: the checkpoints it cosigned last, or why they cannot be read, in a sentence."""

    checkpoints: Sequence[str] = ()
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
    old, path, text = _parse_request(body)
    note = parse_note(text)
    partner = partners.find_by_log(note.origin)
    if partner is None:
        raise NotCosignedError("The log isn't known here.", HTTPStatus.NOT_FOUND)
    with lock_row(partner) as partner:
        try:
            checkpoint = verify_note(text, partner.log_key)
        except IntegrityError as error:
            raise NotCosignedError(error.message, HTTPStatus.FORBIDDEN) from error
        last_cosigned = _lock_cosigned(partner)
        root, refusal = bytes(last_cosigned.root) or merkle.EMPTY_ROOT, None
        if has_forked(note.origin):
            reason = "This log has signed two histories. Nothing of it is cosigned."
            refusal = NotCosignedError(reason, HTTPStatus.FORBIDDEN)
        elif checkpoint.size == last_cosigned.size and checkpoint.root != root:
            if last_cosigned.note:
                record_fork(partner, last_cosigned.note, text, "brought to be cosigned")
            refusal = NotCosignedError(
                "Another head of this size was cosigned.", HTTPStatus.CONFLICT, last_cosigned.size
            )
        elif not _is_explained(partner, checkpoint):
            refusal = NotCosignedError(UNEXPLAINED, HTTPStatus.FORBIDDEN)
        elif old != last_cosigned.size:
            reason = f"A head of {last_cosigned.size} entries was cosigned last."
            refusal = NotCosignedError(reason, HTTPStatus.CONFLICT, last_cosigned.size)
        elif not merkle.verify_consistency(last_cosigned.size, checkpoint.size, root, checkpoint.root, path):
            reason = "The proof doesn't show that this head continues the one cosigned last."
            refusal = NotCosignedError(reason, HTTPStatus.UNPROCESSABLE_ENTITY)
        else:
            at = now()
            write(last_cosigned, size=checkpoint.size, root=checkpoint.root, note=checkpoint.note, cosigned_at=at)
            write(partner, unexplained="")
    if refusal is not None:  # outside the transaction, so that stored proofs are committed
        raise refusal
    return cosign(note.body, witness_name(services), get_witness_signer(services), at)


def _is_explained(partner: Partner, checkpoint: SignedCheckpoint) -> bool:
    """Return True if no larger checkpoint of the log is unexplained, or this is the one.

    A different checkpoint of the same size is stored as a fork.
    """
    if not partner.unexplained:
        return True
    larger = verify_note(partner.unexplained, partner.log_key)
    if larger.size == checkpoint.size and larger.root != checkpoint.root:
        record_fork(partner, larger.note, checkpoint.note, "brought to be cosigned")
    return (larger.size, larger.root) == (checkpoint.size, checkpoint.root)


def list_cosigned_checkpoints() -> list[str]:
    """Return the notes that were cosigned last, one for each log."""
    rows = WitnessedHead.objects.filter(size__gt=0).order_by("origin")
    return list(rows.values_list("note", flat=True))


def list_forks() -> list[dict[str, Any]]:
    """Return proofs that logs have signed two histories, as stored by :func:`record_fork`."""
    rows = LogFork.objects.select_related("partner").order_by("pk")[:MAX_FORKS]
    return [{"log": row.partner.log_key, "known": row.known, "other": row.other, "path": row.path} for row in rows]


def _parse_request(body: bytes) -> tuple[int, list[bytes], str]:
    """Parse a request into the old size, the proof and the note; raises :class:`NotCosignedError`."""
    bad_request = NotCosignedError("This isn't a request to cosign a head.", HTTPStatus.BAD_REQUEST)
    try:
        proof, separator, text = body.decode("utf-8").partition("\n\n")
        first, *lines = proof.split("\n")
        path = [decode_strict_base64(line) for line in lines]
        match = _OLD_SIZE.fullmatch(first)
        size = parse_note(text).size
    except (UnicodeDecodeError, IntegrityError):
        raise bad_request from None
    good = [step for step in path if step is not None and len(step) == merkle.HASH_BYTES]
    fits = len(good) == len(path) <= MAX_PATH and size <= BigIntegerField.MAX_BIGINT
    if match is None or not separator or not fits or int(match[1]) > size:
        raise bad_request
    return int(match[1]), good, text


def _lock_cosigned(partner: Partner) -> WitnessedHead:
    """Lock and return the last cosigned checkpoint of a partner's log; initially that of the empty log."""
    row = WitnessedHead(partner=partner, origin=partner.origin, size=0, root=b"", note="", cosigned_at=now())
    WitnessedHead.objects.bulk_create([row], ignore_conflicts=True)
    return WitnessedHead.objects.select_for_update().get(origin=partner.origin)


def has_forked(origin: str) -> bool:
    """Return True if a log has signed two contradictory checkpoints."""
    return LogFork.objects.filter(origin=origin).exists()


def record_fork(partner: Partner, known_note: str, other_note: str, source: str, path: tuple[bytes, ...] = ()) -> None:
    """Store two contradictory signed checkpoints, the first pair for each log, and record it in the audit log.

    If their sizes differ, ``path`` is a consistency proof that leads to the larger checkpoint but not from the smaller
    one.
    """
    with transaction.atomic():
        proof = [step.hex() for step in path]
        _, new = LogFork.objects.get_or_create(
            origin=partner.origin,
            defaults={
                "partner": partner, "known": known_note, "other": other_note, "path": proof,
                "source": source, "found_at": now()
            },
        )  # fmt: skip
        if new:
            about = {
                "partner": partner.name,
                "log": partner.log_key,
                "known": known_note,
                "other": other_note,
                "path": proof,
            }
            audit_log.log_change("log of a partner forked", by="", about=about)


def compare_checkpoints(services: Services) -> dict[str, str]:
    """Compare the checkpoints of every partner's log, and those of this installation's log that partners cosigned.

    Stores and returns the problems, by partner. A partner that does not respond does not affect the others.
    """
    active_partners = list(partners.list_active())
    answers = {partner.name: _fetch_statement(services, partner) for partner in active_partners}
    faults_by_partner, cosigned_notes = {}, list_cosigned_checkpoints()
    for partner in active_partners:
        notes = [
            (name, note)
            for name, answer in answers.items()
            for note in _filter_by_origin(partner.origin, answer.checkpoints)
        ]
        notes += [
            ("this installation", note)
            for note in _filter_by_origin(partner.origin, [*cosigned_notes, partner.unexplained])
        ]
        own = _filter_by_origin(get_log(services).origin, answers[partner.name].checkpoints)
        with _collect_faults(partner) as faults:
            log_fault, unexplained = _check_log(services, partner, notes)
            _store_unexplained(partner, unexplained)
            faults.extend((log_fault, _own_fault(services, own)))
        fault = following(*faults) or answers[partner.name].fault  # an unreachable partner is reported once
        partners.record_comparison(partner, fault)
        if fault:
            faults_by_partner[partner.name] = fault
    return faults_by_partner


def _filter_by_origin(origin: str, notes: Sequence[str]) -> list[str]:
    return [note for note in notes if note.partition("\n")[0] == origin]


@contextmanager
def _collect_faults(partner: Partner) -> Iterator[list[str]]:
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


def _store_unexplained(partner: Partner, note: str) -> None:
    """Store the largest unexplained checkpoint, unless it or the key has changed during the comparison."""
    with lock_row(partner) as row:
        is_unchanged = (row.log_key, row.unexplained) == (partner.log_key, partner.unexplained)
        if is_unchanged and (not note or parse_note(note).size > _cosigned_size(row)):
            write(row, unexplained=note)


def _cosigned_size(partner: Partner) -> int:
    return WitnessedHead.objects.filter(origin=partner.origin).values_list("size", flat=True).first() or 0


def _fetch_statement(services: Services, partner: Partner) -> PartnerStatement:
    """Request a partner's cosigned checkpoints, and store the proofs of forks that it passes on."""
    checkpoints: list[str] = []
    with _collect_faults(partner) as faults:
        try:
            answer = signed_calls.call_partner(services, partner, "heads", {}, seconds=SECONDS)
        except RefusedError as error:
            if error.reason != "partner":
                raise
            return PartnerStatement()  # it does not cosign this installation's log, and need not
        notes, forks = answer.get("heads"), answer.get("forks")
        checkpoints += [str(note)[:MAX_NOTE] for note in notes[:MAX_CHECKPOINTS]] if isinstance(notes, list) else []
        for fork in forks[:MAX_FORKS] if isinstance(forks, list) else []:
            _store_fork(fork, partner.name)
    return PartnerStatement(checkpoints, following(SILENT, *faults) if faults else "")


def _store_fork(fork: object, source: str) -> None:
    """Store a proof passed on by a partner after verifying it, so that the partner need not be trusted."""
    if not isinstance(fork, dict):
        return
    known_note, other_note, steps = (fork.get(name) for name in ("known", "other", "path"))
    if not (
        isinstance(known_note, str)
        and isinstance(other_note, str)
        and isinstance(steps, list)
        and len(steps) <= MAX_PATH + 1
    ):
        return
    partner = partners.find_by_log(known_note[:300].partition("\n")[0])
    if partner is None or has_forked(partner.origin):
        return
    try:
        path = tuple(bytes.fromhex(step) for step in steps)
        checkpoints = verify_note(known_note, partner.log_key), verify_note(other_note, partner.log_key)
    except (ExhibitError, ValueError, TypeError):
        return
    if is_contradictory(*checkpoints, path):
        record_fork(partner, known_note, other_note, f"told by {source}", path)


def is_contradictory(earlier: SignedCheckpoint, later: SignedCheckpoint, path: tuple[bytes, ...]) -> bool:
    """Return True if two checkpoints of one log are contradictory, given a proof in the form of :func:`record_fork`."""
    if earlier.size == later.size:
        return earlier.root != later.root
    first, rest = (path[0] if path else b"", path[1:]) if not earlier.size & (earlier.size - 1) else (b"", path)
    roots = merkle.compute_consistency_roots(earlier.size, later.size, first, rest)
    return roots is not None and roots[1] == later.root and roots[0] != earlier.root


def _check_log(services: Services, partner: Partner, notes: CosignedNotes) -> tuple[str, str]:
    """Return the problem of a partner's log, in a sentence, and its largest unexplained checkpoint.

    Contradictory signed checkpoints are stored.
    """
    checkpoints = _filter_signed(partner, notes)
    if has_forked(partner.origin) or _has_size_conflict(partner, checkpoints):
        return FORKED, ""
    cosigned_size = _cosigned_size(partner)
    largest = max((checkpoint for _, checkpoint in checkpoints), key=lambda checkpoint: checkpoint.size, default=None)
    unexplained = largest.note if largest and largest.size > cosigned_size else ""
    try:
        with signed_calls.session_for(services, partner.url, SECONDS) as session:
            fetch = _make_fetch(session, partner)
            checkpoint = verify_note(fetch("checkpoint", MAX_NOTE).decode("utf-8", "replace"), partner.log_key)
            tree = _Tree(checkpoint.size, fetch)
            if tree.root(checkpoint.size) != checkpoint.root:
                return Sentence("The content of the partner's log differs from what the log has signed."), unexplained
            if any(
                _contradicts(partner, checkpoint, tree, *each)
                for each in checkpoints
                if each[1].size <= checkpoint.size
            ):
                return FORKED, ""
    except ExhibitError as error:
        return error.message, unexplained
    if largest is None or largest.size <= checkpoint.size:
        return "", ""
    sizes = {"seen": largest.size, "shown": checkpoint.size}
    return Sentence("The partner's log has signed %(seen)s entries, but shows only %(shown)s.", **sizes), unexplained


def _has_size_conflict(partner: Partner, checkpoints: Sequence[tuple[str, SignedCheckpoint]]) -> bool:
    """Return True if two signed checkpoints of the same size have different roots, and store them."""
    first: dict[int, SignedCheckpoint] = {}
    for source, checkpoint in checkpoints:
        same = first.setdefault(checkpoint.size, checkpoint)
        if same.root != checkpoint.root:
            record_fork(partner, same.note, checkpoint.note, f"cosigned by {source}")
            return True
    return False


def _filter_signed(partner: Partner, notes: CosignedNotes) -> list[tuple[str, SignedCheckpoint]]:
    """Return those checkpoints that the log's key has signed; others may have been forged by their source."""
    checkpoints = []
    for source, note in notes:
        with suppress(ExhibitError):
            checkpoints.append((source, verify_note(note, partner.log_key)))
    return checkpoints


def _contradicts(
    partner: Partner, checkpoint: SignedCheckpoint, tree: "_Tree", source: str, cosigned_checkpoint: SignedCheckpoint
) -> bool:
    if tree.root(cosigned_checkpoint.size) == cosigned_checkpoint.root:
        return False
    record_fork(
        partner,
        cosigned_checkpoint.note,
        checkpoint.note,
        f"cosigned by {source}, and shown here",
        tree.consistency(cosigned_checkpoint.size),
    )
    return True


def _own_fault(services: Services, notes: Sequence[str]) -> str:
    """Return a problem with this log's checkpoints cosigned by a partner: a reset, or use of its key elsewhere."""
    for note in notes:
        try:
            checkpoint = verify_note(note, get_log(services).vkey())
        except ExhibitError:
            continue
        try:
            get_log(services).check_continues(checkpoint)
        except IntegrityError as error:
            return following(OTHER_CHECKPOINT, error.message)
    return ""


def _make_fetch(session: requests.Session, partner: Partner) -> Callable[[str, int], bytes]:
    until = time.monotonic() + TOTAL_SECONDS

    def fetch(path: str, max_bytes: int) -> bytes:
        if time.monotonic() > until:
            raise ServiceMissingError(Sentence("The partner's log responds too slowly."))
        return signed_calls.fetch(session, f"{partner.url.rstrip('/')}/log/{path}", max_bytes, SECONDS)

    return fetch


class _Tree:
    """A log of a given size, read from its tiles (C2SP tlog-tiles)."""

    def __init__(self, size: int, fetch: Callable[[str, int], bytes]) -> None:
        self._size, self._fetch = size, fetch
        self._tile = cache(self._fetch_tile)

    def root(self, size: int) -> bytes:
        """Return the root over the first entries."""
        return merkle.compute_root(size, self._node)

    def consistency(self, old: int) -> tuple[bytes, ...]:
        """Return the consistency proof from an earlier size to this one, as computed from the tiles.

        RFC 9162 omits the earlier root if that size is a power of two, because the verifier knows it. A verifier with a
        different root does not, so the root comes first in that case.
        """
        path = merkle.prove_consistency(old, self._size, self._node)
        omits_root = 0 < old < self._size and not old & (old - 1)
        return (self.root(old), *path) if omits_root else tuple(path)

    def _node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree, from a tile or computed from the two below it."""
        if level % HEIGHT:
            return merkle.compute_node_hash(self._node(level - 1, 2 * index), self._node(level - 1, 2 * index + 1))
        number, offset = divmod(index, WIDTH)
        hashes = self._tile(level // HEIGHT, number)
        return hashes[offset * merkle.HASH_BYTES : (offset + 1) * merkle.HASH_BYTES]

    def _fetch_tile(self, level: int, number: int) -> bytes:
        width = min(WIDTH, (self._size >> (HEIGHT * level)) - number * WIDTH)
        data = self._fetch(f"tile/{level}/{to_tile_path(Tile(number, width))}", WIDTH * merkle.HASH_BYTES)
        if len(data) != width * merkle.HASH_BYTES:
            raise IntegrityError(Sentence("A tile of the partner's log has an incorrect length."))
        return data

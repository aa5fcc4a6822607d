"""Cosigning of checkpoints of partners' logs (C2SP tlog-witness), and detection of forked logs.

A checkpoint must be consistent with the last cosigned one. To detect a log that presents different histories,
checkpoints cosigned here and by other partners are compared, and each log's current checkpoint is fetched with the
tiles that prove its consistency with all of them. If a log has signed a larger checkpoint than it publishes, it is not
cosigned until it publishes that checkpoint. Proofs of forks are passed on to partners together
with the checkpoints.
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
from evidence.log.tiles import HEIGHT, WIDTH, Tile, build_tile_path
from exhibit.clock import now
from exhibit.errors import ExhibitError, IntegrityError, RefusedError, ServiceMissingError
from exhibit.ports import SignedCheckpoint
from exhibit.sentences import Sentence, concatenate_sentences
from registry.alliance import partners, signed_calls
from registry.alliance.models import CosignedCheckpoint, LogFork, Partner
from registry.db.rows import lock_row, update_row
from registry.log import audit_log
from registry.log.local_log import get_log, get_witness_name, get_witness_signer
from registry.services.services import Services

MAX_PATH = 63
"""Maximum number of hashes in a consistency proof, as the protocol allows."""
MAX_BODY = MAX_NOTE + 64 * MAX_PATH
_OLD_SIZE = re.compile("old (0|[1-9][0-9]{0,18})")
UNEXPLAINED_CHECKPOINT = (
    "The log has signed a larger checkpoint elsewhere, but does not publish the entries that this checkpoint covers."
)
FORKED_LOG = Sentence("The partner's log has signed two conflicting histories.")
UNKNOWN_CHECKPOINT = Sentence("The partner has cosigned a checkpoint that this installation's log does not contain.")
NO_STATEMENT = Sentence("The partner does not report which checkpoints it has cosigned.")
SECONDS, TOTAL_SECONDS = 10.0, 60.0
"""Timeouts in seconds: for one response of a partner's site, and for all requests to it together."""
MAX_CHECKPOINTS = 1000
MAX_FORKS = 100
CosignedNotes = Sequence[tuple[str, str]]
"""Checkpoints of one log, each with the name of the installation that has cosigned it."""
LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PartnerStatement:
    """A partner's last cosigned checkpoints. ``fault`` explains in a sentence why they are not available."""

    checkpoints: Sequence[str] = ()
    fault: str = ""


class NotCosignedError(ExhibitError):
    """A checkpoint was not cosigned.

    ``status`` is the HTTP status of the response, ``size`` the last cosigned size where the protocol requires it.
    """

    def __init__(self, message: str, status: HTTPStatus, size: int | None = None) -> None:
        super().__init__(message)
        self.status, self.size = status, size


def add_checkpoint(services: Services, body: bytes) -> str:
    """Cosign the checkpoint of an ``add-checkpoint`` request and return the signature line.

    If a signed checkpoint contradicts the known one, both are stored as proof of a fork.

    Raises:
        NotCosignedError: The request is invalid, or the checkpoint must not be cosigned.
    """
    old_size, path, text = _parse_request(body)
    note = parse_note(text)
    partner = partners.find_partner_by_log(note.origin)
    if partner is None:
        raise NotCosignedError("This log is not the log of a partner.", HTTPStatus.NOT_FOUND)
    with lock_row(partner) as partner:
        try:
            checkpoint = verify_note(text, partner.log_key)
        except IntegrityError as error:
            raise NotCosignedError(error.message, HTTPStatus.FORBIDDEN) from error
        last_cosigned = _lock_cosigned(partner)
        root, refusal = bytes(last_cosigned.root) or merkle.EMPTY_ROOT, None
        if has_forked(note.origin):
            reason = "This log has signed two conflicting histories. Its checkpoints are no longer cosigned."
            refusal = NotCosignedError(reason, HTTPStatus.FORBIDDEN)
        elif checkpoint.size == last_cosigned.size and checkpoint.root != root:
            if last_cosigned.note:
                record_fork(partner, last_cosigned.note, text, "submitted for cosigning")
            refusal = NotCosignedError(
                "A different checkpoint of this size was cosigned.", HTTPStatus.CONFLICT, last_cosigned.size
            )
        elif not _matches_unexplained_checkpoint(partner, checkpoint):
            refusal = NotCosignedError(UNEXPLAINED_CHECKPOINT, HTTPStatus.FORBIDDEN)
        elif old_size != last_cosigned.size:
            reason = f"The last cosigned checkpoint has {last_cosigned.size} entries."
            refusal = NotCosignedError(reason, HTTPStatus.CONFLICT, last_cosigned.size)
        elif not merkle.verify_consistency(last_cosigned.size, checkpoint.size, root, checkpoint.root, path):
            reason = "The proof does not show that this checkpoint continues the last cosigned checkpoint."
            refusal = NotCosignedError(reason, HTTPStatus.UNPROCESSABLE_ENTITY)
        else:
            cosigned_at = now()
            update_row(
                last_cosigned, size=checkpoint.size, root=checkpoint.root, note=checkpoint.note, cosigned_at=cosigned_at
            )
            update_row(partner, unexplained="")
    if refusal is not None:  # outside the transaction, so that stored proofs are committed
        raise refusal
    return cosign(note.body, get_witness_name(services), get_witness_signer(services), cosigned_at)


def _matches_unexplained_checkpoint(partner: Partner, checkpoint: SignedCheckpoint) -> bool:
    """Return True unless the partner signed a larger checkpoint, other than this one, that its log does not contain.

    A different checkpoint of the same size is stored as a fork.
    """
    if not partner.unexplained:
        return True
    larger_checkpoint = verify_note(partner.unexplained, partner.log_key)
    if larger_checkpoint.size == checkpoint.size and larger_checkpoint.root != checkpoint.root:
        record_fork(partner, larger_checkpoint.note, checkpoint.note, "submitted for cosigning")
    return (larger_checkpoint.size, larger_checkpoint.root) == (checkpoint.size, checkpoint.root)


def list_cosigned_checkpoints() -> list[str]:
    """Return the last cosigned checkpoint note of each log."""
    rows = CosignedCheckpoint.objects.filter(size__gt=0).order_by("origin")
    return list(rows.values_list("note", flat=True))


def list_forks() -> list[dict[str, Any]]:
    """Return the proofs of forked logs, as stored by :func:`record_fork`."""
    rows = LogFork.objects.select_related("partner").order_by("pk")[:MAX_FORKS]
    return [{"log": row.partner.log_key, "known": row.known, "other": row.other, "path": row.path} for row in rows]


def _parse_request(body: bytes) -> tuple[int, list[bytes], str]:
    """Parse a request into the old size, the proof and the note; raises :class:`NotCosignedError`."""
    bad_request = NotCosignedError("This is not a valid request to cosign a checkpoint.", HTTPStatus.BAD_REQUEST)
    try:
        proof, separator, text = body.decode("utf-8").partition("\n\n")
        first_line, *lines = proof.split("\n")
        path = [decode_strict_base64(line) for line in lines]
        size_match = _OLD_SIZE.fullmatch(first_line)
        size = parse_note(text).size
    except (UnicodeDecodeError, IntegrityError):
        raise bad_request from None
    hashes = [step for step in path if step is not None and len(step) == merkle.HASH_BYTES]
    is_within_limits = len(hashes) == len(path) <= MAX_PATH and size <= BigIntegerField.MAX_BIGINT
    if size_match is None or not separator or not is_within_limits or int(size_match[1]) > size:
        raise bad_request
    return int(size_match[1]), hashes, text


def _lock_cosigned(partner: Partner) -> CosignedCheckpoint:
    """Lock and return the last cosigned checkpoint of a partner's log; the first time, create one for the empty log."""
    row = CosignedCheckpoint(partner=partner, origin=partner.origin, size=0, root=b"", note="", cosigned_at=now())
    CosignedCheckpoint.objects.bulk_create([row], ignore_conflicts=True)
    return CosignedCheckpoint.objects.select_for_update().get(origin=partner.origin)


def has_forked(origin: str) -> bool:
    """Return True if a log has signed two contradictory checkpoints."""
    return LogFork.objects.filter(origin=origin).exists()


def record_fork(partner: Partner, known_note: str, other_note: str, source: str, path: tuple[bytes, ...] = ()) -> None:
    """Store two contradictory signed checkpoints of a log and record them in the audit log; later pairs are ignored.

    If their sizes differ, ``path`` is a consistency proof that yields the root of the larger checkpoint but not the
    root of the smaller one.
    """
    with transaction.atomic():
        proof = [step.hex() for step in path]
        _, is_new = LogFork.objects.get_or_create(
            origin=partner.origin,
            defaults={
                "partner": partner, "known": known_note, "other": other_note, "path": proof,
                "source": source, "found_at": now()
            },
        )  # fmt: skip
        if is_new:
            details = {
                "partner": partner.name,
                "log": partner.log_key,
                "known": known_note,
                "other": other_note,
                "path": proof,
            }
            audit_log.log_change("log of a partner forked", by="", details=details)


def compare_checkpoints(services: Services) -> dict[str, str]:
    """Check every partner's log, and this installation's log as cosigned by partners, for contradictory checkpoints.

    Stores the problems found and returns them by partner name. A partner that does not respond does not affect the
    others.
    """
    active_partners = list(partners.list_active_partners())
    statements = {partner.name: _fetch_statement(services, partner) for partner in active_partners}
    faults_by_partner, cosigned_notes = {}, list_cosigned_checkpoints()
    for partner in active_partners:
        notes = [
            (name, note)
            for name, statement in statements.items()
            for note in _filter_by_origin(partner.origin, statement.checkpoints)
        ]
        notes += [
            ("this installation", note)
            for note in _filter_by_origin(partner.origin, [*cosigned_notes, partner.unexplained])
        ]
        own_notes = _filter_by_origin(get_log(services).origin, statements[partner.name].checkpoints)
        with _collect_faults(partner) as faults:
            log_fault, unexplained = _check_log(services, partner, notes)
            _store_unexplained_checkpoint(partner, unexplained)
            faults.extend((log_fault, _find_own_fault(services, own_notes)))
        # An unreachable partner is reported once
        fault = concatenate_sentences(*faults) or statements[partner.name].fault
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
    except Exception as error:  # a malformed response of one partner must not stop the comparison
        LOGGER.exception("Comparing checkpoints with the partner %s was interrupted", partner.name)
        faults.append(
            Sentence(
                "The comparison of checkpoints with the partner was interrupted: %(why)s.", why=type(error).__name__
            )
        )


def _store_unexplained_checkpoint(partner: Partner, note: str) -> None:
    """Store the largest unexplained checkpoint, unless the stored checkpoint or the key has changed in the meantime."""
    with lock_row(partner) as row:
        is_unchanged = (row.log_key, row.unexplained) == (partner.log_key, partner.unexplained)
        if is_unchanged and (not note or parse_note(note).size > _get_cosigned_size(row)):
            update_row(row, unexplained=note)


def _get_cosigned_size(partner: Partner) -> int:
    return CosignedCheckpoint.objects.filter(origin=partner.origin).values_list("size", flat=True).first() or 0


def _fetch_statement(services: Services, partner: Partner) -> PartnerStatement:
    """Request a partner's cosigned checkpoints, and store the proofs of forks that it passes on."""
    checkpoints: list[str] = []
    with _collect_faults(partner) as faults:
        try:
            response = signed_calls.call_partner(services, partner, "heads", {}, seconds=SECONDS)
        except RefusedError as error:
            if error.reason != "partner":
                raise
            return PartnerStatement()  # partners are not obliged to cosign this installation's log
        notes, forks = response.get("heads"), response.get("forks")
        checkpoints += [str(note)[:MAX_NOTE] for note in notes[:MAX_CHECKPOINTS]] if isinstance(notes, list) else []
        for fork in forks[:MAX_FORKS] if isinstance(forks, list) else []:
            _store_fork(fork, partner.name)
    return PartnerStatement(checkpoints, concatenate_sentences(NO_STATEMENT, *faults) if faults else "")


def _store_fork(fork: object, source: str) -> None:
    """Verify and store a proof of a fork that a partner passed on. The partner need not be trusted."""
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
    partner = partners.find_partner_by_log(known_note[:300].partition("\n")[0])
    if partner is None or has_forked(partner.origin):
        return
    try:
        path = tuple(bytes.fromhex(step) for step in steps)
        checkpoints = verify_note(known_note, partner.log_key), verify_note(other_note, partner.log_key)
    except (ExhibitError, ValueError, TypeError):
        return
    if is_contradictory(*checkpoints, path):
        record_fork(partner, known_note, other_note, f"reported by {source}", path)


def is_contradictory(earlier: SignedCheckpoint, later: SignedCheckpoint, path: tuple[bytes, ...]) -> bool:
    """Return True if two checkpoints of one log are contradictory. ``path`` is a proof as in :func:`record_fork`."""
    if earlier.size == later.size:
        return earlier.root != later.root
    start_root, remaining_path = (
        (path[0] if path else b"", path[1:]) if not earlier.size & (earlier.size - 1) else (b"", path)
    )
    roots = merkle.compute_consistency_roots(earlier.size, later.size, start_root, remaining_path)
    return roots is not None and roots[1] == later.root and roots[0] != earlier.root


def _check_log(services: Services, partner: Partner, notes: CosignedNotes) -> tuple[str, str]:
    """Return a sentence that describes the problem of a partner's log, and its largest unexplained checkpoint.

    Both are empty if there are none. Contradictory signed checkpoints are stored.
    """
    checkpoints = _verify_notes(partner, notes)
    if has_forked(partner.origin) or _has_size_conflict(partner, checkpoints):
        return FORKED_LOG, ""
    cosigned_size = _get_cosigned_size(partner)
    largest_checkpoint = max(
        (checkpoint for _, checkpoint in checkpoints), key=lambda checkpoint: checkpoint.size, default=None
    )
    unexplained_note = largest_checkpoint.note if largest_checkpoint and largest_checkpoint.size > cosigned_size else ""
    try:
        with signed_calls.open_session(services, partner.url, SECONDS) as session:
            fetch = _make_fetch_function(session, partner)
            checkpoint = verify_note(fetch("checkpoint", MAX_NOTE).decode("utf-8", "replace"), partner.log_key)
            tree = _Tree(checkpoint.size, fetch)
            if tree.compute_root(checkpoint.size) != checkpoint.root:
                return Sentence(
                    "The content of the partner's log differs from what the log has signed."
                ), unexplained_note
            if any(
                _has_contradiction(partner, checkpoint, tree, *source_and_checkpoint)
                for source_and_checkpoint in checkpoints
                if source_and_checkpoint[1].size <= checkpoint.size
            ):
                return FORKED_LOG, ""
    except ExhibitError as error:
        return error.message, unexplained_note
    if largest_checkpoint is None or largest_checkpoint.size <= checkpoint.size:
        return "", ""
    sizes = {"seen": largest_checkpoint.size, "shown": checkpoint.size}
    return Sentence(
        "The partner's log has signed %(seen)s entries, but shows only %(shown)s.", **sizes
    ), unexplained_note


def _has_size_conflict(partner: Partner, checkpoints: Sequence[tuple[str, SignedCheckpoint]]) -> bool:
    """Return True if two signed checkpoints of the same size have different roots. Store them as a fork."""
    checkpoints_by_size: dict[int, SignedCheckpoint] = {}
    for source, checkpoint in checkpoints:
        first_checkpoint = checkpoints_by_size.setdefault(checkpoint.size, checkpoint)
        if first_checkpoint.root != checkpoint.root:
            record_fork(partner, first_checkpoint.note, checkpoint.note, f"cosigned by {source}")
            return True
    return False


def _verify_notes(partner: Partner, notes: CosignedNotes) -> list[tuple[str, SignedCheckpoint]]:
    """Return the checkpoints with a valid signature of the log's key; others may have been forged by their source."""
    checkpoints = []
    for source, note in notes:
        with suppress(ExhibitError):
            checkpoints.append((source, verify_note(note, partner.log_key)))
    return checkpoints


def _has_contradiction(
    partner: Partner, checkpoint: SignedCheckpoint, tree: "_Tree", source: str, cosigned_checkpoint: SignedCheckpoint
) -> bool:
    if tree.compute_root(cosigned_checkpoint.size) == cosigned_checkpoint.root:
        return False
    record_fork(
        partner,
        cosigned_checkpoint.note,
        checkpoint.note,
        f"cosigned by {source}, and shown here",
        tree.prove_consistency(cosigned_checkpoint.size),
    )
    return True


def _find_own_fault(services: Services, notes: Sequence[str]) -> str:
    """Return a sentence if a partner cosigned checkpoints of this log that it does not contain, else an empty string.

    Possible causes are a reset of the log or use of its key elsewhere.
    """
    for note in notes:
        try:
            checkpoint = verify_note(note, get_log(services).get_verifier_key())
        except ExhibitError:
            continue
        try:
            get_log(services).check_continues(checkpoint)
        except IntegrityError as error:
            return concatenate_sentences(UNKNOWN_CHECKPOINT, error.message)
    return ""


def _make_fetch_function(session: requests.Session, partner: Partner) -> Callable[[str, int], bytes]:
    deadline = time.monotonic() + TOTAL_SECONDS

    def fetch(path: str, max_bytes: int) -> bytes:
        if time.monotonic() > deadline:
            raise ServiceMissingError(Sentence("The partner's log responds too slowly."))
        return signed_calls.fetch_file(session, f"{partner.url.rstrip('/')}/log/{path}", max_bytes, SECONDS)

    return fetch


class _Tree:
    """A log of a given size, read from its tiles (C2SP tlog-tiles)."""

    def __init__(self, size: int, fetch: Callable[[str, int], bytes]) -> None:
        self._size, self._fetch = size, fetch
        self._get_tile = cache(self._fetch_tile)

    def compute_root(self, size: int) -> bytes:
        """Return the root hash of the first ``size`` entries."""
        return merkle.compute_root(size, self._get_node)

    def prove_consistency(self, old_size: int) -> tuple[bytes, ...]:
        """Compute the consistency proof from an earlier size to the log's size from the tiles.

        RFC 9162 omits the earlier root if that size is a power of two, because the verifier knows it. Here the verifier
        may know a different root, so the root is prepended in that case.
        """
        path = merkle.prove_consistency(old_size, self._size, self._get_node)
        omits_root = 0 < old_size < self._size and not old_size & (old_size - 1)
        return (self.compute_root(old_size), *path) if omits_root else tuple(path)

    def _get_node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree, from a tile or computed from the two below it."""
        if level % HEIGHT:
            return merkle.compute_node_hash(
                self._get_node(level - 1, 2 * index), self._get_node(level - 1, 2 * index + 1)
            )
        number, offset = divmod(index, WIDTH)
        hashes = self._get_tile(level // HEIGHT, number)
        return hashes[offset * merkle.HASH_BYTES : (offset + 1) * merkle.HASH_BYTES]

    def _fetch_tile(self, level: int, number: int) -> bytes:
        width = min(WIDTH, (self._size >> (HEIGHT * level)) - number * WIDTH)
        data = self._fetch(f"tile/{level}/{build_tile_path(Tile(number, width))}", WIDTH * merkle.HASH_BYTES)
        if len(data) != width * merkle.HASH_BYTES:
            raise IntegrityError(Sentence("A tile of the partner's log has an incorrect length."))
        return data

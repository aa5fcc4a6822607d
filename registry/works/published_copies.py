"""Published copies of an owner's works, identified by their bytes or by their invisible mark."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from exhibit.digests import Digest
from exhibit.entries import EntryType
from indexer.draw.invisible import compare_cells, compute_chance_probability
from indexer.draw.pair import Pair
from registry.accounts.models import Owner
from registry.keys.models import DocumentKey
from registry.log.models import LogSubmission
from registry.works.registration_proofs import Registration, to_registration

MAX_PROBABILITY = 1e-6
"""Probability, over all marks searched for, below which a picture is reported to contain a mark."""


@dataclass(frozen=True, slots=True)
class PublishedCopy:
    """A copy for publication that is recorded in the log."""

    work: int
    log: Registration  # its entry
    key: str = ""  # public half, in hex, of the owner's key that signed its credentials; empty for a marked copy
    revoked: bool = False  # True if that key was revoked
    recipient: str = ""  # recipient for whom it was marked; empty for a signed copy
    chance: float = 0.0  # upper bound on the probability that an unmarked picture matches a mark this well


def find_signed_copies(owner: Owner, digest: Digest) -> list[PublishedCopy]:
    """Return the copies with credentials by the owner's key that are identical to a picture."""
    revoked_keys = {
        bytes(key.public_key).hex() for key in DocumentKey.objects.filter(owner=owner).exclude(revoked_at=None)
    }
    copies = [
        (row, details["work"], details.get("key", ""))
        for row, details in _find_log_entries(owner, "signed", digest=digest.hex)
    ]
    return [PublishedCopy(work, to_registration(row), key, key in revoked_keys) for row, work, key in copies]


def find_marked_copies(owner: Owner, pairs: Mapping[str, Callable[[], Pair | None]]) -> tuple[int, list[PublishedCopy]]:
    """Return the number of marks searched for in a picture, and the copies whose marks it contains.

    ``pairs`` maps the digest of each registered picture that the picture shows to a function that returns the pair.
    """
    log_entries = _find_log_entries(owner, "marked", picture__in=list(pairs))
    pictures = {details["picture"] for _, details in log_entries}
    cells = {digest: compare_cells(pair) for digest in pictures if (pair := pairs[digest]())}
    candidates = [
        (row, details, cells[details["picture"]]) for row, details in log_entries if details["picture"] in cells
    ]
    copies = [
        PublishedCopy(details["work"], to_registration(row), recipient=details["for"], chance=probability)
        for row, details, cell in candidates
        if (probability := len(candidates) * compute_chance_probability(cell, bytes.fromhex(details["seed"])))
        < MAX_PROBABILITY
    ]
    return len(candidates), sorted(copies, key=lambda copy: copy.chance)


def _find_log_entries(owner: Owner, kind: str, **details: object) -> list[tuple[LogSubmission, dict[str, Any]]]:
    """Return log entries about signed or marked copies, with their details."""
    conditions = {f"opening__details__{name}": value for name, value in details.items()}
    rows = LogSubmission.objects.filter(type=EntryType.SETTING, opening__content__what=f"copy {kind}", owner=owner)
    return [
        (row, row.opening.details or {}) for row in rows.filter(**conditions).select_related("opening").order_by("pk")
    ]

"""Published copies of an owner's works: identify a picture as one, by its bytes or by its invisible mark."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from exhibit.digests import Digest
from exhibit.entries import EntryType
from indexer.draw.invisible import chance_probability, compare_cells
from indexer.draw.pair import Pair
from registry.accounts.models import Owner
from registry.keys.models import DocumentKey
from registry.log.models import LogSubmission
from registry.works.registration_proofs import Registration, to_registration

MAX_PROBABILITY = 1e-6
"""Probability, over all marks that were looked for, below which a picture is said to carry one."""


@dataclass(frozen=True, slots=True)
class PublishedCopy:
    """A copy for publishing that the log records."""

    work: int
    log: Registration  # its entry
    key: str = ""  # public half, in hex, of the owner's key that signed its credentials; empty for a marked copy
    revoked: bool = False  # True if that key was revoked
    recipient: str = ""  # recipient for whom it was marked; empty for a signed copy
    chance: float = 0.0  # upper bound on the probability that an unmarked picture agrees so well with a mark


def find_signed_copies(owner: Owner, digest: Digest) -> list[PublishedCopy]:
    """Return the copies with credentials by the owner's key that are identical to a picture."""
    revoked = {bytes(key.public_key).hex() for key in DocumentKey.objects.filter(owner=owner).exclude(revoked_at=None)}
    copies = [
        (row, about["work"], about.get("key", ""))
        for row, about in _find_log_entries(owner, "signed", digest=digest.hex)
    ]
    return [PublishedCopy(work, to_registration(row), key, key in revoked) for row, work, key in copies]


def find_marked_copies(owner: Owner, pairs: Mapping[str, Callable[[], Pair | None]]) -> tuple[int, list[PublishedCopy]]:
    """Return the number of marks looked for in a picture, and the copies whose marks it carries.

    ``pairs`` maps digests of the works' pictures that the picture shows to functions that return the pair.
    """
    marks = _find_log_entries(owner, "marked", picture__in=list(pairs))
    pictures = {about["picture"] for _, about in marks}
    cells = {digest: compare_cells(pair) for digest in pictures if (pair := pairs[digest]())}
    candidates = [(row, about, cells[about["picture"]]) for row, about in marks if about["picture"] in cells]
    copies = [
        PublishedCopy(about["work"], to_registration(row), recipient=about["for"], chance=probability)
        for row, about, cell in candidates
        if (probability := len(candidates) * chance_probability(cell, bytes.fromhex(about["seed"]))) < MAX_PROBABILITY
    ]
    return len(candidates), sorted(copies, key=lambda copy: copy.chance)


def _find_log_entries(owner: Owner, kind: str, **about: object) -> list[tuple[LogSubmission, dict[str, Any]]]:
    """Return log entries about signed or marked copies, with their details."""
    conditions = {f"opening__details__{name}": value for name, value in about.items()}
    rows = LogSubmission.objects.filter(type=EntryType.SETTING, opening__content__what=f"copy {kind}", owner=owner)
    return [
        (row, row.opening.details or {}) for row in rows.filter(**conditions).select_related("opening").order_by("pk")
    ]

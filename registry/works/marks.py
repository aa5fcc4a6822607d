"""Captions and marks in registered pictures. They are detected at registration and masked in comparisons."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from django.db import connection
from django.db.models import Q

from exhibit.digests import Digest
from exhibit.errors import ExhibitError
from indexer.compare.marks import MAX_OTHER_WORKS, SharedMask, find_shared_windows, is_comparable, locate_marks
from indexer.layout.orientation import Box
from indexer.layout.pages import PAGE
from indexer.picture.features import Features
from registry.accounts.models import Owner
from registry.fingerprints.ports import get_features
from registry.services.services import Services
from registry.works.models import WorkPicture

MAX_MARKED = 4  # earlier works with marks, compared with a new work in addition to the latest works
FIRST_BATCH = 4  # works compared first; if none of them shares any part, the other works are skipped
DECIMALS = 4
Edges = list[float]  # left, top, right and bottom, as fractions of a picture's width and height

# Runs for each found picture: Django's ORM would take ten times as long.
_REGISTERED_QUERY = """
    WITH living AS (
        SELECT r.id, r.picture_id, r.marks, w.registered_at, o.derived
        FROM registry_workpicture r JOIN registry_work w ON w.id = r.work_id JOIN registry_owner o ON o.id = w.owner_id
        WHERE r.picture_id = ANY(%s) AND w.removed_at IS NULL)
    SELECT p.id, p.digest,
           (SELECT marks FROM living WHERE picture_id = p.id ORDER BY registered_at, id LIMIT 1),
           EXISTS (SELECT 1 FROM living WHERE picture_id = p.id AND derived)
    FROM registry_picture p WHERE p.id = ANY(%s)
    """


@dataclass(frozen=True, slots=True)
class Marks:
    """Marks detected in a new work and, by comparison with it, in earlier works."""

    new_marks: list[Edges]
    # For works without stored marks, by primary key of the :class:`WorkPicture`
    earlier_marks: Mapping[int, list[Edges]]


def find_captions(features: Features) -> list[Edges]:
    """Return the caption bars of a picture. Pages and plain pictures have none, since they are compared as a whole."""
    if not is_comparable(features) or PAGE in features.low_information:
        return []
    width, height = features.info.width, features.info.height
    return _to_edges(box.scale_by(1 / width, 1 / height) for box in features.masked_boxes)


def find_marks(services: Services, owner: Owner, features: Features) -> Marks:
    """Detect marks, parts shared by otherwise different works, by comparing a new work with the owner's latest ones."""
    other_pictures = _load_other_pictures(owner, features) if is_comparable(features) else []
    marked_pictures, unmarked_pictures = (
        [candidate for candidate in other_pictures if candidate.is_marked],
        [candidate for candidate in other_pictures if not candidate.is_marked],
    )
    shared_pictures = _find_sharing_pictures(services, features, [*marked_pictures, *unmarked_pictures[:FIRST_BATCH]])
    if shared_pictures:
        shared_pictures |= _find_sharing_pictures(services, features, unmarked_pictures[FIRST_BATCH:])
    new_marks = locate_marks([shared_part for _, shared_part in shared_pictures.values()])
    if not new_marks:
        return Marks([], {})
    earlier_marks = {}
    for candidate, (candidate_features, _) in shared_pictures.items():
        if not candidate.is_marked:
            compared_features = [
                features,
                *(other_features for key, (other_features, _) in shared_pictures.items() if key != candidate),
            ]
            shared_parts = (
                find_shared_windows(candidate_features, other_features) for other_features in compared_features
            )
            earlier_marks[candidate.pk] = _to_edges(
                locate_marks([shared_part for shared_part in shared_parts if shared_part is not None])
            )
    return Marks(_to_edges(new_marks), {pk: edges for pk, edges in earlier_marks.items() if edges})


@dataclass(frozen=True, slots=True)
class RegisteredPicture:
    """Data of a registered picture for comparisons, with the marks of its first registration."""

    digest: Digest
    marks: list[Edges]
    includes_derived: bool  # True if one of its owners has enabled the search for derived works


def load_registered_pictures(pictures: Iterable[int]) -> dict[int, RegisteredPicture]:
    """Return data of registered pictures, by primary key, in one query.

    The marks of the first registration apply, so that a later registration of the same picture cannot mask parts of
    it.
    """
    keys = list(pictures)
    if not keys:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_REGISTERED_QUERY, [keys, keys])
        rows = cursor.fetchall()
    return {
        pk: RegisteredPicture(Digest(bytes(digest)), json.loads(marks or "[]"), derived)
        for pk, digest, marks, derived in rows
    }


def add_marks(features: Features, marks: Iterable[Edges]) -> Features:
    """Return a registered picture's features with its marks."""
    marks = list(marks)
    if not marks:
        return features
    width, height = features.info.width, features.info.height
    return replace(features, marked=tuple(Box(*edges).scale_by(width, height) for edges in marks))


@dataclass(frozen=True, slots=True)
class _OtherPicture:
    """A picture of another work of the owner."""

    pk: int  # of its :class:`WorkPicture`
    digest: Digest
    is_marked: bool  # True if its marks are known


def _load_other_pictures(owner: Owner, features: Features) -> list[_OtherPicture]:
    """Return the latest pictures of the owner's works and the latest with marks, newest first."""
    active_pictures = WorkPicture.objects.filter(work__owner=owner, work__removed_at=None).order_by("-pk")
    rows = active_pictures.annotate(is_marked=~Q(marks=[])).values_list("pk", "picture__digest", "is_marked")
    selected_rows = rows[:MAX_OTHER_WORKS].union(rows.exclude(marks=[])[:MAX_MARKED]).order_by("-pk")
    return [other for row in selected_rows if (other := _OtherPicture(*row)).digest != features.digest]


def _find_sharing_pictures(
    services: Services, features: Features, candidates: Iterable[_OtherPicture]
) -> dict[_OtherPicture, tuple[Features, SharedMask]]:
    """Return the pictures that share parts with a new one, with their features and the parts; errors are skipped."""
    shared_parts = {}
    for candidate in candidates:
        with suppress(ExhibitError):
            other = get_features(services).get(candidate.digest, partial(services.blobs.get, candidate.digest))
            if (shared := find_shared_windows(features, other)) is not None:
                shared_parts[candidate] = other, shared
    return shared_parts


def _to_edges(boxes: Iterable[Box]) -> list[Edges]:
    return [[round(edge, DECIMALS) for edge in (box.left, box.top, box.right, box.bottom)] for box in boxes]

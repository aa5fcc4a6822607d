"""Captions and marks of registered pictures: found at registration, kept with the work, laid over what is measured."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from django.db import connection
from django.db.models import Q

from exhibit.digests import Digest
from exhibit.errors import ExhibitError
from indexer.compare.marks import MAX_OTHERS, Shared, is_comparable, marks_of, shared_windows
from indexer.layout.orientation import Box
from indexer.layout.pages import PAGE
from indexer.picture.features import Features
from registry.accounts.models import Owner
from registry.fingerprints.ports import get_features
from registry.services.services import Services
from registry.works.models import WorkPicture

MAX_MARKED = 4  # works with marks that a new one is compared with, though others came later
FIRST = 4  # other works that it is compared with first; where none of all these shares anything, the rest aren't asked
DECIMALS = 4
Edges = list[float]  # left, top, right and bottom, as shares of a picture's width and height

# asked for each picture that is found: put together by Django it would take ten times as long
_REGISTERED = """
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
    """Rectangles that were found of a new work and, by it, of earlier ones."""

    new: list[Edges]
    earlier: Mapping[int, list[Edges]]  # had none so far; by the primary key of their :class:`WorkPicture`


def captions_of(features: Features) -> list[Edges]:
    """The caption bars of a picture; of pages that is told otherwise, and plain works are compared as a whole."""
    if not is_comparable(features) or PAGE in features.low_information:
        return []
    width, height = features.info.width, features.info.height
    return _plain(box.scaled(1 / width, 1 / height) for box in features.masked)


def find_marks(services: Services, owner: Owner, features: Features) -> Marks:
    """Compare a new work with the owner's latest ones: what several share that are otherwise unlike is a mark."""
    others = _others(owner, features) if is_comparable(features) else []
    marked, rest = [one for one in others if one.is_marked], [one for one in others if not one.is_marked]
    sharing = _sharing(services, features, [*marked, *rest[:FIRST]])
    if sharing:
        sharing |= _sharing(services, features, rest[FIRST:])
    new = marks_of([shared for _, shared in sharing.values()])
    if not new:
        return Marks([], {})
    earlier = {}
    for one, (work, _) in sharing.items():
        if not one.is_marked:
            beside = [features, *(other for key, (other, _) in sharing.items() if key != one)]
            found = (shared_windows(work, other) for other in beside)
            earlier[one.pk] = _plain(marks_of([shared for shared in found if shared is not None]))
    return Marks(_plain(new), {pk: edges for pk, edges in earlier.items() if edges})


@dataclass(frozen=True, slots=True)
class RegisteredPicture:
    """What a comparison needs to know of a registered picture: its marks are as its first registration has them."""

    digest: Digest
    marks: list[Edges]
    derived: bool  # whether an owner of it asks for derived works


def registered(pictures: Iterable[int]) -> dict[int, RegisteredPicture]:
    """What is known of registered pictures, by their primary keys, in one query.

    The marks of the first registration count, so that nobody who registers the same picture later takes anything from
    it.
    """
    wanted = list(pictures)
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_REGISTERED, [wanted, wanted])
        rows = cursor.fetchall()
    return {
        pk: RegisteredPicture(Digest(bytes(digest)), json.loads(marks or "[]"), derived)
        for pk, digest, marks, derived in rows
    }


def with_marks(features: Features, marks: Iterable[Edges]) -> Features:
    """A registered picture's features with its marks."""
    marks = list(marks)
    if not marks:
        return features
    width, height = features.info.width, features.info.height
    return replace(features, marked=tuple(Box(*edges).scaled(width, height) for edges in marks))


@dataclass(frozen=True, slots=True)
class _Other:
    """A picture of another work of the owner."""

    pk: int  # of its :class:`WorkPicture`
    digest: Digest
    is_marked: bool  # whether marks of it are known


def _others(owner: Owner, features: Features) -> list[_Other]:
    """The latest pictures of the owner's works and the latest with marks, newest first."""
    living = WorkPicture.objects.filter(work__owner=owner, work__removed_at=None).order_by("-pk")
    rows = living.annotate(is_marked=~Q(marks=[])).values_list("pk", "picture__digest", "is_marked")
    some = rows[:MAX_OTHERS].union(rows.exclude(marks=[])[:MAX_MARKED]).order_by("-pk")
    return [one for row in some if (one := _Other(*row)).digest != features.digest]


def _sharing(services: Services, features: Features, others: Iterable[_Other]) -> dict[_Other, tuple[Features, Shared]]:
    """Those that share something with a new work, what was measured of them, and where; damage in one stops nothing."""
    found = {}
    for one in others:
        with suppress(ExhibitError):
            other = get_features(services).get(one.digest, partial(services.blobs.get, one.digest))
            if (shared := shared_windows(features, other)) is not None:
                found[one] = other, shared
    return found


def _plain(boxes: Iterable[Box]) -> list[Edges]:
    return [[round(edge, DECIMALS) for edge in (box.left, box.top, box.right, box.bottom)] for box in boxes]

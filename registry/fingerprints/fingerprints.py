"""Fingerprints, and the numbered change list that every index is built from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, QuerySet

from exhibit.errors import WrongUseError
from exhibit.types import Fingerprint, Metric, Space
from registry.db.bulk import copy_into
from registry.db.locks import Lock, hold, share
from registry.fingerprints.models import FingerprintRow, IndexChange, SpaceRow

Collection = IndexChange.Collection


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the change list."""

    number: int  # ascending in its collection and space (:class:`registry.models.IndexChange`)
    picture: int  # primary key
    vector: bytes | None  # packed bits or float32 components; ``None`` for a removal
    removes: int | None  # for a removal, the number of the addition that it reverts


_IDS: dict[Space, int] = {}
"""Primary keys of committed spaces; other transactions do not see an uncommitted one, and it may be rolled back."""


def space_id(space: Space) -> int:
    """Return the primary key of a space's row, created on first use.

    Raises:
        WrongUseError: Stored vectors of this name and version were computed with other parameters.
    """
    if space in _IDS:
        return _IDS[space]
    parameters = [list(pair) for pair in space.parameters]
    properties = {"metric": Metric(space.metric), "width": space.width, "parameters": parameters}
    row, _ = SpaceRow.objects.get_or_create(name=space.name, version=space.version, defaults=properties)
    other = [name for name, value in properties.items() if getattr(row, name) != value]
    if other:
        hint = "Go on with the version of Exhibit that made them, or register the works in a new data folder."
        message = f"The vectors of {space.id} in this database were measured with other {' and '.join(other)}."
        raise WrongUseError(message, hint=hint)
    transaction.on_commit(lambda: _IDS.update({space: row.pk}))
    return row.pk


def store_fingerprints(spaces: Sequence[Space], rows: Iterable[tuple[int, Fingerprint]]) -> None:
    """Store fingerprints by the primary key of their picture; existing ones stay. Must run inside a transaction."""
    ids = {space.id: space_id(space) for space in spaces}
    records = [
        FingerprintRow(
            picture_id=picture, space_id=ids[fingerprint.space], part=fingerprint.part, vector=fingerprint.vector
        )
        for picture, fingerprint in rows
    ]
    copy_into(records, conflict=("picture_id", "space_id", "part"))


def add_to(collection: Collection, pictures: Sequence[int], parts: Iterable[str]) -> None:
    """Append additions of these parts of these pictures, except those that are in the collection already.

    Must run inside a transaction, and as its last statement where many processes add at once: readers that need the
    highest number wait for its end. A caller that adds to the pictures seen holds the locks of their rows.
    """
    if collection == Collection.PICTURES:
        share(Lock.PICTURES)
    else:
        hold(Lock.INDEX)
    added = """
        SELECT f.space_id, f.id AS fingerprint_id, 'add' AS operation, NULL::bigint AS removes,
               row_number() OVER (ORDER BY f.picture_id, f.part) AS place
        FROM registry_fingerprintrow f
        WHERE f.picture_id = ANY(%(pictures)s) AND f.part = ANY(%(parts)s) AND NOT EXISTS (
            SELECT 1 FROM registry_indexchange a
            WHERE a.fingerprint_id = f.id AND a.collection = %(collection)s AND a.operation = 'add' AND NOT EXISTS (
                SELECT 1 FROM registry_indexchange r
                WHERE r.fingerprint_id = f.id AND r.collection = a.collection AND r.removes = a.number))
        """
    _append(collection, added, pictures=list(pictures), parts=list(parts))


def remove_from(collection: Collection, pictures: Sequence[int]) -> None:
    """Append removals of these pictures' fingerprints from the collection. Must run inside a transaction."""
    hold(Lock.PICTURES if collection == Collection.PICTURES else Lock.INDEX)
    removed = """
        SELECT a.space_id, a.fingerprint_id, 'remove' AS operation, a.number AS removes, a.number AS place
        FROM registry_indexchange a JOIN registry_fingerprintrow f ON f.id = a.fingerprint_id
        WHERE a.collection = %(collection)s AND a.operation = 'add' AND f.picture_id = ANY(%(pictures)s)
          AND NOT EXISTS (SELECT 1 FROM registry_indexchange r
                          WHERE r.collection = a.collection AND r.space_id = a.space_id AND r.removes = a.number)
        """
    _append(collection, removed, pictures=list(pictures))


_APPEND = """
    INSERT INTO registry_indexchange (id, number, collection, space_id, fingerprint_id, operation, removes)
    SELECT numbered.id, numbered.id, %(collection)s, space_id, fingerprint_id, operation, removes
    FROM (SELECT nextval(pg_get_serial_sequence('registry_indexchange', 'id')) AS id, change.*
          FROM (SELECT * FROM ({changes}) AS unordered ORDER BY place) AS change) AS numbered
    """


def _append(collection: Collection, changes: str, **values: list[Any]) -> None:
    """Append the changes that a query returns. Each number is higher than all before, and is never used again.

    An index of a network that was removed and added again therefore also receives the new changes.
    """
    with connection.cursor() as cursor:
        cursor.execute(_APPEND.format(changes=changes), {"collection": str(collection), **values})


def changes_after(collection: Collection, space: Space, number: int, limit: int = 100_000) -> list[Change]:
    """Return the changes after a number, in order; no change is inserted between them later."""
    later = IndexChange.objects.filter(collection=collection, space_id=space_id(space), number__gt=number)
    if collection == Collection.PICTURES:
        later = later.filter(number__lte=last_change(collection, space))
    columns = ("number", "fingerprint__picture_id", "fingerprint__vector", "removes")
    return [
        Change(number, picture, None if removes is not None else bytes(vector), removes)
        for number, picture, vector, removes in later.order_by("number").values_list(*columns)[:limit]
    ]


def iter_current(
    collection: Collection, space: Space, upto: int, batch: int = 20_000
) -> Iterator[list[tuple[int, bytes]]]:
    """Yield numbers and vectors of additions that no change up to a number has reverted, in batches."""
    changes = IndexChange.objects.filter(collection=collection, space_id=space_id(space), number__lte=upto)
    reverting = changes.filter(removes=OuterRef("number"))
    added = changes.filter(~Exists(reverting), operation=IndexChange.Operation.ADD).order_by("number")
    number = 0
    while rows := list(added.filter(number__gt=number).values_list("number", "fingerprint__vector")[:batch]):
        yield [(number, bytes(vector)) for number, vector in rows]
        number = rows[-1][0]


def count_current(collection: Collection, space: Space, upto: int, by: int | None = None) -> int:
    """Count the additions up to ``upto`` that no removal reverts, or only no removal up to ``by``."""
    reverting = IndexChange.objects.filter(collection=collection, space_id=space_id(space), removes__lte=upto)
    if by is not None:
        reverting = reverting.filter(number__lte=by)
    return additions(collection, space).filter(number__lte=upto).count() - reverting.count()


def additions(collection: Collection, space: Space) -> QuerySet[IndexChange]:
    """Return all additions to a collection in a space, including reverted ones."""
    return IndexChange.objects.filter(
        collection=collection, space_id=space_id(space), operation=IndexChange.Operation.ADD
    )


def last_change(collection: Collection, space: Space) -> int:
    """Return the highest change number, 0 if there is none; no lower number is added later.

    For the pictures seen, this waits for the transactions that are adding, and blocks new ones while it reads. Call it
    outside a transaction: inside one, the others wait until that transaction ends.
    """
    changes = IndexChange.objects.filter(collection=collection, space_id=space_id(space))
    with transaction.atomic():
        if collection == Collection.PICTURES:
            hold(Lock.PICTURES)
        return changes.order_by("-number").values_list("number", flat=True).first() or 0


def count_later(last_numbers: Mapping[tuple[Collection, Space], int]) -> dict[tuple[Collection, str], int]:
    """Count the changes after a number for each collection and space, by collection and space id, in one query."""
    ids = {space: space_id(space) for space in {space for _, space in last_numbers}}
    keys = {(ids[space], collection): (collection, space.id) for collection, space in last_numbers}
    queries = [
        IndexChange.objects.filter(collection=collection, space_id=ids[space], number__gt=number)
        .values("space_id", "collection")
        .annotate(count=Count("pk"))
        .values_list("space_id", "collection", "count")
        for (collection, space), number in last_numbers.items()
    ]
    counts = {keys[space, Collection(name)]: count for space, name, count in queries[0].union(*queries[1:], all=True)}
    return {key: counts.get(key, 0) for key in keys.values()}


_PICTURES = """
    SELECT wanted.name, wanted.version, wanted.number, fingerprint.picture_id
    FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS wanted (name, version, number)
    JOIN registry_spacerow space ON space.name = wanted.name AND space.version = wanted.version
    JOIN registry_indexchange change
      ON change.collection = %s AND change.space_id = space.id AND change.number = wanted.number
    JOIN registry_fingerprintrow fingerprint ON fingerprint.id = change.fingerprint_id
    """


def pictures_of(collection: Collection, space: Space, numbers: Iterable[int]) -> dict[int, int]:
    """Return the picture (primary key) that each change number added."""
    return {number: picture for (_, number), picture in pictures_of_all(collection, {space: numbers}).items()}


def pictures_of_all(collection: Collection, numbers: Mapping[Space, Iterable[int]]) -> dict[tuple[str, int], int]:
    """Return the same for several spaces, by space id and change number, in one query."""
    spaces = {(space.name, space.version): space.id for space in numbers}
    keys = [(space.name, space.version, number) for space, space_numbers in numbers.items() for number in space_numbers]
    if not keys:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_PICTURES, [*map(list, zip(*keys, strict=True)), str(collection)])
        return {(spaces[name, version], number): picture for name, version, number, picture in cursor.fetchall()}


def clear_cached_spaces() -> None:
    """Clear the cached spaces, for processes that switch to another database."""
    _IDS.clear()

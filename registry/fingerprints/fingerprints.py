"""Fingerprints, and the numbered change list from which every index is built."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, QuerySet

from exhibit.errors import InvalidRequestError
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
    removes: int | None  # for a removal: the number of the addition that it reverts


_SPACE_IDS: dict[Space, int] = {}
"""Primary keys of committed spaces; other transactions do not see an uncommitted one, and it may be rolled back."""


def get_space_id(space: Space) -> int:
    """Return the primary key of a space's row, created on first use.

    Raises:
        InvalidRequestError: Stored vectors of this name and version were computed with other parameters.
    """
    if space in _SPACE_IDS:
        return _SPACE_IDS[space]
    parameters = [list(pair) for pair in space.parameters]
    properties = {"metric": Metric(space.metric), "width": space.width, "parameters": parameters}
    row, _ = SpaceRow.objects.get_or_create(name=space.name, version=space.version, defaults=properties)
    changed_properties = [name for name, value in properties.items() if getattr(row, name) != value]
    if changed_properties:
        hint = "Use the version of Exhibit that computed them, or register the works in a new data folder."
        names = " and ".join(changed_properties)
        message = f"The vectors of {space.id} in this database were computed with different {names}."
        raise InvalidRequestError(message, hint=hint)
    transaction.on_commit(lambda: _SPACE_IDS.update({space: row.pk}))
    return row.pk


def store_fingerprints(spaces: Sequence[Space], rows: Iterable[tuple[int, Fingerprint]]) -> None:
    """Store fingerprints by their picture's primary key; existing ones are kept. Must run inside a transaction."""
    ids = {space.id: get_space_id(space) for space in spaces}
    records = [
        FingerprintRow(
            picture_id=picture, space_id=ids[fingerprint.space], part=fingerprint.part, vector=fingerprint.vector
        )
        for picture, fingerprint in rows
    ]
    copy_into(records, conflict=("picture_id", "space_id", "part"))


def add_to_collection(collection: Collection, pictures: Sequence[int], parts: Iterable[str]) -> None:
    """Append additions of these parts of these pictures, except those that are already in the collection.

    Must run inside a transaction. If many processes add concurrently, it must be the last statement, because readers
    that need the highest number wait for the end of the transaction. A caller that adds found pictures must hold the
    locks of their rows.
    """
    if collection == Collection.PICTURES:
        share(Lock.PICTURES)
    else:
        hold(Lock.INDEX)
    additions_sql = """
        SELECT f.space_id, f.id AS fingerprint_id, 'add' AS operation, NULL::bigint AS removes,
               row_number() OVER (ORDER BY f.picture_id, f.part) AS place
        FROM registry_fingerprintrow f
        WHERE f.picture_id = ANY(%(pictures)s) AND f.part = ANY(%(parts)s) AND NOT EXISTS (
            SELECT 1 FROM registry_indexchange a
            WHERE a.fingerprint_id = f.id AND a.collection = %(collection)s AND a.operation = 'add' AND NOT EXISTS (
                SELECT 1 FROM registry_indexchange r
                WHERE r.fingerprint_id = f.id AND r.collection = a.collection AND r.removes = a.number))
        """
    _append(collection, additions_sql, pictures=list(pictures), parts=list(parts))


def remove_from_collection(collection: Collection, pictures: Sequence[int]) -> None:
    """Append removals of these pictures' fingerprints from the collection. Must run inside a transaction."""
    hold(Lock.PICTURES if collection == Collection.PICTURES else Lock.INDEX)
    removals_sql = """
        SELECT a.space_id, a.fingerprint_id, 'remove' AS operation, a.number AS removes, a.number AS place
        FROM registry_indexchange a JOIN registry_fingerprintrow f ON f.id = a.fingerprint_id
        WHERE a.collection = %(collection)s AND a.operation = 'add' AND f.picture_id = ANY(%(pictures)s)
          AND NOT EXISTS (SELECT 1 FROM registry_indexchange r
                          WHERE r.collection = a.collection AND r.space_id = a.space_id AND r.removes = a.number)
        """
    _append(collection, removals_sql, pictures=list(pictures))


_APPEND = """
    INSERT INTO registry_indexchange (id, number, collection, space_id, fingerprint_id, operation, removes)
    SELECT numbered.id, numbered.id, %(collection)s, space_id, fingerprint_id, operation, removes
    FROM (SELECT nextval(pg_get_serial_sequence('registry_indexchange', 'id')) AS id, change.*
          FROM (SELECT * FROM ({changes}) AS unordered ORDER BY place) AS change) AS numbered
    """


def _append(collection: Collection, changes: str, **values: list[Any]) -> None:
    """Append the changes that a query returns; numbers are ascending and never reused.

    Therefore, if a model is removed and added again, an index also receives the new changes.
    """
    with connection.cursor() as cursor:
        cursor.execute(_APPEND.format(changes=changes), {"collection": str(collection), **values})


def list_changes_after(collection: Collection, space: Space, number: int, limit: int = 100_000) -> list[Change]:
    """Return the changes after a number, in order; no changes are inserted between them later."""
    later_changes = IndexChange.objects.filter(collection=collection, space_id=get_space_id(space), number__gt=number)
    if collection == Collection.PICTURES:
        later_changes = later_changes.filter(number__lte=get_last_change(collection, space))
    columns = ("number", "fingerprint__picture_id", "fingerprint__vector", "removes")
    return [
        Change(number, picture, None if removes is not None else bytes(vector), removes)
        for number, picture, vector, removes in later_changes.order_by("number").values_list(*columns)[:limit]
    ]


def iterate_current_entries(
    collection: Collection, space: Space, last_number: int, batch: int = 20_000
) -> Iterator[list[tuple[int, bytes]]]:
    """Yield numbers and vectors of additions that no change up to ``last_number`` has reverted, in batches."""
    changes = IndexChange.objects.filter(collection=collection, space_id=get_space_id(space), number__lte=last_number)
    reverting_changes = changes.filter(removes=OuterRef("number"))
    current_additions = changes.filter(~Exists(reverting_changes), operation=IndexChange.Operation.ADD).order_by(
        "number"
    )
    number = 0
    while rows := list(
        current_additions.filter(number__gt=number).values_list("number", "fingerprint__vector")[:batch]
    ):
        yield [(number, bytes(vector)) for number, vector in rows]
        number = rows[-1][0]


def count_current_entries(
    collection: Collection, space: Space, last_number: int, last_removal: int | None = None
) -> int:
    """Count the additions up to ``last_number`` that no removal (up to ``last_removal``, if given) reverts."""
    reverting_changes = IndexChange.objects.filter(
        collection=collection, space_id=get_space_id(space), removes__lte=last_number
    )
    if last_removal is not None:
        reverting_changes = reverting_changes.filter(number__lte=last_removal)
    return list_additions(collection, space).filter(number__lte=last_number).count() - reverting_changes.count()


def list_additions(collection: Collection, space: Space) -> QuerySet[IndexChange]:
    """Return all additions to a collection in a space, including reverted ones."""
    return IndexChange.objects.filter(
        collection=collection, space_id=get_space_id(space), operation=IndexChange.Operation.ADD
    )


def get_last_change(collection: Collection, space: Space) -> int:
    """Return the highest change number, or 0 if there is none; no lower number is added later.

    For found pictures, this waits for transactions that are adding changes, and blocks new ones while it reads. Call it
    outside a transaction; otherwise, other transactions are blocked until that transaction ends.
    """
    changes = IndexChange.objects.filter(collection=collection, space_id=get_space_id(space))
    with transaction.atomic():
        if collection == Collection.PICTURES:
            hold(Lock.PICTURES)
        return changes.order_by("-number").values_list("number", flat=True).first() or 0


def count_later_changes(last_numbers: Mapping[tuple[Collection, Space], int]) -> dict[tuple[Collection, str], int]:
    """Count the changes after a number for each collection and space, by collection and space id, in one query."""
    ids = {space: get_space_id(space) for space in {space for _, space in last_numbers}}
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


_SELECT_PICTURES = """
    SELECT wanted.name, wanted.version, wanted.number, fingerprint.picture_id
    FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS wanted (name, version, number)
    JOIN registry_spacerow space ON space.name = wanted.name AND space.version = wanted.version
    JOIN registry_indexchange change
      ON change.collection = %s AND change.space_id = space.id AND change.number = wanted.number
    JOIN registry_fingerprintrow fingerprint ON fingerprint.id = change.fingerprint_id
    """


def map_pictures(collection: Collection, space: Space, numbers: Iterable[int]) -> dict[int, int]:
    """Return the added picture (primary key) by change number."""
    return {number: picture for (_, number), picture in map_pictures_in_spaces(collection, {space: numbers}).items()}


def map_pictures_in_spaces(
    collection: Collection, numbers: Mapping[Space, Iterable[int]]
) -> dict[tuple[str, int], int]:
    """Return the added pictures (primary keys) in several spaces, by space id and change number, in one query."""
    spaces = {(space.name, space.version): space.id for space in numbers}
    keys = [(space.name, space.version, number) for space, space_numbers in numbers.items() for number in space_numbers]
    if not keys:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_SELECT_PICTURES, [*map(list, zip(*keys, strict=True)), str(collection)])
        return {(spaces[name, version], number): picture for name, version, number, picture in cursor.fetchall()}


def clear_cached_spaces() -> None:
    """Clear the cached spaces, for processes that switch to another database."""
    _SPACE_IDS.clear()

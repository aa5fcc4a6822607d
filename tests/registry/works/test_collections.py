"""Test collections of works: names unique within an owner, counts without removed works."""

import pytest

from exhibit.clock import now
from exhibit.errors import ConflictError, InvalidRequestError, NotFoundError
from registry.models import Work
from registry.works import collections
from tests.assets.rows import owner


def test_collection_names_are_unique_for_an_owner(db: None) -> None:
    studio, agency = owner("studio"), owner("agency")
    collection = collections.get_or_create_collection(studio, " Harbours\n", by="Ann")
    assert (collection.name, collection.number) == ("Harbours", 1)
    assert collections.get_or_create_collection(studio, "Harbours", by="Bob") == collection
    other = collections.get_or_create_collection(studio, "Towers", by="Ann")
    assert collections.get_or_create_collection(agency, "Harbours", by="Bo") != collection
    with pytest.raises(ConflictError):
        collections.rename_collection(other, "Harbours", by="Ann")
    assert collections.find_collection(studio, "Towers") == other
    for wrong in ("", " ", "x" * 201):
        with pytest.raises(InvalidRequestError):
            collections.get_or_create_collection(studio, wrong, by="Ann")
    with pytest.raises(NotFoundError):
        collections.get_collection(agency, 2)


def test_removed_works_are_not_counted_and_works_outlive_their_collection(db: None) -> None:
    studio = owner("studio")
    works = [Work.objects.create(owner=studio, number=n, title=str(n), registered_at=now()) for n in (1, 2)]
    collection = collections.get_or_create_collection(studio, "Harbours", by="Ann")
    collection.works.set(works)
    Work.objects.filter(number=2).update(removed_at=now())
    assert collections.annotate_counts(studio.collections.all()).get().count == 1  # type: ignore[attr-defined]
    collections.remove_collection(collection, by="Ann")
    assert Work.objects.count() == 2


def test_number_of_collections_is_limited(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collections, "MAX_COLLECTIONS", 1)
    studio = owner("studio")
    collections.get_or_create_collection(studio, "Harbours", by="Ann")
    with pytest.raises(InvalidRequestError):
        collections.get_or_create_collection(studio, "Towers", by="Ann")

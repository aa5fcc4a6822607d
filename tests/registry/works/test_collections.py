"""Test collections of works: names unique within an owner, counts without removed works."""

import pytest

from exhibit.clock import now
from exhibit.errors import ConflictError, NotFoundError, WrongUseError
from registry.models import Work
from registry.works import collections
from tests.assets.rows import owner


def test_a_name_stands_for_one_collection_of_an_owner(db: None) -> None:
    studio, agency = owner("studio"), owner("agency")
    collection = collections.make_collection(studio, " Harbours\n", by="Ann")
    assert (collection.name, collection.number) == ("Harbours", 1)
    assert collections.make_collection(studio, "Harbours", by="Bob") == collection
    other = collections.make_collection(studio, "Towers", by="Ann")
    assert collections.make_collection(agency, "Harbours", by="Bo") != collection
    with pytest.raises(ConflictError):
        collections.rename_collection(other, "Harbours", by="Ann")
    assert collections.find_collection(studio, "Towers") == other
    for wrong in ("", " ", "x" * 201):
        with pytest.raises(WrongUseError):
            collections.make_collection(studio, wrong, by="Ann")
    with pytest.raises(NotFoundError):
        collections.get_collection(agency, 2)


def test_works_that_are_removed_do_not_count_and_stay_when_a_collection_goes(db: None) -> None:
    studio = owner("studio")
    works = [Work.objects.create(owner=studio, number=n, title=str(n), registered_at=now()) for n in (1, 2)]
    collection = collections.make_collection(studio, "Harbours", by="Ann")
    collection.works.set(works)
    Work.objects.filter(number=2).update(removed_at=now())
    assert collections.annotate_counts(studio.collections.all()).get().count == 1  # type: ignore[attr-defined]
    collections.remove_collection(collection, by="Ann")
    assert Work.objects.count() == 2


def test_there_is_an_end_to_collections(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collections, "MAX_COLLECTIONS", 1)
    studio = owner("studio")
    collections.make_collection(studio, "Harbours", by="Ann")
    with pytest.raises(WrongUseError):
        collections.make_collection(studio, "Towers", by="Ann")

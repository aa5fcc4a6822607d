"""Test bulk changes of works: history, log and remarks as for single changes, and a complete undo."""

import pytest

from exhibit.errors import ConflictError, InvalidRequestError
from registry import scoped
from registry.models import BulkEdit, LogSubmission, Owner, Work, WorkChange
from registry.works import bulk
from registry.works.collections import get_or_create_collection, remove_collection
from registry.works.declarations import edit_work
from registry.works.registration import remove_work
from tests.assets.rows import owner, photograph, register
from tests.desk.web.works.test_declarations import register_credited
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    new_owner = owner("studio")
    for number in range(3):
        register(inline.services, new_owner, photograph(number), f"W{number}")
    register(inline.services, owner("agency"), photograph(7), "Not theirs")
    return new_owner


def list_authors(rights_holder: Owner) -> list[str]:
    return list(scoped.list_owner_works(rights_holder).values_list("author", flat=True))


def set_author(inline: SyncRunner, rights_holder: Owner, value: str = "Ann Lee") -> BulkEdit:
    return bulk.start_bulk_edit(
        inline.services,
        rights_holder,
        scoped.list_owner_works(rights_holder),
        "author",
        value,
        by="Ann",
        reason="All are hers.",
    )


def test_bulk_edit_records_history_and_log_like_single_edits(inline: SyncRunner, studio: Owner) -> None:
    first = scoped.get_work(studio, 1)
    edit_work(first, first.declared_work.__class__(title="W0", author="Ann Lee"), by="Ann", reason="By hand.")
    entries = LogSubmission.objects.count()
    edit = set_author(inline, studio)
    assert (edit.state, edit.looked_at, edit.changed) == ("done", 3, 2)
    assert LogSubmission.objects.count() == entries + 2
    manual_work, bulk_work = (scoped.get_work(studio, number) for number in (1, 2))
    assert manual_work.changes.count() == 1  # it already had this value
    first_change, second_change = manual_work.changes.get(), bulk_work.changes.get()
    assert (second_change.kind, second_change.details, second_change.number) == (
        first_change.kind,
        first_change.details,
        first_change.number,
    )
    assert (second_change.by, second_change.reason) == ("Ann", "All are hers.")
    assert bulk_work.declaration is not None
    opening = bulk_work.declaration.opening
    assert (opening.content["author"], opening.content["edited"]) == ("Ann Lee", 1)
    assert opening.details is not None
    assert opening.details["reason"] == "All are hers."
    assert Work.objects.get(title="Not theirs").author == ""


def test_ownership_warnings_are_checked_again(inline: SyncRunner) -> None:
    studio = owner("studio")
    row = register_credited(inline, studio)  # its file names Bo Chan
    bulk_edit = set_author(inline, studio, "Bo Chan")
    assert not row.remarks.exists()
    bulk.undo_bulk_edit(inline.services, bulk_edit, by="Ann")
    assert row.remarks.get().kind == "credit"


def test_undo_restores_only_unchanged_values(inline: SyncRunner, studio: Owner) -> None:
    second = scoped.get_work(studio, 2)
    edit_work(second, second.declared_work.__class__(title="W1", author="Bo"), by="Ann")
    bulk_edit = set_author(inline, studio)
    third = scoped.get_work(studio, 3)
    edit_work(third, third.declared_work.__class__(title="W2", author="Cy"), by="Ann")
    undone = bulk.undo_bulk_edit(inline.services, bulk_edit, by="Bob")
    assert list_authors(studio) == ["", "Bo", "Cy"]
    assert (undone.undoes, undone.changed, undone.looked_at) == (bulk_edit, 2, 3)
    assert scoped.get_work(studio, 2).changes.first().by == "Bob"  # type: ignore[union-attr]
    for other in (bulk_edit, undone):
        with pytest.raises(ConflictError):
            bulk.undo_bulk_edit(inline.services, other, by="Ann")


@pytest.mark.long
def test_large_bulk_edit_runs_in_portions(inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "PORTION_SIZE", 2)
    bulk_edit = set_author(inline, studio)
    assert (bulk_edit.state, list_authors(studio)) == ("queued", ["", "", ""])
    remove_work(scoped.get_work(studio, 3), by="Ann")
    inline.run_until_idle()
    bulk_edit.refresh_from_db()
    assert (bulk_edit.state, bulk_edit.looked_at, bulk_edit.changed) == ("done", 3, 2)
    assert WorkChange.objects.filter(bulk=bulk_edit).count() == 2
    assert Work.objects.get(title="W2").author == ""


@pytest.mark.parametrize(
    ("what", "value"),
    [("title", "X"), ("registered_at", "2020"), ("created", "yesterday"), ("medium", "film"), ("take", "No such"),
     ("put", " "), ("author", "x" * 301)],
)  # fmt: skip
def test_invalid_bulk_edit_is_rejected(inline: SyncRunner, studio: Owner, what: str, value: str) -> None:
    with pytest.raises(InvalidRequestError):
        bulk.start_bulk_edit(inline.services, studio, scoped.list_owner_works(studio), what, value, by="Ann")
    assert not BulkEdit.objects.exists()
    with pytest.raises(InvalidRequestError):
        bulk.start_bulk_edit(inline.services, studio, Work.objects.exclude(owner=studio), "author", "Ann", by="Ann")
    assert not BulkEdit.objects.exists()


def test_collection_changes_can_be_undone(inline: SyncRunner, studio: Owner) -> None:
    works, services = scoped.list_owner_works(studio), inline.services
    bulk.start_bulk_edit(services, studio, works.filter(number=1), "put", "Harbours", by="Ann")
    add_edit = bulk.start_bulk_edit(services, studio, works, "put", "Harbours", by="Ann")
    (row,) = studio.collections.all()
    assert (row.works.count(), add_edit.changed) == (3, 2)
    change = scoped.get_work(studio, 2).changes.get()
    assert (change.kind, change.details) == ("collected", {"collections": {"before": [], "after": ["Harbours"]}})
    bulk.undo_bulk_edit(services, add_edit, by="Ann")
    assert [work.number for work in row.works.all()] == [1]
    remove_edit = bulk.start_bulk_edit(services, studio, works, "take", "Harbours", by="Ann")
    assert (row.works.count(), remove_edit.changed) == (0, 1)
    bulk.undo_bulk_edit(services, remove_edit, by="Ann")
    assert [work.number for work in row.works.all()] == [1]
    remove_collection(row, by="Ann")
    assert get_or_create_collection(studio, "Harbours", by="Ann").works.count() == 0

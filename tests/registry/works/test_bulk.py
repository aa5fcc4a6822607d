"""Test bulk changes of works: history, log and remarks as for single changes, and a complete undo."""

import pytest

from exhibit.errors import ConflictError, WrongUseError
from registry import scoped
from registry.models import BulkEdit, LogSubmission, Owner, Work, WorkChange
from registry.works import bulk
from registry.works.collections import make_collection, remove_collection
from registry.works.declarations import edit
from registry.works.registration import remove_work
from tests.assets.rows import owner, photograph, register
from tests.desk.web.works.test_declarations import credited
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    made = owner("studio")
    for number in range(3):
        register(inline.services, made, photograph(number), f"W{number}")
    register(inline.services, owner("agency"), photograph(7), "Not theirs")
    return made


def authors(of: Owner) -> list[str]:
    return list(scoped.works(of).values_list("author", flat=True))


def set_author(inline: SyncRunner, of: Owner, value: str = "Ann Lee") -> BulkEdit:
    return bulk.edit_many(inline.services, of, scoped.works(of), "author", value, by="Ann", reason="All are hers.")


def test_each_work_gets_its_line_of_history_and_its_entry_as_by_hand(inline: SyncRunner, studio: Owner) -> None:
    first = scoped.work(studio, 1)
    edit(first, first.declared.__class__(title="W0", author="Ann Lee"), by="Ann", reason="By hand.")
    entries = LogSubmission.objects.count()
    made = set_author(inline, studio)
    assert (made.state, made.looked_at, made.changed) == ("done", 3, 2)
    assert LogSubmission.objects.count() == entries + 2
    by_hand, at_once = (scoped.work(studio, number) for number in (1, 2))
    assert by_hand.changes.count() == 1  # it had this value already
    told, said = by_hand.changes.get(), at_once.changes.get()
    assert (said.kind, said.details, said.number) == (told.kind, told.details, told.number)
    assert (said.by, said.reason) == ("Ann", "All are hers.")
    assert at_once.declaration is not None
    opening = at_once.declaration.opening
    assert (opening.content["author"], opening.content["edited"]) == ("Ann Lee", 1)
    assert opening.details is not None
    assert opening.details["reason"] == "All are hers."
    assert Work.objects.get(title="Not theirs").author == ""


def test_what_speaks_against_works_is_looked_at_anew(inline: SyncRunner) -> None:
    studio = owner("studio")
    row = credited(inline, studio)  # its file names Bo Chan
    made = set_author(inline, studio, "Bo Chan")
    assert not row.remarks.exists()
    bulk.undo(inline.services, made, by="Ann")
    assert row.remarks.get().kind == "credit"


def test_undo_gives_back_what_nobody_has_changed_since(inline: SyncRunner, studio: Owner) -> None:
    second = scoped.work(studio, 2)
    edit(second, second.declared.__class__(title="W1", author="Bo"), by="Ann")
    made = set_author(inline, studio)
    third = scoped.work(studio, 3)
    edit(third, third.declared.__class__(title="W2", author="Cy"), by="Ann")
    undone = bulk.undo(inline.services, made, by="Bob")
    assert authors(studio) == ["", "Bo", "Cy"]
    assert (undone.undoes, undone.changed, undone.looked_at) == (made, 2, 3)
    assert scoped.work(studio, 2).changes.first().by == "Bob"  # type: ignore[union-attr]
    for other in (made, undone):
        with pytest.raises(ConflictError):
            bulk.undo(inline.services, other, by="Ann")


@pytest.mark.long
def test_many_works_are_changed_by_their_step_in_portions(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "PORTION", 2)
    made = set_author(inline, studio)
    assert (made.state, authors(studio)) == ("todo", ["", "", ""])
    remove_work(scoped.work(studio, 3), by="Ann")
    inline.run_until_idle()
    made.refresh_from_db()
    assert (made.state, made.looked_at, made.changed) == ("done", 3, 2)
    assert WorkChange.objects.filter(bulk=made).count() == 2
    assert Work.objects.get(title="W2").author == ""


@pytest.mark.parametrize(
    ("what", "value"),
    [("title", "X"), ("registered_at", "2020"), ("created", "yesterday"), ("medium", "film"), ("take", "No such"),
     ("put", " "), ("author", "x" * 301)],
)  # fmt: skip
def test_what_cannot_be_meant_changes_nothing(inline: SyncRunner, studio: Owner, what: str, value: str) -> None:
    with pytest.raises(WrongUseError):
        bulk.edit_many(inline.services, studio, scoped.works(studio), what, value, by="Ann")
    assert not BulkEdit.objects.exists()
    with pytest.raises(WrongUseError):
        bulk.edit_many(inline.services, studio, Work.objects.exclude(owner=studio), "author", "Ann", by="Ann")
    assert not BulkEdit.objects.exists()


def test_works_go_into_a_collection_and_out_of_it_and_back(inline: SyncRunner, studio: Owner) -> None:
    works, services = scoped.works(studio), inline.services
    bulk.edit_many(services, studio, works.filter(number=1), "put", "Harbours", by="Ann")
    made = bulk.edit_many(services, studio, works, "put", "Harbours", by="Ann")
    (row,) = studio.collections.all()
    assert (row.works.count(), made.changed) == (3, 2)
    change = scoped.work(studio, 2).changes.get()
    assert (change.kind, change.details) == ("collected", {"collections": {"before": [], "after": ["Harbours"]}})
    bulk.undo(services, made, by="Ann")
    assert [work.number for work in row.works.all()] == [1]
    taken = bulk.edit_many(services, studio, works, "take", "Harbours", by="Ann")
    assert (row.works.count(), taken.changed) == (0, 1)
    bulk.undo(services, taken, by="Ann")
    assert [work.number for work in row.works.all()] == [1]
    remove_collection(row, by="Ann")
    assert make_collection(studio, "Harbours", by="Ann").works.count() == 0

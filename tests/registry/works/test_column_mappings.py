"""Test unknown column headings: shown with their first rows, mapped once, and applied to the next table."""

import pytest

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import NotFoundError, WrongUseError
from registry.models import ColumnMapping
from registry.works import column_mappings
from registry.works.column_mappings import Columns, mark
from registry.works.spreadsheets import MAX_HEADING, HeadingsError
from registry.works.tables import read_works
from registry.works.workbooks import MAX_COLUMNS
from tests.assets.rows import owner

KIND = ColumnMapping.Kind.WORKS
TABLE = b"Kennung;Title;Knipser;Lager\na.jpg;Alpha;Ann;7\nb.jpg;;Bob;\n=c.jpg;Gamma;;9\nd.jpg;;;\n"
HEADINGS = ["Kennung", "Title", "Knipser", "Lager"]


def test_headings_are_chosen_once_and_remembered_for_one_owner_and_kind(db: None) -> None:
    studio, agency = owner("studio"), owner("agency")
    with pytest.raises(HeadingsError) as refused:
        read_works("list.csv", TABLE, Columns(studio, KIND))
    beginning = refused.value.beginning
    assert (list(beginning.headings), beginning.guesses) == (HEADINGS, ("", "title", "", ""))
    assert beginning.rows[1:] == (("b.jpg", "", "Bob", ""), ("=c.jpg", "Gamma", "", "9"))
    chosen = ["file", "title", "author", "<script>"]
    for columns in (Columns(studio, KIND, chosen, mark(["Other"])), Columns(studio, KIND, chosen[:3], mark(HEADINGS))):
        with pytest.raises(HeadingsError):
            read_works("list.csv", TABLE, columns)
    now = Columns(studio, KIND, chosen, mark(HEADINGS))
    assert read_works("list.csv", TABLE, now)["a.jpg"].author == "Ann"
    now.remember(by="ann")

    later = Columns(studio, KIND)
    assert read_works("other.csv", TABLE, later).keys() == {"a.jpg", "b.jpg", "=c.jpg", "d.jpg"}
    assert later.used is not None
    assert later.used.columns == [["Kennung", "file"], ["Title", "title"], ["Knipser", "author"], ["Lager", ""]]
    for columns in (Columns(agency, KIND), Columns(studio, ColumnMapping.Kind.LICENCES)):
        with pytest.raises(HeadingsError):
            read_works("list.csv", TABLE, columns)
    with pytest.raises(NotFoundError):
        column_mappings.forget(agency, later.used.pk)
    column_mappings.forget(studio, later.used.pk)
    with pytest.raises(HeadingsError):
        read_works("list.csv", TABLE, Columns(studio, KIND))


def test_a_choice_without_the_file_or_with_a_column_twice_is_asked_again_and_bounds_hold(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = owner("studio")
    for chosen in (["title", "", "", ""], ["file", "file", "", ""]):
        with pytest.raises(HeadingsError):
            read_works("list.csv", TABLE, Columns(studio, KIND, chosen, mark(HEADINGS)))
    for headings in (";".join(f"h{n}" for n in range(MAX_COLUMNS + 1)), "x" * (MAX_HEADING + 1) + ";y"):
        with pytest.raises(WrongUseError) as refused:
            read_works("list.csv", f"{headings}\n".encode(), Columns(studio, KIND))
        assert not isinstance(refused.value, HeadingsError)
        columns = Columns(studio, KIND, ["file"] + [""] * headings.count(";"), mark(headings.split(";")))
        with pytest.raises(WrongUseError):
            read_works("list.csv", f"{headings}\n".encode(), columns)
        assert columns.used is None
    monkeypatch.setattr(column_mappings, "MAX_KEPT", 2)
    for name in ("Eins", "Zwei", "Drei"):
        columns = Columns(studio, KIND, ["file"], mark([name]))
        read_works("list.csv", f"{name}\na.jpg\n".encode(), columns)
        columns.remember(by="ann")
    assert [row.columns[0][0] for row in column_mappings.kept_by(studio)] == ["Drei", "Zwei"]


def test_headings_that_are_known_mean_what_they_say_whatever_was_chosen(db: None) -> None:
    studio, headings = owner("studio"), ["file", "title", "author", "holder"]
    columns = Columns(studio, KIND, ["file", "title", "holder", "author"], mark(headings))
    table = f"{','.join(headings)}\na.jpg,Alpha,Ann,Agency\n".encode()
    read = read_works("list.csv", table, columns)["a.jpg"]
    assert (read.author, read.holder) == ("Ann", "Agency")
    columns.remember(by="eve")
    assert not ColumnMapping.objects.exists()
    ColumnMapping.objects.create(
        owner=studio, kind=KIND, key=Digest.from_hex(mark(headings)), by="eve", at=now(),
        columns=[["file", "file"], ["title", "title"], ["author", "holder"], ["holder", "author"]],
    )  # fmt: skip
    assert read_works("list.csv", table, Columns(studio, KIND))["a.jpg"].author == "Ann"

"""Test unknown column headings: shown with their first rows, mapped once, and applied to the next table."""

import pytest

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, NotFoundError
from registry.models import ColumnMapping
from registry.works import column_mappings
from registry.works.column_mappings import Columns, compute_headings_digest
from registry.works.spreadsheets import MAX_HEADING_LENGTH, HeadingsError
from registry.works.work_tables import parse_works_table
from registry.works.workbooks import MAX_COLUMNS
from tests.assets.rows import owner

KIND = ColumnMapping.Kind.WORKS
TABLE = b"Kennung;Title;Knipser;Lager\na.jpg;Alpha;Ann;7\nb.jpg;;Bob;\n=c.jpg;Gamma;;9\nd.jpg;;;\n"
HEADINGS = ["Kennung", "Title", "Knipser", "Lager"]


def test_mapping_is_remembered_for_one_owner_and_kind(db: None) -> None:
    studio, agency = owner("studio"), owner("agency")
    with pytest.raises(HeadingsError) as error_info:
        parse_works_table("list.csv", TABLE, Columns(studio, KIND))
    beginning = error_info.value.table_start
    assert (list(beginning.headings), beginning.guesses) == (HEADINGS, ("", "title", "", ""))
    assert beginning.rows[1:] == (("b.jpg", "", "Bob", ""), ("=c.jpg", "Gamma", "", "9"))
    choices = ["file", "title", "author", "<script>"]
    for columns in (
        Columns(studio, KIND, choices, compute_headings_digest(["Other"])),
        Columns(studio, KIND, choices[:3], compute_headings_digest(HEADINGS)),
    ):
        with pytest.raises(HeadingsError):
            parse_works_table("list.csv", TABLE, columns)
    now = Columns(studio, KIND, choices, compute_headings_digest(HEADINGS))
    assert parse_works_table("list.csv", TABLE, now)["a.jpg"].author == "Ann"
    now.remember(by="ann")

    later = Columns(studio, KIND)
    assert parse_works_table("other.csv", TABLE, later).keys() == {"a.jpg", "b.jpg", "=c.jpg", "d.jpg"}
    assert later.used_mapping is not None
    assert later.used_mapping.columns == [["Kennung", "file"], ["Title", "title"], ["Knipser", "author"], ["Lager", ""]]
    for columns in (Columns(agency, KIND), Columns(studio, ColumnMapping.Kind.LICENCES)):
        with pytest.raises(HeadingsError):
            parse_works_table("list.csv", TABLE, columns)
    with pytest.raises(NotFoundError):
        column_mappings.delete_mapping(agency, later.used_mapping.pk)
    column_mappings.delete_mapping(studio, later.used_mapping.pk)
    with pytest.raises(HeadingsError):
        parse_works_table("list.csv", TABLE, Columns(studio, KIND))


def test_mapping_without_file_column_or_with_duplicates_is_refused(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = owner("studio")
    for choices in (["title", "", "", ""], ["file", "file", "", ""]):
        with pytest.raises(HeadingsError):
            parse_works_table("list.csv", TABLE, Columns(studio, KIND, choices, compute_headings_digest(HEADINGS)))
    for headings in (";".join(f"h{n}" for n in range(MAX_COLUMNS + 1)), "x" * (MAX_HEADING_LENGTH + 1) + ";y"):
        with pytest.raises(InvalidRequestError) as error_info:
            parse_works_table("list.csv", f"{headings}\n".encode(), Columns(studio, KIND))
        assert not isinstance(error_info.value, HeadingsError)
        columns = Columns(
            studio, KIND, ["file"] + [""] * headings.count(";"), compute_headings_digest(headings.split(";"))
        )
        with pytest.raises(InvalidRequestError):
            parse_works_table("list.csv", f"{headings}\n".encode(), columns)
        assert columns.used_mapping is None
    monkeypatch.setattr(column_mappings, "MAX_MAPPINGS", 2)
    for name in ("Eins", "Zwei", "Drei"):
        columns = Columns(studio, KIND, ["file"], compute_headings_digest([name]))
        parse_works_table("list.csv", f"{name}\na.jpg\n".encode(), columns)
        columns.remember(by="ann")
    assert [row.columns[0][0] for row in column_mappings.list_mappings(studio)] == ["Drei", "Zwei"]


def test_known_headings_take_precedence_over_the_column_mapping(db: None) -> None:
    studio, headings = owner("studio"), ["file", "title", "author", "holder"]
    columns = Columns(studio, KIND, ["file", "title", "holder", "author"], compute_headings_digest(headings))
    table = f"{','.join(headings)}\na.jpg,Alpha,Ann,Agency\n".encode()
    work = parse_works_table("list.csv", table, columns)["a.jpg"]
    assert (work.author, work.holder) == ("Ann", "Agency")
    columns.remember(by="eve")
    assert not ColumnMapping.objects.exists()
    ColumnMapping.objects.create(
        owner=studio, kind=KIND, key=Digest.from_hex(compute_headings_digest(headings)), by="eve", at=now(),
        columns=[["file", "file"], ["title", "title"], ["author", "holder"], ["holder", "author"]],
    )  # fmt: skip
    assert parse_works_table("list.csv", table, Columns(studio, KIND))["a.jpg"].author == "Ann"

"""What speaks against a work being its owner's, and how it was changed, in words."""

from desk.texts.ownership import change_rows, plain, said_of, stated_rows, statement_rows, term_rows, warnings
from evidence.facts.case import ProvenanceFacts
from exhibit.pictures.metadata import FileMetadata
from registry.models import OwnershipRemark, WorkChange
from registry.pictures.provenance import FileStatement
from registry.works.copyright_terms import By, Finding, Standing
from registry.works.ownership import EARLIER


def test_a_manifest_that_cannot_be_read_is_said() -> None:
    found = statement_rows(FileStatement(FileMetadata(), ProvenanceFacts("unreadable")))
    assert found == [("Manifest (C2PA)", "there is one that couldn't be read")]


def test_remarks_say_what_was_stated_and_what_follows() -> None:
    credit = said_of(OwnershipRemark(kind="credit", details={"stated": {"author": "Bo", "newer": "x"}}))
    assert (credit.sentence, credit.stated) == (
        "The file names somebody else than you declare.",
        (("Author", "Bo"), ("newer", "x")),
    )
    term = said_of(OwnershipRemark(kind="term", details={"countries": ["US", "XX"]}))
    assert term.sentence == "Protection may be over on the dates entered: United States, XX."
    assert term.follows
    manifest = said_of(OwnershipRemark(kind="manifest", details={"stated": ["Bo", "Cy"], "standing": "invalid"}))
    assert (manifest.stated, manifest.follows) == ((("", "Bo, Cy"),), "Its signature doesn't fit the file.")


def test_warnings_are_sentences_in_a_row() -> None:
    earlier = {"registered_at": "2026-05-01T12:00:00.000000Z", "alike": "near"}
    assert warnings({EARLIER: earlier, "credit": {"stated": {"author": "Bo"}}}) == [
        "Somebody else registered a nearly same picture here before, on 1 May 2026.",
        "The file names somebody else than you declare. Author: Bo",
    ]


def test_terms_changes_and_what_a_file_states_are_rows_in_words() -> None:
    finding = Finding("CN", "The rule", Standing.OVER, By.DEATH, 50)
    assert term_rows((finding,)) == [
        ("China", "may be over on the dates entered", "50 years after the author's death", "The rule")
    ]
    office = {"office": "USCO", "number": "VA 1", "date": ""}
    edited = {"registrations": {"before": [], "after": [office]}, "medium": {"before": "", "after": "photograph"}}
    assert change_rows(WorkChange(kind="edited", details=edited)) == [
        ("Official registrations", "–", "USCO VA 1"),
        ("Kind", "not said", "a photograph"),
    ]
    assert change_rows(WorkChange(kind="attached", details={"name": "contract.pdf"})) == [("", "", "contract.pdf")]
    stated = {"author": "Bo", "size": 3, "manifest": {"authors": ["Bo", "Cy"]}}
    assert stated_rows(stated) == [("Author", "Bo"), ("Manifest (C2PA)", "Bo, Cy")]
    assert plain("author_died", None) == "–"

"""Test the sentences about ownership warnings and changes of a work."""

from desk.texts.ownership import (
    build_change_rows,
    build_file_statement_rows,
    build_metadata_rows,
    build_term_rows,
    describe_remark,
    describe_warnings,
    format_declared,
)
from evidence.facts.case import ProvenanceFacts
from exhibit.pictures.metadata import FileMetadata
from registry.models import OwnershipRemark, WorkChange
from registry.pictures.provenance import FileStatement
from registry.works.copyright_terms import Basis, TermResult, TermStatus
from registry.works.ownership import EARLIER
from tests.assets.pages import numbers_in


def test_unreadable_manifest_is_reported() -> None:
    rows = build_file_statement_rows(FileStatement(FileMetadata(), ProvenanceFacts("unreadable")))
    assert len(rows) == 1
    assert rows != build_file_statement_rows(FileStatement(FileMetadata(), ProvenanceFacts("none")))


def test_ownership_warnings_state_the_claim_and_its_effect() -> None:
    credit = describe_remark(OwnershipRemark(kind="credit", details={"stated": {"author": "Bo", "newer": "x"}}))
    assert [value for _, value in credit.statements] == ["Bo", "x"]
    assert credit.statements[1][0] == "newer"
    term = describe_remark(OwnershipRemark(kind="term", details={"countries": ["US", "XX"]}))
    assert "United States, XX" in term.sentence
    assert term.consequence
    manifest = describe_remark(
        OwnershipRemark(kind="manifest", details={"stated": ["Bo", "Cy"], "standing": "invalid"})
    )
    assert (manifest.statements, bool(manifest.consequence)) == ((("", "Bo, Cy"),), True)


def test_each_ownership_warning_is_described_in_one_sentence() -> None:
    earlier = {"registered_at": "2026-05-01T12:00:00.000000Z", "alike": "near"}
    first, second = describe_warnings({EARLIER: earlier, "credit": {"stated": {"author": "Bo"}}})
    assert "1 May 2026" in first
    assert second.endswith("Bo")


def test_terms_changes_and_file_statements_are_labelled_rows() -> None:
    finding = TermResult("CN", "The rule", TermStatus.EXPIRED, Basis.DEATH, 50)
    [(country, standing, ends, rule)] = build_term_rows((finding,))
    assert (country, bool(standing), numbers_in(ends), rule) == ("China", True, ["50"], "The rule")
    office = {"office": "USCO", "number": "VA 1", "date": ""}
    edited = {"registrations": {"before": [], "after": [office]}, "medium": {"before": "", "after": "photograph"}}
    registrations, medium = build_change_rows(WorkChange(kind="edited", details=edited))
    assert registrations[1:] == ("–", "USCO VA 1")
    assert medium[1] != medium[2]
    assert build_change_rows(WorkChange(kind="attached", details={"name": "contract.pdf"})) == [
        ("", "", "contract.pdf")
    ]
    statement = {"author": "Bo", "size": 3, "manifest": {"authors": ["Bo", "Cy"]}}
    assert [value for _, value in build_metadata_rows(statement)] == ["Bo", "Bo, Cy"]
    assert format_declared("author_died", None) == "–"

"""Test which sealed files are documents that the verifier generates again."""

from evidence.verify.checks.remade import is_sheet


def test_a_sheet_lies_in_data_itself() -> None:
    assert is_sheet("data/exhibit.pdf")
    assert not any(map(is_sheet, ("data/x/data/exhibit.pdf", "x/data/exhibit.pdf", "data/.pdf/x", "data/exhibit.PDF")))

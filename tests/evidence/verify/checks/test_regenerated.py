"""Test the selection of sealed documents that the verifier regenerates."""

from evidence.verify.checks.regeneration import is_sheet


def test_sheet_is_recognised_only_in_data_folder() -> None:
    assert is_sheet("data/exhibit.pdf")
    assert not any(map(is_sheet, ("data/x/data/exhibit.pdf", "x/data/exhibit.pdf", "data/.pdf/x", "data/exhibit.PDF")))

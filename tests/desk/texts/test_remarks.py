"""Why a match is left to a person."""

from django.utils import translation

from desk.texts.remarks import further_in_words, remarks_of


def test_reasons_are_sentences_and_an_unknown_one_stays() -> None:
    assert remarks_of(["few-inliers", "newer-reason"]) == ["Few details were found again.", "newer-reason"]
    with translation.override("zh-hans"):
        assert remarks_of(["few-inliers"]) != ["Few details were found again."]


def test_further_copies_are_counted() -> None:
    assert further_in_words(0) == ""
    assert further_in_words(1) == "The work is in the picture once more."
    assert further_in_words(2) == "The work is in the picture 2 times more."

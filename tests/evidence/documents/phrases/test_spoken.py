"""Test that sentences in facts are translated into a document's language, with arbitrary values in them."""

import pytest

from evidence.documents.phrases import load_phrases

pytestmark = pytest.mark.timeout(30)
CHINESE, ENGLISH = load_phrases("zh-Hans"), load_phrases("en")
COVERED_SENTENCE = "Licence L-1 (A (B)): it covers 2 of 3 sightings."


def test_sentences_are_translated_with_their_values() -> None:
    spoken = CHINESE.translate(COVERED_SENTENCE)
    assert spoken != COVERED_SENTENCE
    assert all(value in spoken for value in ("L-1", "A (B)", "2", "3"))
    assert CHINESE.translate(f"{COVERED_SENTENCE} {COVERED_SENTENCE} Said by Ann.").endswith("Said by Ann.")
    assert ENGLISH.translate(COVERED_SENTENCE) == COVERED_SENTENCE


def test_user_text_is_unchanged() -> None:
    assert CHINESE.translate("It was mine: of course.") == "It was mine: of course."


@pytest.mark.parametrize("times", [100, 2000])
def test_ambiguous_sentence_is_unchanged_and_fast(times: int) -> None:
    text = "Licence " + "x (" * times + "x): it covers " * times + "x of " * times + "x sightings"
    assert CHINESE.translate(text) == text

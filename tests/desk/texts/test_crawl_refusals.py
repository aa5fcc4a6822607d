"""Test the reasons why a crawl refused a URL, why it ended, and why a search was not completed."""

from desk.texts.crawl_refusals import ENDS, OUTCOMES, REASONS, end_in_words, inquiry_in_words, refusal_in_words
from exhibit.clock import now
from exhibit.reasons import Reason
from registry.models import Inquiry


def test_unknown_refusal_has_a_message() -> None:
    assert refusal_in_words("http-404") == str(REASONS["http-404"])
    assert "418" in refusal_in_words("http-418")
    assert "503" in refusal_in_words("http-503")
    assert refusal_in_words("newer", "It was something else.") == "It was something else."
    assert refusal_in_words("newer") == "newer"


def test_each_refusal_reason_has_a_message() -> None:
    assert set(Reason) == {reason for reason in REASONS if not reason.startswith("http-")}


def test_skipped_url_pattern_is_shown_with_its_count() -> None:
    message = "412 pages like a/calendar/#/#"
    assert refusal_in_words("repetitive", message) == message
    assert refusal_in_words("repetitive") == str(REASONS[Reason.REPETITIVE])


def test_end_reasons_of_runs_and_searches_have_messages() -> None:
    assert end_in_words("") not in {str(end) for end in ENDS.values()}
    assert end_in_words("stopped") == str(ENDS["stopped"])
    assert end_in_words("newer") == "newer"
    assert inquiry_in_words(Inquiry(outcome="no-key")) == str(OUTCOMES["no-key"])
    assert inquiry_in_words(Inquiry(state="failed"))
    assert inquiry_in_words(Inquiry(state="failed", error="It forbids.")) == "It forbids."
    assert inquiry_in_words(Inquiry(not_before=now(), error="Status 503.")).startswith("Status 503. ")
    assert inquiry_in_words(Inquiry()) == ""

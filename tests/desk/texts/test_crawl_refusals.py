"""Test the reasons why a crawl refused a URL, why it ended, and why a search was not completed."""

from desk.texts.crawl_refusals import (
    END_SENTENCES,
    OUTCOME_SENTENCES,
    REASON_SENTENCES,
    describe_end,
    describe_inquiry,
    describe_refusal,
)
from exhibit.clock import now
from exhibit.reasons import Reason
from registry.models import Inquiry


def test_unknown_refusal_has_a_message() -> None:
    assert describe_refusal("http-404") == str(REASON_SENTENCES["http-404"])
    assert "418" in describe_refusal("http-418")
    assert "503" in describe_refusal("http-503")
    assert describe_refusal("newer", "It was something else.") == "It was something else."
    assert describe_refusal("newer") == "newer"


def test_each_refusal_reason_has_a_message() -> None:
    assert set(Reason) == {reason for reason in REASON_SENTENCES if not reason.startswith("http-")}


def test_skipped_url_pattern_is_shown_with_its_count() -> None:
    message = "412 pages like a/calendar/#/#"
    assert describe_refusal("repetitive", message) == message
    assert describe_refusal("repetitive") == str(REASON_SENTENCES[Reason.REPETITIVE])


def test_end_reasons_of_runs_and_searches_have_messages() -> None:
    assert describe_end("") not in {str(end) for end in END_SENTENCES.values()}
    assert describe_end("stopped") == str(END_SENTENCES["stopped"])
    assert describe_end("newer") == "newer"
    assert describe_inquiry(Inquiry(outcome="no-key")) == str(OUTCOME_SENTENCES["no-key"])
    assert describe_inquiry(Inquiry(state="failed"))
    assert describe_inquiry(Inquiry(state="failed", error="It forbids.")) == "It forbids."
    assert describe_inquiry(Inquiry(not_before=now(), error="Status 503.")).startswith("Status 503. ")
    assert describe_inquiry(Inquiry()) == ""

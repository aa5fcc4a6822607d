"""Why a crawl refused an address, ended, or a search wasn't asked to the end."""

from desk.texts.crawl_refusals import REASONS, end_in_words, inquiry_in_words, refusal_in_words
from exhibit.clock import now
from exhibit.reasons import Reason
from registry.models import Inquiry


def test_a_refusal_is_said_also_where_nobody_foresaw_it() -> None:
    assert refusal_in_words("http-404") == "There is nothing at this address."
    assert refusal_in_words("http-418") == "The server answered with status 418."
    assert refusal_in_words("http-503") == "The server had a fault (status 503)."
    assert refusal_in_words("newer", "It was something else.") == "It was something else."
    assert refusal_in_words("newer") == "newer"


def test_each_reason_has_its_words() -> None:
    assert set(Reason) == {reason for reason in REASONS if not reason.startswith("http-")}


def test_what_was_left_out_of_a_pattern_is_said_with_its_number() -> None:
    said = "412 pages of the pattern a/calendar/#/# were left out: the last 20 showed nothing new."
    assert refusal_in_words("repetitive", said) == said
    assert refusal_in_words("repetitive") == "Pages of a pattern whose last ones showed nothing new were left out."


def test_the_end_of_a_run_and_of_a_search_is_said() -> None:
    assert end_in_words("") == "Under way"
    assert end_in_words("stopped") == "Stopped by a person."
    assert end_in_words("newer") == "newer"
    assert inquiry_in_words(Inquiry(outcome="no-key")) == "There is no key for it."
    assert inquiry_in_words(Inquiry(state="failed")) == "It didn't answer, again and again."
    assert inquiry_in_words(Inquiry(state="failed", error="It forbids.")) == "It forbids."
    assert (
        inquiry_in_words(Inquiry(not_before=now(), error="Status 503.")) == "Status 503. It is asked again by itself."
    )
    assert inquiry_in_words(Inquiry()) == ""

from dataclasses import replace
from typing import Any

import pytest

from exhibit.clock import parse_rfc3339
from exhibit.digests import Digest
from exhibit.errors import WrongUseError
from exhibit.types import DeclaredWork, Fetched, Metric, Price, Sighting, Space, parse_money


def test_a_stored_vector_takes_the_bytes_of_its_metric() -> None:
    space = Space("phash256", "2", Metric.HAMMING, 256)
    assert space.id == "phash256@2"
    sizes = {metric: replace(space, metric=metric).vector_bytes for metric in Metric}
    assert sizes == {Metric.HAMMING: 32, Metric.COSINE: 1024, Metric.VOTES: 256}


def test_an_image_that_was_fetched_once_is_seen_at_each_of_its_places() -> None:
    image = Fetched(
        final_url="http://a/i",
        digest=Digest.of(b"i"),
        size=1,
        media_type="image/png",
        status=200,
        request_headers=(),
        response_headers=(("Via", "1"), ("Via", "2")),
        peer="",
        fetched_at=parse_rfc3339("2026-01-02T03:04:05Z"),
        not_modified=True,
    )
    seen = [image.at(page, "http://b/i", "img", "words") for page in ("http://a/1", "http://a/2")]
    assert all(isinstance(one, Sighting) for one in seen)
    assert [one.page_url for one in seen] == ["http://a/1", "http://a/2"]
    assert {(one.image_url, one.found_in, one.context, one.not_modified) for one in seen} == {
        ("http://b/i", "img", "words", True)
    }
    assert seen[0].response_headers == image.response_headers


def test_a_declared_work_has_columns_that_make_it_again() -> None:
    made = DeclaredWork(title="One", author_died=1950, registrations=({"office": "USCO", "number": "1"},))
    columns = made.columns()
    assert columns["registrations"] == [{"office": "USCO", "number": "1"}]
    assert DeclaredWork(**{**columns, "registrations": tuple(columns["registrations"])}) == made


def test_money_is_read_and_written_exactly() -> None:
    for text, millionths, said in (
        ("4.99 USD", 4_990_000, "4.99 USD"), ("0.0035USD", 3_500, "0.0035 USD"), (" 10 CNY ", 10_000_000, "10.00 CNY"),
        ("999999999.999999 EUR", 999_999_999_999_999, "999999999.999999 EUR"),
    ):  # fmt: skip
        assert (parse_money(text).millionths, str(parse_money(text))) == (millionths, said)
    for wrong in ("", "5", "USD", "-1 USD", "1.0000001 USD", "1,5 USD", "1 usd", "٣ USD", "1e3 USD", "5 USD 6"):
        with pytest.raises(WrongUseError):
            parse_money(wrong)


def test_a_price_of_many_requests_is_one_of_each_that_is_never_too_small() -> None:
    assert str(Price(amount="3.50 USD", requests=1_000).each) == "0.0035 USD"
    assert Price(amount="1 USD", requests=3).each.millionths == 333_334
    wrong: list[dict[str, Any]] = [{"requests": 0}, {"free": -1}, {"amount": "free"}]
    for one in wrong:
        with pytest.raises(WrongUseError):
            Price(**{"amount": "1 USD", **one})

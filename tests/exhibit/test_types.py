from dataclasses import replace
from typing import Any

import pytest

from exhibit.clock import parse_rfc3339
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from exhibit.types import DeclaredWork, FetchedPicture, Metric, Price, Sighting, Space, parse_money


def test_vector_size_in_bytes_depends_on_the_metric() -> None:
    space = Space("phash256", "2", Metric.HAMMING, 256)
    assert space.id == "phash256@2"
    sizes = {metric: replace(space, metric=metric).vector_bytes for metric in Metric}
    assert sizes == {Metric.HAMMING: 32, Metric.COSINE: 1024, Metric.VOTES: 256}


def test_image_fetched_once_has_a_sighting_on_each_page() -> None:
    image = FetchedPicture(
        final_url="http://a/i",
        digest=Digest.from_bytes(b"i"),
        size=1,
        media_type="image/png",
        status=200,
        request_headers=(),
        response_headers=(("Via", "1"), ("Via", "2")),
        peer="",
        fetched_at=parse_rfc3339("2026-01-02T03:04:05Z"),
        not_modified=True,
    )
    sightings = [image.create_sighting(page, "http://b/i", "img", "words") for page in ("http://a/1", "http://a/2")]
    assert all(isinstance(sighting, Sighting) for sighting in sightings)
    assert [sighting.page_url for sighting in sightings] == ["http://a/1", "http://a/2"]
    assert {
        (sighting.image_url, sighting.found_in, sighting.context, sighting.not_modified) for sighting in sightings
    } == {("http://b/i", "img", "words", True)}
    assert sightings[0].response_headers == image.response_headers


def test_declared_work_round_trips_through_columns() -> None:
    work = DeclaredWork(title="One", author_died=1950, registrations=({"office": "USCO", "number": "1"},))
    columns = work.to_columns()
    assert columns["registrations"] == [{"office": "USCO", "number": "1"}]
    assert DeclaredWork(**{**columns, "registrations": tuple(columns["registrations"])}) == work


def test_money_round_trips_exactly() -> None:
    for text, millionths, text_expected in (
        ("4.99 USD", 4_990_000, "4.99 USD"), ("0.0035USD", 3_500, "0.0035 USD"), (" 10 CNY ", 10_000_000, "10.00 CNY"),
        ("999999999.999999 EUR", 999_999_999_999_999, "999999999.999999 EUR"),
    ):  # fmt: skip
        assert (parse_money(text).millionths, str(parse_money(text))) == (millionths, text_expected)
    for wrong in ("", "5", "USD", "-1 USD", "1.0000001 USD", "1,5 USD", "1 usd", "٣ USD", "1e3 USD", "5 USD 6"):
        with pytest.raises(InvalidRequestError):
            parse_money(wrong)


def test_bulk_price_per_request_is_never_rounded_down() -> None:
    assert str(Price(amount="3.50 USD", requests=1_000).each) == "0.0035 USD"
    assert Price(amount="1 USD", requests=3).each.millionths == 333_334
    wrong: list[dict[str, Any]] = [{"requests": 0}, {"free": -1}, {"amount": "free"}]
    for value in wrong:
        with pytest.raises(InvalidRequestError):
            Price(**{"amount": "1 USD", **value})

from dataclasses import replace

from exhibit.clock import parse_rfc3339
from exhibit.digests import Digest
from exhibit.types import DeclaredWork, Fetched, Metric, Sighting, Space


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

from exhibit.clock import now
from exhibit.digests import Digest
from registry.models import Picture, Sighting
from workers.crawls.slice_records import record_of


def test_the_record_holds_what_was_seen_last_with_the_headers_in_their_order() -> None:
    headers, moment = [["Content-Type", "image/jpeg"], ["ETag", '"a"'], ["ETag", '"b"']], now()
    row = Sighting(
        picture=Picture(digest=Digest.of(b"x")),
        page_url="https://shop.example/",
        image_url="https://shop.example/a.jpg",
        final_url="https://cdn.example/a.jpg",
        status=206,
        response_headers=headers,
        peer="192.0.2.1:443",
        certificate=f"expired sha256:{'5e' * 32}",
        first_seen=moment.replace(year=2020),
        last_seen=moment,
    )
    record = record_of(row)
    assert (record.picture, record.final_url, record.status) == (Digest.of(b"x"), "https://cdn.example/a.jpg", 206)
    assert record.headers == tuple((name, value) for name, value in headers)
    assert (record.peer, record.seen) == ("192.0.2.1:443", moment)
    assert record.certificate == f"expired sha256:{'5e' * 32}"

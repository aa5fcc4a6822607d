import uuid
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator
from warcio.cli import main as warcio_main

from exhibit.warc import RecordMark, WarcFile

WHEN = datetime(2026, 11, 20, 9, 30, 0, 123456, UTC)
BODY = b"\x89PNG" + bytes(range(256))
URL = "https://photos.example/a%20b.png?size=2"


def _mark(number: int) -> RecordMark:
    return RecordMark(WHEN, uuid.UUID(int=number))


def _written() -> bytes:
    out = BytesIO()
    warc = WarcFile(out)
    warc.info({"software": "Exhibit", "description": "put together from a crawl"}, _mark(1), filename="exchange.warc")
    headers = [("content-type", "image/png"), ("X-Two", "a"), ("x-two", "b"), ("Content-Length", str(len(BODY)))]
    response = warc.response(URL, (200, "OK"), headers, BODY, _mark(2), peer="93.184.216.34")
    warc.request(URL, "GET", [("Host", "photos.example")], _mark(3), response=response)
    warc.metadata(URL, {"sighting": "7"}, _mark(4), about=response)
    warc.resource("urn:exhibit:overlay", "image/png", BODY, _mark(5))
    return out.getvalue()


def test_the_records_are_read_back_as_they_were_given() -> None:
    records = []
    for record in ArchiveIterator(BytesIO(_written()), check_digests="raise"):
        records.append(
            (record.rec_type, record.rec_headers["WARC-Record-ID"], record.http_headers, record.content_stream().read())
        )
        assert record.rec_headers["WARC-Date"] == "2026-11-20T09:30:00.123456Z"
    assert [record[0] for record in records] == ["warcinfo", "response", "request", "metadata", "resource"]
    assert [record[1] for record in records] == [f"<urn:uuid:{uuid.UUID(int=number)}>" for number in range(1, 6)]
    response, request = records[1], records[2]
    assert response[3] == records[4][3] == BODY
    assert response[2].headers[:3] == [("content-type", "image/png"), ("X-Two", "a"), ("x-two", "b")]
    assert response[2].get_statuscode() == "200"
    assert request[2].headers == [("Host", "photos.example")]
    assert b"GET /a%20b.png?size=2 HTTP/1.1\r\n" in _written()
    assert records[3][3] == b"sighting: 7\r\n"


def test_records_of_one_exchange_point_at_each_other() -> None:
    by_kind = {record.rec_type: record.rec_headers for record in ArchiveIterator(BytesIO(_written()))}
    response = by_kind["response"]["WARC-Record-ID"]
    assert by_kind["request"]["WARC-Concurrent-To"] == response
    assert by_kind["metadata"]["WARC-Refers-To"] == response
    assert by_kind["response"]["WARC-IP-Address"] == "93.184.216.34"
    assert by_kind["response"]["WARC-Payload-Digest"].startswith("sha1:")
    assert {headers.protocol for headers in by_kind.values()} == {"WARC/1.1"}


def test_given_ids_and_times_make_the_bytes_the_same() -> None:
    assert _written() == _written()


def test_the_checker_of_warcio_accepts_it(tmp_path: Path) -> None:
    path = tmp_path / "exchange.warc"
    path.write_bytes(_written())
    with pytest.raises(SystemExit) as ended:
        warcio_main(["check", str(path)])
    assert ended.value.code == 0


def test_headers_that_no_longer_fit_the_bytes_are_kept_under_another_name() -> None:
    out = BytesIO()
    headers = [("Transfer-Encoding", "chunked"), ("Content-Encoding", "gzip"), ("ETag", '"1"')]
    WarcFile(out).response(URL, (200, "OK"), headers, BODY, _mark(1))
    (record,) = ArchiveIterator(BytesIO(out.getvalue()), no_record_parse=False)
    assert record.http_headers["X-Archive-Orig-Transfer-Encoding"] == "chunked"
    assert record.http_headers["Content-Length"] == str(len(BODY))
    assert record.http_headers["Content-Encoding"] == "gzip"
    assert record.raw_stream is not None


def test_without_a_mark_ids_are_drawn() -> None:
    assert RecordMark().urn != RecordMark().urn


@given(st.binary(max_size=300), st.sampled_from([200, 206, 404, 500]))
def test_any_body_survives(body: bytes, status: int) -> None:
    out = BytesIO()
    WarcFile(out).response(URL, (status, ""), [("Content-Type", "image/png")], body, _mark(9))
    (read,) = [record.raw_stream.read() for record in ArchiveIterator(BytesIO(out.getvalue()), check_digests="raise")]
    assert read == body

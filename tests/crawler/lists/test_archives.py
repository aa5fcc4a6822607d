"""Test WAT and CDX files, as Common Crawl and web archives write them."""

import gzip
import io
import json
from collections.abc import Mapping

import pytest

from crawler.lists.line import PAGE, Line
from crawler.lists.tables import read_cdx, read_wat

PAGE_URL = "http://a.example/shop/"


def wat(*payloads: bytes) -> bytes:
    """Return metadata records after the record that describes the file."""
    return b"".join(record(payload) for payload in (b"software: test", *payloads))


def record(payload: bytes) -> bytes:
    """Return one record, compressed by itself (ISO 28500, annex D)."""
    kind = "metadata" if payload[:8] != b"software" else "warcinfo"
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {PAGE_URL}\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + payload + b"\r\n\r\n")


def describe_page(*links: Mapping[str, object], **head: object) -> bytes:
    page = {"HTML-Metadata": {"Head": head, "Links": list(links)}}
    return json.dumps({"Envelope": {"Payload-Metadata": {"HTTP-Response-Metadata": page}}}).encode()


def test_images_and_links_of_a_page_are_written_as_lines_with_its_url() -> None:
    links: list[dict[str, object]] = [
        {"path": "IMG@/src", "url": "wave.jpg", "alt": "The  wave"},
        {"path": "A@/href", "url": "/other#part", "text": "more"},
        {"path": "SCRIPT@/src", "url": "x.js"},
        {"path": "A@/href", "url": "mailto:me@a.example"},
        {"path": "IMG@/src", "url": 3},
    ]
    lines = list(read_wat(io.BytesIO(wat(describe_page(*links)))))
    assert lines[:2] == [
        Line("http://a.example/shop/wave.jpg", page_url=PAGE_URL, context="The wave"),
        Line("http://a.example/other", PAGE),
    ]
    assert [line.problem for line in lines[2:]] == ["other-kind", "bad-url", "bad-url"]
    [based] = read_wat(io.BytesIO(wat(describe_page(links[0], Base="//cdn.example/x/"))))
    assert based.url == "http://cdn.example/x/wave.jpg"


def test_malformed_or_irrelevant_record_is_skipped() -> None:
    image = describe_page({"path": "IMG@/src", "url": "wave.jpg"})
    broken = [b"{", b"[" * 100_000, b"\xff\xfe", b"[1]", b'{"Envelope": {"Payload-Metadata": []}}']
    lines = list(read_wat(io.BytesIO(wat(*broken, image))))
    assert [line.problem for line in lines] == ["not-json", "not-json", "not-json", ""]


def test_truncated_file_is_reported_after_its_readable_part() -> None:
    image = describe_page(*({"path": "IMG@/src", "url": f"{n}.jpg"} for n in range(50)))
    lines = read_wat(io.BytesIO(gzip.decompress(wat(image, image))[:-40]))
    assert [next(lines).url for _ in range(50)][-1] == "http://a.example/shop/49.jpg"
    with pytest.raises(EOFError):
        list(lines)


def test_damaged_record_is_reported_and_reading_continues() -> None:
    parts = [record(describe_page({"path": "IMG@/src", "url": f"{n}.jpg"})) for n in range(3)]
    parts[1] = parts[1][:60] + bytes(40) + parts[1][100:]
    lines = list(read_wat(io.BytesIO(b"".join(parts))))
    assert [line.problem for line in lines] == ["", "damaged", ""]
    assert lines[2].url == "http://a.example/shop/2.jpg"


def cdx(text: str) -> list[Line]:
    return list(read_cdx(io.BytesIO(text.encode())))


def test_cdxj_separates_images_from_pages_by_type() -> None:
    def line(**fields: str) -> str:
        return f"example,a)/x 20260101000000 {json.dumps(fields)}\n"

    lines = cdx(
        "!OpenWayback-CDXJ 1.0\n"
        + line(url="http://a.example/1.jpg", mime="image/jpeg", status="200")
        + line(url="http://a.example/", mime="text/html", status="200")
        + line(url="http://a.example/a.pdf", mime="application/pdf", status="200")
        + line(url="http://a.example/2.jpg", mime="image/jpeg", status="404")
        + line(mime="image/jpeg")
        + "example,a)/x 20260101000000 {broken\n\nnonsense\n"
    )
    assert lines[:2] == [Line("http://a.example/1.jpg"), Line("http://a.example/", PAGE)]
    problems = [line.problem for line in lines[2:]]
    assert problems == ["other-kind", "status", "not-cdx", "not-json", "not-cdx"]
    assert lines[3].url == "http://a.example/2.jpg"


def test_entry_without_media_type_is_classified_by_url() -> None:
    def line(**fields: object) -> str:
        return f"example,a)/x 20260101000000 {json.dumps(fields)}\n"

    image, page = "http://a.example/1.JPG?w=3", "http://a.example/shop"
    lines = cdx(line(url=image) + line(url=page, status=200) + line(url=image, mime="unk") + line(url=page, mime=None))
    assert lines == [Line(image), Line(page, PAGE), Line(image), Line(page, PAGE)]
    [other] = cdx(line(url=page, mimetype="application/pdf"))
    assert other.problem == "other-kind"
    [old] = cdx(" CDX a b m s\nhttp://a.example/1.png 20260101 - 200\n")
    assert old == Line("http://a.example/1.png")


def test_index_lines_with_unusual_types_statuses_and_blanks_are_parsed() -> None:
    def line(**fields: object) -> str:
        return f"example,a)/x 20260101000000 {json.dumps(fields)}\n"

    image, page = "http://a.example/1.jpg", "http://a.example/shop"
    accepted = cdx(
        line(url=image, status=None)
        + line(url="http://a.example/1", mime="Image/JPEG", status=203)
        + line(url=page, mime="text/html; charset=utf-8")
        + line(url=image, mime="warc/revisit", status="-")
        + line(url=page, mime=None, status="200").replace(" {", "\t{")
        + json.dumps({"url": image})
    )
    pages = Line(page, PAGE)
    assert accepted == [Line(image), Line("http://a.example/1"), pages, Line(image), pages, Line(image)]
    ipwb = line(locator="urn:ipfs/Qm", original_uri=image, mime_type="image/jpeg", status_code="200")
    assert cdx(ipwb + ipwb.replace("200", "404")) == [Line(image), Line(image, problem="status")]
    rejected = cdx(line(url=None) + line(url=5) + line(url=page, status=206) + line(url=page, status="2²"))
    assert [rejected_line.problem for rejected_line in rejected] == ["not-cdx", "not-cdx", "status", "status"]
    assert cdx(f"\ufeff CDX\ta\tm\ts\n{image}\timage/jpeg\t200\n") == [Line(image)]


def test_cdx_columns_come_from_its_header_line_or_the_default_columns() -> None:
    usual = "example,a)/1 20260101 http://a.example/1.jpg image/jpeg 200 SHA - - 100 5 x.warc.gz\n"
    assert cdx(usual) == [Line("http://a.example/1.jpg")]
    assert cdx(" CDX a b m s\nhttp://a.example/ 20260101 text/html -\n") == [Line("http://a.example/", PAGE)]

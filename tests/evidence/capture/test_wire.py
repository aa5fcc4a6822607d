"""Test that the record contains the exact bytes received over the network."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from tests.assets.exact_site import PAGE, Site, answer, capture, file
from tests.evidence.capture.test_http_capturer import CHUNKED


def test_network_record_contains_the_transmitted_bytes(site: Site, tmp_path: Path) -> None:
    site.answers["/shop"] = CHUNKED
    captured = capture(site)
    warc = file(captured, "exchange")
    assert CHUNKED in warc
    assert file(captured, "page") == PAGE
    (tmp_path / "exchange.warc").write_bytes(warc)
    check = [str(Path(sys.executable).with_name("warcio")), "check", "-v", str(tmp_path / "exchange.warc")]
    checked = subprocess.run(check, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    records = [
        (record.rec_type, record.rec_headers.get_header("WARC-Target-URI"))
        for record in ArchiveIterator(BytesIO(warc), no_record_parse=True)
    ]
    page, image = f"{site.url}/shop", f"{site.url}/red%20one.png"
    assert sorted(records[1:]) == [("request", image), ("request", page), ("response", image), ("response", page)]
    assert records[0][0] == "warcinfo"


@pytest.mark.long
def test_recording_is_independent_of_import_order() -> None:
    code = (
        "import requests, urllib3, http.client\n"
        "from tests.evidence.capture.test_http_capturer import Site, answer, capture, file, PAGE, PICTURE\n"
        "with Site().running() as site:\n"
        "    site.answers = {'/shop': answer(PAGE), '/red%20one.png': answer(PICTURE)}\n"
        "    assert PICTURE in file(capture(site), 'exchange')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_truncated_response_is_recorded_partially(site: Site) -> None:
    site.answers["/shop"] = answer(PAGE)[:-9]
    warc = file(capture(site), "exchange")
    assert warc.count(b"WARC-Truncated: disconnect") == 1
    assert answer(PAGE)[:-9] + b"\r\n\r\nWARC/1.1" in warc


def test_truncated_response_is_marked_for_any_url_spelling(site: Site) -> None:
    site.answers["/~shop"] = answer(PAGE)[:-9]
    warc = file(capture(site, page="/%7eshop"), "exchange")
    assert warc.count(b"WARC-Truncated: disconnect") == 1

"""Test that recorded responses are interpreted as browsers would, even if they were forged."""

import io
import json
import re
import struct
import zipfile
from pathlib import Path

import pytest

from evidence.capture.wire import Exchange, encode_warc
from exhibit.clock import parse_rfc3339
from exhibit.digests import Digest
from tests.assets.bundle_changes import Files
from tests.assets.bundles import PAGE, Scene
from tests.assets.forged_evidence import (
    ARCHIVE,
    CAPTURE,
    EXCHANGE,
    IMAGE,
    NETWORK,
    WACZ,
    render_visit,
    replace_responses,
    request_bytes,
)
from tests.assets.resealing import Facts, Lie, seal_lie
from tests.assets.tampering import read_files, write_zip
from tests.assets.verify_page import verify_in_python


def record_responses(*more: tuple[str, bytes], image: bytes | None = None) -> Lie:
    """Add responses to the record, and optionally another one with the image."""

    def lie(facts: Facts, files: Files) -> None:
        started = parse_rfc3339(facts["sightings"][0]["captures"][0]["started"])
        answers = [
            ("https://copies.example/", OK + PAGE),
            ("https://copies.example/field.jpg", image or OK + files[IMAGE]),
        ]
        files[EXCHANGE] = encode_warc(
            [
                Exchange(started, url, "203.0.113.9", request_bytes(url), bytearray(data))
                for url, data in (*answers, *more)
            ],
            {},
        )

    return lie


def load_resource(url: str, answer: bytes, status: int, body: bytes | None) -> Lie:
    """State that a browser loaded another resource with these bytes, or failed to load it."""

    def lie(facts: Facts, files: Files) -> None:
        record_responses((url, answer))(facts, files)
        render_visit(facts, files)
        record = json.loads(files[NETWORK])
        digest = None if body is None else Digest.from_bytes(body).hex
        failure = "no-answer" if body is None else ""
        more = {"url": url, "final_url": url, "status": status, "sha256": digest, "failure": failure}
        record["resources"].append({**record["resources"][0], **more})
        files[NETWORK] = json.dumps(record).encode()

    return lie


def archive_response(url: str) -> Lie:
    """Add a response for this URL to the web archive."""

    def lie(facts: Facts, files: Files) -> None:
        render_visit(facts, files)
        remaining = dict(files)
        record_responses((url, OK))(facts, remaining)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("archive/data.warc", remaining[EXCHANGE])
        files[WACZ] = out.getvalue()

    return lie


def truncate_record(facts: Facts, files: Files) -> None:
    """State more bytes of the record in the archive's directory than exist."""
    archive_response("https://copies.example/x")(facts, files)
    data = bytearray(files[WACZ])
    place = data.index(b"PK\1\2")
    struct.pack_into("<2I", data, place + 20, len(data), len(data))
    files[WACZ] = bytes(data)


def set_date_30_february(_: Facts, files: Files) -> None:
    files[EXCHANGE] = re.sub(rb"WARC-Date: [0-9-]{10}", b"WARC-Date: 2026-02-30", files[EXCHANGE], count=1)


def set_time_24_00(_: Facts, files: Files) -> None:
    files[EXCHANGE] = re.sub(
        rb"WARC-Date: ([0-9-]{10})T.{15}", rb"WARC-Date: \1T24:00:00.000000", files[EXCHANGE], count=1
    )


OK, MOVED = b"HTTP/1.1 200 OK\r\n\r\n", "https://copies.example/old"
PASSED, FAILED, NOT_CHECKED = "passed", "failed", "not checked"
RECORDED: dict[str, tuple[Lie, dict[str, str]]] = {
    "an answer that is only announced": (
        load_resource(MOVED, b"HTTP/1.1 100 Continue\r\n", 0, None), {CAPTURE: PASSED, ARCHIVE: PASSED}
    ),
    "a redirect to an invalid address": (
        load_resource("https://copies.example/", b"HTTP/1.1 302 x\r\nLocation: http://[\r\n\r\n", 302, None),
        {CAPTURE: PASSED, ARCHIVE: PASSED},
    ),
    "an answer at an invalid address": (record_responses(("a:http://[", OK)), {CAPTURE: FAILED}),
    "a length of 5,000 digits": (replace_responses(head=f"Content-Length: {'9' * 5000}\r\n"), {CAPTURE: PASSED}),
    "an image packed by what nobody undoes": (
        record_responses(image=b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n\x0b\x02\x80x\x03"),
        {CAPTURE: NOT_CHECKED, "captures": NOT_CHECKED},
    ),
    "another image": (record_responses(image=OK + b"other"), {CAPTURE: FAILED}),
    "a record of 30 February": (set_date_30_february, {CAPTURE: FAILED}),
    "a record of 24 o'clock": (set_time_24_00, {CAPTURE: FAILED}),
    "an archived redirect to nowhere": (
        load_resource(MOVED, b"HTTP/1.1 302 x\r\n\r\nGone.", 302, b"Gone."), {CAPTURE: PASSED, ARCHIVE: PASSED}
    ),
    "an archived answer without a chunk": (
        load_resource(MOVED, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, b""),
        {CAPTURE: PASSED, ARCHIVE: PASSED},
    ),
    "an archived answer packed by what nobody undoes": (
        load_resource(MOVED, b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n\x0b\x02\x80x\x03", 200, b"x"),
        {CAPTURE: PASSED, ARCHIVE: NOT_CHECKED},
    ),
    "an archived answer of other bytes": (
        load_resource(MOVED, OK + b"x", 200, b"y"), {CAPTURE: PASSED, ARCHIVE: FAILED}
    ),
    "an archive of a port beyond all": (archive_response("http://copies.example:99999/"), {ARCHIVE: FAILED}),
    "an archive of an invalid address": (archive_response("http://["), {ARCHIVE: FAILED}),
    "an archive that ends early": (truncate_record, {ARCHIVE: FAILED}),
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_responses_are_read_as_browsers_do(scene: Scene, bundle: Path, tmp_path: Path, name: str) -> None:
    lie, expected = RECORDED[name]
    path = write_zip(tmp_path / "recorded.zip", seal_lie(read_files(bundle), lie))
    states = verify_in_python(path, scene.trust)[1]
    assert {check: states[check] for check in expected} == expected

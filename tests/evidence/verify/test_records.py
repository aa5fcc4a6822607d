"""Test that a visit's record and facts must match in both directions, and that differences are reported.

A forger holds the owner's key, the log and the installation, so that all digests and signatures match.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from evidence.capture.boxes import Place, draw_boxes
from evidence.capture.wire import Exchange, encode_warc
from evidence.formats.wacz import WaczPage, build_wacz
from evidence.verdict.result import Verdict
from evidence.verify.verifier import Verifier
from exhibit.clock import format_rfc3339, parse_rfc3339
from exhibit.digests import Digest
from exhibit.errors import ExitCode
from tests.assets.bundle_changes import Files
from tests.assets.bundles import CAPTURED, PAGE, Scene, encode_picture
from tests.assets.corpus.deceit import Invention, forge_bundle
from tests.assets.forged_evidence import FOLDER, WACZ, render_visit, request_bytes
from tests.assets.resealing import Facts
from tests.assets.tampering import read_files, write_zip

pytestmark = pytest.mark.timeout(300)
EXCHANGE, NETWORK, HTML, IMAGE = CAPTURED
HOST, PEER = "https://copies.example", "203.0.113.9"
PAGE_URL, OTHER_URL, OTHER_PAGE = f"{HOST}/", "https://saint.example/", b"<p>We copied it."
Visit = Callable[[Facts, Files], None]
Edit = Callable[[Any], object]


def create_exchange(url: str, answer: bytes, at: datetime, request: bytes | None = None) -> Exchange:
    return Exchange(at, url, PEER, request_bytes(url) if request is None else bytearray(request), bytearray(answer))


def create_response(body: bytes, status: str = "200 OK", head: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def create_redirect(to: str) -> bytes:
    return create_response(b"", "302 Found", f"Location: {to}\r\n")


def get_visit(facts: Facts) -> Any:  # noqa: ANN401 - JSON
    return facts["sightings"][0]["captures"][0]


def record_exchanges(
    *more: tuple[str, bytes], page: bytes | None = None, image: bytes | None = None, wish: bytes | None = None
) -> Visit:
    """Record page, image and additional exchanges; ``wish`` is the request of the page."""

    def visit(facts: Facts, files: Files) -> None:
        at = parse_rfc3339(get_visit(facts)["started"])
        every = [
            (PAGE_URL, create_response(PAGE) if page is None else page, wish),
            (f"{HOST}/field.jpg", create_response(files[IMAGE]) if image is None else image, None),
            *((url, data, None) for url, data in more),
        ]
        files[EXCHANGE] = encode_warc([create_exchange(url, data, at, request) for url, data, request in every], {})

    return visit


def change_record(change: Edit) -> Visit:
    """Change the network record."""

    def visit(_: Facts, files: Files) -> None:
        record = json.loads(files[NETWORK])
        change(record)
        files[NETWORK] = json.dumps(record).encode()

    return visit


def add_redirect(url: str, status: int = 200, size: int = 0, place: int | None = None) -> Visit:
    """State an additional exchange with the same server."""

    def change(record: Any) -> None:  # noqa: ANN401 - JSON
        host = url.partition("://")[2].partition("/")[0]
        redirect = {**record["exchanges"][0], "url": url, "status": status, "bytes": size, "host": host}
        record["exchanges"].insert(len(record["exchanges"]) if place is None else place, redirect)

    return change_record(change)


def change_first_exchange(**changes: object) -> Visit:
    """Change the first exchange."""
    return change_record(lambda record: record["exchanges"][0].update(changes))


def change_facts_and_record(**changes: object) -> Visit:
    """State values of the visit in facts and network record."""

    def visit(facts: Facts, files: Files) -> None:
        get_visit(facts).update(changes)
        change_record(lambda record: record.update({name: changes[name] for name in changes if name in record}))(
            facts, files
        )

    return visit


def store_page(page: bytes) -> Visit:
    """Store this page as the one that was served."""
    return lambda _, files: files.update({HTML: page})


def remove_fields(*paths: str) -> Visit:
    def visit(facts: Facts, files: Files) -> None:
        for path in paths:
            del files[path]
            get_visit(facts)["files"].remove(path)

    return visit


def add_record(kind: str) -> Visit:
    """Add a record of another kind after the exchanges."""

    def visit(facts: Facts, files: Files) -> None:
        at = parse_rfc3339(get_visit(facts)["started"])
        more = encode_warc([create_exchange(PAGE_URL, b"We copied it.", at)], {"software": "tests"})
        head, _, rest = more.partition(b"\r\n\r\n\r\n")
        files[EXCHANGE] += head + b"\r\n\r\n\r\n" if kind == "warcinfo" else b""
        if kind != "warcinfo":
            block = b"WARC/1.1" + rest.partition(b"WARC/1.1")[2].partition(b"WARC/1.1")[0]
            files[EXCHANGE] += block.replace(b"WARC-Type: response", b"WARC-Type: " + kind.encode())

    return visit


def drop_request(facts: Facts, files: Files) -> None:
    """Record the image's response without its request."""
    at = parse_rfc3339(get_visit(facts)["started"])
    page, image = (
        create_exchange(PAGE_URL, create_response(PAGE), at),
        create_exchange(f"{HOST}/field.jpg", create_response(files[IMAGE]), at, b""),
    )
    files[EXCHANGE] = encode_warc([page, image], {})


def drop_response(facts: Facts, files: Files) -> None:
    at = parse_rfc3339(get_visit(facts)["started"])
    every = [
        (PAGE_URL, create_response(PAGE)),
        (f"{HOST}/field.jpg", create_response(files[IMAGE])),
        (f"{HOST}/sorry", b""),
    ]
    files[EXCHANGE] = encode_warc([create_exchange(url, data, at) for url, data in every], {})


def add_to_archive(*more: tuple[str, bytes], after: timedelta = timedelta()) -> Visit:
    """Add exchanges to the archive, derived from the record like those of page and image."""

    def visit(facts: Facts, files: Files) -> None:
        at = parse_rfc3339(get_visit(facts)["started"])
        beside = encode_warc([create_exchange(url, data, at + after) for url, data in more], {})
        warc = files[EXCHANGE] + beside.partition(b"\r\n\r\n\r\n")[2].removeprefix(b"\r\n")
        shown_images = json.loads(files[NETWORK])["rendered"]
        page = WaczPage(shown_images["address"], shown_images["title"], at)
        files[WACZ] = build_wacz(warc, page, facts["software"]["version"])

    return visit


def add_request(url: str, body: bytes | None, kind: str = "image", **changes: object) -> Visit:
    """State another request of the page."""

    def change(record: Any) -> None:  # noqa: ANN401 - JSON
        digest = None if body is None else Digest.from_bytes(body).hex
        request_row = {"url": url, "final_url": url, "sha256": digest, "bytes": len(body or b""), "kind": kind}
        record["resources"].append({**record["resources"][0], **request_row, **changes})

    return change_record(change)


def change_image_resource(**changes: object) -> Visit:
    """Change the image's entry among the requests of the page."""
    return change_record(lambda record: record["resources"][1].update(changes))


def change_rendered(**changes: object) -> Visit:
    return change_record(lambda record: record["rendered"].update(changes))


def change_image_place(**changes: object) -> Visit:
    return change_record(lambda record: record["rendered"]["image_places"][0].update(changes))


def apply_all(*visits: Visit) -> Visit:
    def visit(facts: Facts, files: Files) -> None:
        for each in visits:
            each(facts, files)

    return visit


def render_visits(*visits: Visit) -> Visit:
    return apply_all(render_visit, *visits)


def replace_file(name: str, data: bytes) -> Visit:
    """Change the contents of a file of the visit."""
    return lambda _, files: files.update({f"{FOLDER}/{name}": data})


def blank_screenshot(colour: str, spot: tuple[int, int, int, int] = (0, 0, 0, 0), height: int = 900) -> bytes:
    """Return a blank screenshot, or one with a single spot."""
    page = Image.new("RGB", (1280, height), colour)
    page.paste((0, 90, 0), (*spot[:2], spot[0] + spot[2], spot[1] + spot[3]))
    return encode_picture(page, "PNG")


def extend_visit(facts: Facts, files: Files) -> None:
    end = format_rfc3339(parse_rfc3339(get_visit(facts)["started"]) + timedelta(hours=3))
    change_facts_and_record(finished=end)(facts, files)
    facts["written_at"] = facts["decision"]["at"] = facts["licence_check"]["checked_at"] = end


def embed_image(facts: Facts, files: Files) -> None:
    """Embed the image in the page, only as rendered."""
    code = base64.b64encode(files[IMAGE]).decode()
    files[f"{FOLDER}/dom.html"] = f'<img src="data:image/jpeg;base64,{code}">'.encode()
    facts["sightings"][0]["image_url"] = "data:image/jpeg;sha-256=1"
    at = parse_rfc3339(get_visit(facts)["started"])
    files[EXCHANGE] = encode_warc([create_exchange(PAGE_URL, create_response(PAGE), at)], {})
    change_record(lambda record: record["exchanges"].pop())(facts, files)
    add_to_archive((f"{HOST}/field.jpg", create_response(files[IMAGE])))(facts, files)


def claim_image_gone(facts: Facts, files: Files) -> None:
    """Claim that the image was not served, although it was."""
    remove_fields(IMAGE)(facts, files)
    change_facts_and_record(outcome="image-gone", image=None)(facts, files)


def add_failure(url: str, at: str = "") -> Visit:
    return change_record(lambda record: record["failures"].append({"url": url, "at": at or url, "reason": "no-answer"}))


PLACE = Place("shown", 40.0, 30.0, 80.0, 60.0)
NOT_FOUND_RESPONSE = create_response(b"<p>Gone.", "404 Not Found")
SECOND_EXCHANGE = (
    record_exchanges((PAGE_URL, create_response(OTHER_PAGE))),
    add_redirect(PAGE_URL, size=len(OTHER_PAGE), place=1),
)
MOVED_PAGE = record_exchanges((OTHER_URL, create_response(OTHER_PAGE)), page=create_redirect(OTHER_URL))
MOVED_PAGE_RECORD = (
    change_first_exchange(status=302, bytes=0),
    add_redirect(OTHER_URL, size=len(OTHER_PAGE), place=1),
    store_page(OTHER_PAGE),
)
SECOND_VISIT = apply_all(
    render_visits(), *SECOND_EXCHANGE, add_to_archive(), add_request(PAGE_URL, OTHER_PAGE, "document")
)
FORGERIES: dict[str, Visit] = {
    # the record matches the statements
    "a second answer of the page": record_exchanges((PAGE_URL, create_response(OTHER_PAGE))),
    "the same answer twice": record_exchanges((PAGE_URL, create_response(PAGE))),
    "an answer that nobody states": record_exchanges((f"{HOST}/sorry", create_response(OTHER_PAGE))),
    "a redirect that nobody states": record_exchanges((f"{HOST}/sorry", create_redirect(OTHER_URL))),
    "a redirect of the page that nobody states": record_exchanges((PAGE_URL, create_redirect(OTHER_URL))),
    "an answer that isn't one": record_exchanges((f"{HOST}/sorry", b"We copied it.")),
    "an answer that is only announced": record_exchanges((f"{HOST}/sorry", b"HTTP/1.1 100 Continue\r\n")),
    "a request that nobody answered": drop_response,
    "an answer for which nobody asked": drop_request,
    "a record of something": add_record("resource"),
    "a record about a record": add_record("metadata"),
    "a record of what was seen before": add_record("revisit"),
    "two records of the file": add_record("warcinfo"),
    "an exchange hidden as a failure elsewhere": apply_all(
        record_exchanges((f"{HOST}/sorry", create_response(OTHER_PAGE))), add_failure(f"{HOST}/sorry")
    ),
    "two exchanges hidden as one failure": apply_all(
        record_exchanges((f"{HOST}/sorry", create_response(OTHER_PAGE)), (f"{HOST}/sorry", create_response(PAGE))),
        add_failure(PAGE_URL, f"{HOST}/sorry")
    ),
    "an exchange hidden as what a browser asked for": apply_all(
        record_exchanges((f"{HOST}/sorry", create_response(OTHER_PAGE))),
            change_record(lambda record: record.update(resources=[{
            "url": f"{HOST}/sorry", "kind": "document", "final_url": f"{HOST}/sorry", "status": 200, "bytes": 1,
            "sha256": None, "failure": "", "dns_answers": [PEER], "peer": PEER, "tls": "TLSv1.3", "certificates": [],
        }]))
    ),
    # the statements match the record
    "an exchange stated twice": add_redirect(PAGE_URL, size=len(PAGE)),
    "an exchange that nobody recorded": add_redirect(f"{HOST}/sorry"),
    "a redirect that nobody recorded": add_redirect(PAGE_URL, 302, place=0),
    "a body of another size": change_first_exchange(bytes=7),
    "a name that is another's": change_first_exchange(host="saint.example"),
    "a port that is another one": change_record(lambda one: one["exchanges"][0]["peer"].update(port=8443)),
    "a server that no name led to": change_first_exchange(dns_answers=[]),
    # requests match their host
    "a request of another host": record_exchanges(wish=b"GET / HTTP/1.1\r\nHost: saint.example\r\n\r\n"),
    "a request of two hosts": record_exchanges(
        wish=b"GET / HTTP/1.1\r\nHost: copies.example\r\nHost: saint.example\r\n\r\n"
    ),
    "a request of no host": record_exchanges(wish=b"GET / HTTP/1.1\r\n\r\n"),
    "a request of another path": record_exchanges(wish=b"GET /ours HTTP/1.1\r\nHost: copies.example\r\n\r\n"),
    "a request that is none": record_exchanges(wish=b"copies.example"),
    # a visit leads from the URLs of page and image, redirect by redirect
    "a page of somebody else": apply_all(
        record_exchanges((OTHER_URL, create_response(OTHER_PAGE)), page=NOT_FOUND_RESPONSE),
        change_first_exchange(status=404, bytes=0), add_redirect(OTHER_URL), store_page(OTHER_PAGE)
    ),
    "somebody else's page alone": apply_all(
        record_exchanges((OTHER_URL, create_response(OTHER_PAGE))), add_redirect(OTHER_URL, size=len(OTHER_PAGE),
        place=0), store_page(OTHER_PAGE)
    ),
    "a redirect to another page": apply_all(
        record_exchanges((OTHER_URL, create_response(OTHER_PAGE)), page=create_redirect(f"{HOST}/new")),
        *MOVED_PAGE_RECORD
    ),
    "a page that lies behind its redirect": apply_all(MOVED_PAGE, *MOVED_PAGE_RECORD, store_page(PAGE)),
    "a page asked for twice": apply_all(*SECOND_EXCHANGE),
    "a page that was there before": apply_all(*SECOND_EXCHANGE, record_exchanges((PAGE_URL,
    NOT_FOUND_RESPONSE)), change_record(
        lambda one: one["exchanges"][1].update(status=404, bytes=0)
    )),
    "a page that is there and failed": add_failure(PAGE_URL),
    "an image that is there and failed": add_failure(f"{HOST}/field.jpg"),
    "an image that is said to be gone": claim_image_gone,
    # a browser's files match its input
    "a rendered page of somebody else": render_visits(change_rendered(address=OTHER_URL)),
    "a rendered page at another address": render_visits(change_rendered(address=f"{HOST}/new")),
    "an image without a place": render_visits(change_rendered(image_places=[]),
        remove_fields(f"{FOLDER}/screenshot-boxed.png")),
    "an image beside the page": render_visits(change_image_place(x=1280)),
    "an image left of the page": render_visits(change_image_place(x=-80)),
    "an image above the page": render_visits(change_image_place(y=-60)),
    "an image without a size": render_visits(change_image_place(width=0)),
    "an image that is owned": render_visits(change_image_place(how="owned")),
    "lines on another page": render_visits(replace_file("screenshot-boxed.png", draw_boxes(blank_screenshot("gray"),
        [PLACE]))),
    "lines around something else": render_visits(
        replace_file("screenshot-boxed.png", draw_boxes(blank_screenshot("white"), [replace(PLACE, x=500)]))
    ),
    "no lines": render_visits(replace_file("screenshot-boxed.png", blank_screenshot("white"))),
    "another picture within the lines": render_visits(
        replace_file("screenshot-boxed.png", draw_boxes(blank_screenshot("white", (50, 40, 60, 40)), [PLACE]))
    ),
    "a part of the page that is another one": render_visits(change_rendered(boxed_screenshot_from=300)),
    "a screenshot that is higher than "
    "the page": render_visits(replace_file("screenshot.png", blank_screenshot("white", height=1200))),
    "a screenshot of the whole that is cut": render_visits(change_rendered(screenshot_is_cut=True)),
    "The capture contains screenshots of a page that was "
    "not shown": render_visits(change_rendered(nothing_shown="net::ERR_FAILED")),
    "The web archive of the page is missing although its exchanges are recorded": render_visits(remove_fields(WACZ)),
    "an archive with an exchange more": render_visits(add_to_archive((f"{HOST}/sorry", create_response(OTHER_PAGE)))),
    "an archive with a redirect more": render_visits(add_to_archive((f"{HOST}/sorry", create_redirect(OTHER_URL)))),
    "an archive with a second image": render_visits(add_to_archive((f"{HOST}/field.jpg", create_response(OTHER_PAGE)))),
    "an archive of another day": render_visits(
        add_to_archive((f"{HOST}/more", create_response(OTHER_PAGE)), after=timedelta(days=-1)),
        add_request(f"{HOST}/more", OTHER_PAGE)
    ),
    "something asked for twice": render_visits(add_request(f"{HOST}/field.jpg", None), change_record(
        lambda record: record["resources"][2].update(sha256=record["resources"][1]["sha256"])
    )),
    "something asked for that nobody served": render_visits(add_request(f"{HOST}/more", OTHER_PAGE)),
    "an answer of another status": render_visits(change_image_resource(status=404)),
    "an answer of another server": render_visits(change_image_resource(peer="198.51.100.7",
        dns_answers=["198.51.100.7"])),
    "an answer of a server that no name led to": render_visits(change_image_resource(dns_answers=[])),
    "an answer without TLS": render_visits(change_image_resource(tls=None)),
    "an answer with a certificate of nobody": render_visits(change_image_resource(certificates=["ab" * 32])),
}  # fmt: skip
REPORTED_VISITS: dict[str, tuple[Visit, str]] = {
    "no browser": (apply_all(), "no browser visited the page"),
    "a page that doesn't name it": (
        apply_all(record_exchanges(page=create_response(OTHER_PAGE)),
        change_first_exchange(bytes=len(OTHER_PAGE)), store_page(OTHER_PAGE)), "does not contain the image URL"
    ),
    "a part of the page": (
        apply_all(record_exchanges(page=create_response(PAGE, "206 Partial Content")),
            change_first_exchange(status=206)),
        "page URL returned status 206",
    ),
    "a part of the image": (
        lambda facts, files: apply_all(
            record_exchanges(image=create_response(files[IMAGE], "206 Partial Content")),
            change_record(lambda one: one["exchanges"][1].update(status=206)),
        )(facts, files),
        "image URL returned status 206",
    ),
    "an empty page": (
        apply_all(record_exchanges(page=create_response(b"")), change_first_exchange(bytes=0),
        remove_fields(HTML)), "the page that was served is empty"
    ),
    "a page that led elsewhere": (apply_all(MOVED_PAGE, *MOVED_PAGE_RECORD), "redirected to saint.example"),
    "a page that was gone": (
        apply_all(record_exchanges(page=NOT_FOUND_RESPONSE), change_first_exchange(status=404, bytes=0),
        remove_fields(HTML), change_facts_and_record(outcome="page-gone")),
        "returned status 404",
    ),
    "a page that was refused": (
        apply_all(record_exchanges(page=create_response(b"", "403 Forbidden")), change_first_exchange(status=403,
        bytes=0), remove_fields(HTML),
              change_facts_and_record(outcome="unreachable")),
        "returned status 403",
    ),
    "a visit of three hours": (extend_visit, "the visit took 180 minutes"),
    "a page with two faces": (apply_all(SECOND_VISIT, store_page(OTHER_PAGE)), "2 different responses were"),
    "an image below the page": (
        render_visits(change_image_place(y=5000), change_rendered(boxed_screenshot_from=4600)),
            "the position of the image is not recorded"
    ),
    "an image that is linked to": (render_visits(change_image_place(how="linked")), "only links to the image"),
    "an image that is offered": (render_visits(change_image_place(how="offered")), "as an alternative size"),
    "an image that wasn't looked for": (
        render_visits(
            change_rendered(image_places=[], not_made={"place": "It took too long."}),
                remove_fields(f"{FOLDER}/screenshot-boxed.png")
        ),
        "the position of the image is not recorded",
    ),
    "an image that the browser didn't have": (
        render_visits(
            add_to_archive((f"{HOST}/field.jpg", create_response(OTHER_PAGE))),
            change_image_resource(sha256=Digest.from_bytes(OTHER_PAGE).hex, bytes=len(OTHER_PAGE))
        ),
        "the browser did not receive the recorded bytes of the image",
    ),
    "a page as PDF of another day": (
        render_visits(replace_file("page.pdf", b"/CreationDate (D:20200101000000+00'00')")),
        "page.pdf does not contain a date",
    ),
    "a page as PDF of no day": (
        render_visits(replace_file("page.pdf", b"%PDF-1.7")), "page.pdf does not contain a date"
    ),
    "a saved page of another day": (
        render_visits(replace_file("page.mhtml", b"Date: Wed, 01 Jan 2020 00:00:00 GMT\r\n\r\n")),
        "page.mhtml does not contain a date"
    ),
    "a saved page of somebody else": (
        render_visits(replace_file("page.mhtml", b"Snapshot-Content-Location: https://saint.example/\r\n\r\n")),
        "page.mhtml contains the URL 'https://saint.example/'",
    ),
    "an image in the rendered page alone": (render_visits(embed_image), "only in the rendered page"),
}  # fmt: skip


def verify_visit(scene: Scene, bundle: Path, visit: Visit, path: Path) -> Verdict:
    files, trust = forge_bundle(
        scene, read_files(bundle), Invention(facts=lambda facts, bundle_files, _: visit(facts, bundle_files))
    )
    return Verifier(trust).verify(write_zip(path, files))


@pytest.mark.parametrize("name", FORGERIES)
def test_each_forged_record_fails(scene: Scene, bundle: Path, tmp_path: Path, name: str) -> None:
    verdict = verify_visit(scene, bundle, FORGERIES[name], tmp_path / "forged.zip")
    names = [check.name for check in verdict.failures]
    assert {"capture:01-1", "wacz:01-1"} & set(names), verdict.sentence
    assert "facts" not in names


@pytest.mark.parametrize("name", REPORTED_VISITS)
def test_limitations_of_a_visit_are_stated_in_the_first_lines(
    scene: Scene, bundle: Path, tmp_path: Path, name: str
) -> None:
    visit, words = REPORTED_VISITS[name]
    verdict = verify_visit(scene, bundle, visit, tmp_path / "named.zip")
    lines = {line.of: line.value for line in verdict.lines}
    states = {str(check.state) for check in verdict.checks if check.name in {"capture:01-1", "wacz:01-1"}}
    assert states == {"passed"}, [check.sentence for check in verdict.failures]
    assert all(words in text and "(01-1)" in text for text in (lines["capture"], verdict.sentence)), verdict.sentence


def test_visit_that_shows_the_picture_causes_no_remark(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    verdict = verify_visit(scene, bundle, render_visits(), tmp_path / "shown.zip")
    assert verdict.outcome is ExitCode.DONE
    assert {line.of: line.value for line in verdict.lines}["capture"] == "found the picture again"


@pytest.mark.parametrize("how", ["white", "gray", "spotted", "elsewhere"])
def test_screenshot_without_picture_at_stated_place_is_reported(
    scene: Scene, bundle: Path, tmp_path: Path, how: str
) -> None:
    """Test images that have a place on the page but are covered, transparent or hidden."""
    spot = (60, 50, 20, 20) if how == "spotted" else (0, 0, 0, 0)
    page = blank_screenshot(how if how in {"white", "gray"} else "white", spot)
    if how == "elsewhere":
        page = blank_screenshot("white", (900, 30, 80, 60))
    visit = render_visits(
        replace_file("screenshot.png", page), replace_file("screenshot-boxed.png", draw_boxes(page, [PLACE]))
    )
    verdict = verify_visit(scene, bundle, visit, tmp_path / "blank.zip")
    assert verdict.outcome is ExitCode.DONE
    line = next(line.value for line in verdict.lines if line.of == "capture")
    assert ("at the stated position of the image, the screenshot shows a single colour" in line) is (how != "spotted")

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

from evidence.capture.boxes import Place, boxed
from evidence.capture.wire import Exchange, write_warc
from evidence.formats.wacz import WaczPage, write_wacz
from evidence.verdict.result import Verdict
from evidence.verify.verifier import Verifier
from exhibit.clock import parse_rfc3339, rfc3339
from exhibit.digests import Digest
from exhibit.errors import ExitCode
from tests.assets.bundles import CAPTURED, PAGE, Scene, encoded
from tests.assets.changes import Files
from tests.assets.corpus.deceit import Invention, forged
from tests.assets.judged import FOLDER, WACZ, asked_for, rendered
from tests.assets.resealing import Facts
from tests.assets.tampering import files_of, packed

pytestmark = pytest.mark.timeout(300)
EXCHANGE, NETWORK, HTML, IMAGE = CAPTURED
HOST, PEER = "https://copies.example", "203.0.113.9"
TRUTH, ELSEWHERE, OTHERS = f"{HOST}/", "https://saint.example/", b"<p>We copied it."
Visit = Callable[[Facts, Files], None]
Edit = Callable[[Any], object]


def exchange(url: str, answer: bytes, at: datetime, asked: bytes | None = None) -> Exchange:
    return Exchange(at, url, PEER, asked_for(url) if asked is None else bytearray(asked), bytearray(answer))


def answer(body: bytes, status: str = "200 OK", head: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def moved(to: str) -> bytes:
    return answer(b"", "302 Found", f"Location: {to}\r\n")


def of(facts: Facts) -> Any:  # noqa: ANN401 - JSON
    return facts["sightings"][0]["captures"][0]


def recorded(
    *more: tuple[str, bytes], page: bytes | None = None, image: bytes | None = None, wish: bytes | None = None
) -> Visit:
    """Record page, image and additional exchanges; ``wish`` is the request of the page."""

    def visit(facts: Facts, files: Files) -> None:
        at = parse_rfc3339(of(facts)["started"])
        every = [
            (TRUTH, answer(PAGE) if page is None else page, wish),
            (f"{HOST}/field.jpg", answer(files[IMAGE]) if image is None else image, None),
            *((url, data, None) for url, data in more),
        ]
        files[EXCHANGE] = write_warc([exchange(url, data, at, asked) for url, data, asked in every], {})

    return visit


def stated(change: Edit) -> Visit:
    """Change the network record."""

    def visit(_: Facts, files: Files) -> None:
        record = json.loads(files[NETWORK])
        change(record)
        files[NETWORK] = json.dumps(record).encode()

    return visit


def step(url: str, status: int = 200, size: int = 0, place: int | None = None) -> Visit:
    """State an additional exchange with the same server."""

    def change(record: Any) -> None:  # noqa: ANN401 - JSON
        host = url.partition("://")[2].partition("/")[0]
        one = {**record["exchanges"][0], "url": url, "status": status, "bytes": size, "host": host}
        record["exchanges"].insert(len(record["exchanges"]) if place is None else place, one)

    return stated(change)


def first(**changes: object) -> Visit:
    """Change the first exchange."""
    return stated(lambda record: record["exchanges"][0].update(changes))


def both(**changes: object) -> Visit:
    """State values of the visit in facts and network record."""

    def visit(facts: Facts, files: Files) -> None:
        of(facts).update(changes)
        stated(lambda record: record.update({name: changes[name] for name in changes if name in record}))(facts, files)

    return visit


def served(page: bytes) -> Visit:
    """Store this page as the one that was served."""
    return lambda _, files: files.update({HTML: page})


def without(*paths: str) -> Visit:
    def visit(facts: Facts, files: Files) -> None:
        for path in paths:
            del files[path]
            of(facts)["files"].remove(path)

    return visit


def record_of(kind: str) -> Visit:
    """Add a record of another kind after the exchanges."""

    def visit(facts: Facts, files: Files) -> None:
        at = parse_rfc3339(of(facts)["started"])
        more = write_warc([exchange(TRUTH, b"We copied it.", at)], {"software": "tests"})
        head, _, rest = more.partition(b"\r\n\r\n\r\n")
        files[EXCHANGE] += head + b"\r\n\r\n\r\n" if kind == "warcinfo" else b""
        if kind != "warcinfo":
            block = b"WARC/1.1" + rest.partition(b"WARC/1.1")[2].partition(b"WARC/1.1")[0]
            files[EXCHANGE] += block.replace(b"WARC-Type: response", b"WARC-Type: " + kind.encode())

    return visit


def unasked(facts: Facts, files: Files) -> None:
    """Record the image's response without its request."""
    at = parse_rfc3339(of(facts)["started"])
    page, image = exchange(TRUTH, answer(PAGE), at), exchange(f"{HOST}/field.jpg", answer(files[IMAGE]), at, b"")
    files[EXCHANGE] = write_warc([page, image], {})


def unanswered(facts: Facts, files: Files) -> None:
    at = parse_rfc3339(of(facts)["started"])
    every = [(TRUTH, answer(PAGE)), (f"{HOST}/field.jpg", answer(files[IMAGE])), (f"{HOST}/sorry", b"")]
    files[EXCHANGE] = write_warc([exchange(url, data, at) for url, data in every], {})


def archived(*more: tuple[str, bytes], after: timedelta = timedelta()) -> Visit:
    """Add exchanges to the archive, derived from the record like those of page and image."""

    def visit(facts: Facts, files: Files) -> None:
        at = parse_rfc3339(of(facts)["started"])
        beside = write_warc([exchange(url, data, at + after) for url, data in more], {})
        warc = files[EXCHANGE] + beside.partition(b"\r\n\r\n\r\n")[2].removeprefix(b"\r\n")
        shown = json.loads(files[NETWORK])["rendered"]
        page = WaczPage(shown["address"], shown["title"], at)
        files[WACZ] = write_wacz(warc, page, facts["software"]["version"])

    return visit


def asked(url: str, body: bytes | None, kind: str = "image", **changes: object) -> Visit:
    """State another request of the page."""

    def change(record: Any) -> None:  # noqa: ANN401 - JSON
        digest = None if body is None else Digest.of(body).hex
        known = {"url": url, "final_url": url, "sha256": digest, "bytes": len(body or b""), "kind": kind}
        record["resources"].append({**record["resources"][0], **known, **changes})

    return stated(change)


def loaded(**changes: object) -> Visit:
    """Change the image's entry among the requests of the page."""
    return stated(lambda record: record["resources"][1].update(changes))


def shown(**changes: object) -> Visit:
    return stated(lambda record: record["rendered"].update(changes))


def placed(**changes: object) -> Visit:
    return stated(lambda record: record["rendered"]["image_places"][0].update(changes))


def every(*visits: Visit) -> Visit:
    def visit(facts: Facts, files: Files) -> None:
        for one in visits:
            one(facts, files)

    return visit


def browser(*visits: Visit) -> Visit:
    return every(rendered, *visits)


def held(name: str, data: bytes) -> Visit:
    """Change the contents of a file of the visit."""
    return lambda _, files: files.update({f"{FOLDER}/{name}": data})


def blank(colour: str, spot: tuple[int, int, int, int] = (0, 0, 0, 0), height: int = 900) -> bytes:
    """Return a blank screenshot, or one with a single spot."""
    page = Image.new("RGB", (1280, height), colour)
    page.paste((0, 90, 0), (*spot[:2], spot[0] + spot[2], spot[1] + spot[3]))
    return encoded(page, "PNG")


def of_three_hours(facts: Facts, files: Files) -> None:
    end = rfc3339(parse_rfc3339(of(facts)["started"]) + timedelta(hours=3))
    both(finished=end)(facts, files)
    facts["written_at"] = facts["decision"]["at"] = facts["licence_check"]["checked_at"] = end


def within_the_page(facts: Facts, files: Files) -> None:
    """Embed the image in the page, only as rendered."""
    code = base64.b64encode(files[IMAGE]).decode()
    files[f"{FOLDER}/dom.html"] = f'<img src="data:image/jpeg;base64,{code}">'.encode()
    facts["sightings"][0]["image_url"] = "data:image/jpeg;sha-256=1"
    at = parse_rfc3339(of(facts)["started"])
    files[EXCHANGE] = write_warc([exchange(TRUTH, answer(PAGE), at)], {})
    stated(lambda record: record["exchanges"].pop())(facts, files)
    archived((f"{HOST}/field.jpg", answer(files[IMAGE])))(facts, files)


def image_gone(facts: Facts, files: Files) -> None:
    """Claim that the image was not served, although it was."""
    without(IMAGE)(facts, files)
    both(outcome="image-gone", image=None)(facts, files)


def failed_at(url: str, at: str = "") -> Visit:
    return stated(lambda record: record["failures"].append({"url": url, "at": at or url, "reason": "no-answer"}))


PLACE = Place("shown", 40.0, 30.0, 80.0, 60.0)
MISSING = answer(b"<p>Gone.", "404 Not Found")
AGAIN = recorded((TRUTH, answer(OTHERS))), step(TRUTH, size=len(OTHERS), place=1)
MOVED = recorded((ELSEWHERE, answer(OTHERS)), page=moved(ELSEWHERE))
OVER_THERE = first(status=302, bytes=0), step(ELSEWHERE, size=len(OTHERS), place=1), served(OTHERS)
SECOND = every(browser(), *AGAIN, archived(), asked(TRUTH, OTHERS, "document"))
FORGERIES: dict[str, Visit] = {
    # the record matches the statements
    "a second answer of the page": recorded((TRUTH, answer(OTHERS))),
    "the same answer twice": recorded((TRUTH, answer(PAGE))),
    "an answer that nobody states": recorded((f"{HOST}/sorry", answer(OTHERS))),
    "a redirect that nobody states": recorded((f"{HOST}/sorry", moved(ELSEWHERE))),
    "a redirect of the page that nobody states": recorded((TRUTH, moved(ELSEWHERE))),
    "an answer that isn't one": recorded((f"{HOST}/sorry", b"We copied it.")),
    "an answer that is only announced": recorded((f"{HOST}/sorry", b"HTTP/1.1 100 Continue\r\n")),
    "a request that nobody answered": unanswered,
    "an answer for which nobody asked": unasked,
    "a record of something": record_of("resource"),
    "a record about a record": record_of("metadata"),
    "a record of what was seen before": record_of("revisit"),
    "two records of the file": record_of("warcinfo"),
    "an exchange hidden as a failure elsewhere": every(
        recorded((f"{HOST}/sorry", answer(OTHERS))), failed_at(f"{HOST}/sorry")
    ),
    "two exchanges hidden as one failure": every(
        recorded((f"{HOST}/sorry", answer(OTHERS)), (f"{HOST}/sorry", answer(PAGE))), failed_at(TRUTH, f"{HOST}/sorry")
    ),
    "an exchange hidden as what a browser asked for": every(
        recorded((f"{HOST}/sorry", answer(OTHERS))), stated(lambda record: record.update(resources=[{
            "url": f"{HOST}/sorry", "kind": "document", "final_url": f"{HOST}/sorry", "status": 200, "bytes": 1,
            "sha256": None, "failure": "", "dns_answers": [PEER], "peer": PEER, "tls": "TLSv1.3", "certificates": [],
        }]))
    ),
    # the statements match the record
    "an exchange stated twice": step(TRUTH, size=len(PAGE)),
    "an exchange that nobody recorded": step(f"{HOST}/sorry"),
    "a redirect that nobody recorded": step(TRUTH, 302, place=0),
    "a body of another size": first(bytes=7),
    "a name that is another's": first(host="saint.example"),
    "a port that is another one": stated(lambda one: one["exchanges"][0]["peer"].update(port=8443)),
    "a server that no name led to": first(dns_answers=[]),
    # requests belong to the host that they name
    "a request of another host": recorded(wish=b"GET / HTTP/1.1\r\nHost: saint.example\r\n\r\n"),
    "a request of two hosts": recorded(
        wish=b"GET / HTTP/1.1\r\nHost: copies.example\r\nHost: saint.example\r\n\r\n"
    ),
    "a request of no host": recorded(wish=b"GET / HTTP/1.1\r\n\r\n"),
    "a request of another path": recorded(wish=b"GET /ours HTTP/1.1\r\nHost: copies.example\r\n\r\n"),
    "a request that is none": recorded(wish=b"copies.example"),
    # a visit leads from the URLs of page and image, redirect by redirect
    "a page of somebody else": every(
        recorded((ELSEWHERE, answer(OTHERS)), page=MISSING), first(status=404, bytes=0), step(ELSEWHERE), served(OTHERS)
    ),
    "somebody else's page alone": every(
        recorded((ELSEWHERE, answer(OTHERS))), step(ELSEWHERE, size=len(OTHERS), place=0), served(OTHERS)
    ),
    "a redirect to another page": every(
        recorded((ELSEWHERE, answer(OTHERS)), page=moved(f"{HOST}/new")), *OVER_THERE
    ),
    "a page that lies behind its redirect": every(MOVED, *OVER_THERE, served(PAGE)),
    "a page asked for twice": every(*AGAIN),
    "a page that was there before": every(*AGAIN, recorded((TRUTH, MISSING)), stated(
        lambda one: one["exchanges"][1].update(status=404, bytes=0)
    )),
    "a page that is there and failed": failed_at(TRUTH),
    "an image that is there and failed": failed_at(f"{HOST}/field.jpg"),
    "an image that is said to be gone": image_gone,
    # a browser's files match its input
    "a rendered page of somebody else": browser(shown(address=ELSEWHERE)),
    "a rendered page at another address": browser(shown(address=f"{HOST}/new")),
    "an image without a place": browser(shown(image_places=[]), without(f"{FOLDER}/screenshot-boxed.png")),
    "an image beside the page": browser(placed(x=1280)),
    "an image left of the page": browser(placed(x=-80)),
    "an image above the page": browser(placed(y=-60)),
    "an image without a size": browser(placed(width=0)),
    "an image that is owned": browser(placed(how="owned")),
    "lines on another page": browser(held("screenshot-boxed.png", boxed(blank("gray"), [PLACE]))),
    "lines around something else": browser(
        held("screenshot-boxed.png", boxed(blank("white"), [replace(PLACE, x=500)]))
    ),
    "no lines": browser(held("screenshot-boxed.png", blank("white"))),
    "another picture within the lines": browser(
        held("screenshot-boxed.png", boxed(blank("white", (50, 40, 60, 40)), [PLACE]))
    ),
    "a part of the page that is another one": browser(shown(boxed_screenshot_from=300)),
    "a screenshot that is higher than the page": browser(held("screenshot.png", blank("white", height=1200))),
    "a screenshot of the whole that is cut": browser(shown(screenshot_is_cut=True)),
    "The capture contains screenshots of a page that was not shown": browser(shown(nothing_shown="net::ERR_FAILED")),
    "The web archive of the page is missing although its exchanges are recorded": browser(without(WACZ)),
    "an archive with an exchange more": browser(archived((f"{HOST}/sorry", answer(OTHERS)))),
    "an archive with a redirect more": browser(archived((f"{HOST}/sorry", moved(ELSEWHERE)))),
    "an archive with a second image": browser(archived((f"{HOST}/field.jpg", answer(OTHERS)))),
    "an archive of another day": browser(
        archived((f"{HOST}/more", answer(OTHERS)), after=timedelta(days=-1)), asked(f"{HOST}/more", OTHERS)
    ),
    "something asked for twice": browser(asked(f"{HOST}/field.jpg", None), stated(
        lambda record: record["resources"][2].update(sha256=record["resources"][1]["sha256"])
    )),
    "something asked for that nobody served": browser(asked(f"{HOST}/more", OTHERS)),
    "an answer of another status": browser(loaded(status=404)),
    "an answer of another server": browser(loaded(peer="198.51.100.7", dns_answers=["198.51.100.7"])),
    "an answer of a server that no name led to": browser(loaded(dns_answers=[])),
    "an answer without TLS": browser(loaded(tls=None)),
    "an answer with a certificate of nobody": browser(loaded(certificates=["ab" * 32])),
}  # fmt: skip
NAMED: dict[str, tuple[Visit, str]] = {
    "no browser": (every(), "no browser visited the page"),
    "a page that doesn't name it": (
        every(recorded(page=answer(OTHERS)), first(bytes=len(OTHERS)), served(OTHERS)), "does not contain the image URL"
    ),
    "a part of the page": (
        every(recorded(page=answer(PAGE, "206 Partial Content")), first(status=206)),
        "page URL returned status 206",
    ),
    "a part of the image": (
        lambda facts, files: every(
            recorded(image=answer(files[IMAGE], "206 Partial Content")),
            stated(lambda one: one["exchanges"][1].update(status=206)),
        )(facts, files),
        "image URL returned status 206",
    ),
    "an empty page": (
        every(recorded(page=answer(b"")), first(bytes=0), without(HTML)), "the page that was served is empty"
    ),
    "a page that led elsewhere": (every(MOVED, *OVER_THERE), "redirected to saint.example"),
    "a page that was gone": (
        every(recorded(page=MISSING), first(status=404, bytes=0), without(HTML), both(outcome="page-gone")),
        "returned status 404",
    ),
    "a page that was refused": (
        every(recorded(page=answer(b"", "403 Forbidden")), first(status=403, bytes=0), without(HTML),
              both(outcome="unreachable")),
        "returned status 403",
    ),
    "a visit of three hours": (of_three_hours, "the visit took 180 minutes"),
    "a page with two faces": (every(SECOND, served(OTHERS)), "2 different bodies were served"),
    "an image below the page": (
        browser(placed(y=5000), shown(boxed_screenshot_from=4600)), "its position on the page is not recorded"
    ),
    "an image that is linked to": (browser(placed(how="linked")), "it is linked to"),
    "an image that is offered": (browser(placed(how="offered")), "offered in another size"),
    "an image that wasn't looked for": (
        browser(
            shown(image_places=[], not_made={"place": "It took too long."}), without(f"{FOLDER}/screenshot-boxed.png")
        ),
        "its position on the page is not recorded",
    ),
    "an image that the browser didn't have": (
        browser(
            archived((f"{HOST}/field.jpg", answer(OTHERS))), loaded(sha256=Digest.of(OTHERS).hex, bytes=len(OTHERS))
        ),
        "the browser received different bytes",
    ),
    "a page as PDF of another day": (
        browser(held("page.pdf", b"/CreationDate (D:20200101000000+00'00')")), "page.pdf does not state"
    ),
    "a page as PDF of no day": (browser(held("page.pdf", b"%PDF-1.7")), "page.pdf does not state"),
    "a saved page of another day": (
        browser(held("page.mhtml", b"Date: Wed, 01 Jan 2020 00:00:00 GMT\r\n\r\n")), "page.mhtml does not state"
    ),
    "a saved page of somebody else": (
        browser(held("page.mhtml", b"Snapshot-Content-Location: https://saint.example/\r\n\r\n")),
        "page.mhtml states the URL 'https://saint.example/'",
    ),
    "an image in the rendered page alone": (browser(within_the_page), "only in the rendered page"),
}  # fmt: skip


def verified(scene: Scene, bundle: Path, visit: Visit, path: Path) -> Verdict:
    files, trust = forged(scene, files_of(bundle), Invention(facts=lambda facts, held, _: visit(facts, held)))
    return Verifier(trust).verify(packed(path, files))


@pytest.mark.parametrize("name", FORGERIES)
def test_each_forgery_of_a_record_fails(scene: Scene, bundle: Path, tmp_path: Path, name: str) -> None:
    verdict = verified(scene, bundle, FORGERIES[name], tmp_path / "forged.zip")
    named = [check.name for check in verdict.failures]
    assert {"capture:01-1", "wacz:01-1"} & set(named), verdict.sentence
    assert "facts" not in named


@pytest.mark.parametrize("name", NAMED)
def test_what_a_visit_doesnt_show_stands_in_the_first_lines(
    scene: Scene, bundle: Path, tmp_path: Path, name: str
) -> None:
    visit, words = NAMED[name]
    verdict = verified(scene, bundle, visit, tmp_path / "named.zip")
    lines = {line.of: line.value for line in verdict.lines}
    states = {str(check.state) for check in verdict.checks if check.name in {"capture:01-1", "wacz:01-1"}}
    assert states == {"passed"}, [check.sentence for check in verdict.failures]
    assert all(words in text and "(01-1)" in text for text in (lines["capture"], verdict.sentence)), verdict.sentence


def test_a_visit_whose_page_shows_the_picture_needs_no_remark(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    verdict = verified(scene, bundle, browser(), tmp_path / "shown.zip")
    assert verdict.outcome is ExitCode.DONE
    assert {line.of: line.value for line in verdict.lines}["capture"] == "found the picture again"


@pytest.mark.parametrize("how", ["white", "gray", "spotted", "elsewhere"])
def test_a_screenshot_that_shows_no_picture_where_it_is_said_to_be_is_told(
    scene: Scene, bundle: Path, tmp_path: Path, how: str
) -> None:
    """Test images that have a place on the page but are covered, transparent or hidden."""
    spot = (60, 50, 20, 20) if how == "spotted" else (0, 0, 0, 0)
    page = blank(how if how in {"white", "gray"} else "white", spot)
    if how == "elsewhere":
        page = blank("white", (900, 30, 80, 60))
    visit = browser(held("screenshot.png", page), held("screenshot-boxed.png", boxed(page, [PLACE])))
    verdict = verified(scene, bundle, visit, tmp_path / "blank.zip")
    assert verdict.outcome is ExitCode.DONE
    line = next(line.value for line in verdict.lines if line.of == "capture")
    assert ("at the stated position of the image, the screenshot shows a single colour" in line) is (how != "spotted")

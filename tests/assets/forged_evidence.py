"""Forged evidence that a judge looks at: captures, drawings, sheets and sentences, sealed with the forger's own key."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from PIL import Image, ImageDraw

from evidence.capture.boxes import Place, draw_boxes
from evidence.capture.wire import Exchange, encode_warc
from evidence.formats.wacz import WaczPage, build_wacz
from exhibit.clock import format_rfc3339, parse_rfc3339
from exhibit.digests import Digest
from indexer.draw.draw import View
from tests.assets.bundle_changes import Files
from tests.assets.bundles import CAPTURED, DRAWING_PATHS, PAGE, empty_pdf, encode_picture, textured_picture
from tests.assets.resealing import Facts, Lie

EXCHANGE, NETWORK, HTML, IMAGE = CAPTURED
OVERLAY, BESIDE = DRAWING_PATHS[View.OVERLAY], DRAWING_PATHS[View.SIDE_BY_SIDE]
CAPTURE, ARCHIVE = "capture:01-1", "wacz:01-1"


def _change_network(change: Callable[[Any], object]) -> Lie:
    def lie(_: Facts, files: Files) -> None:
        record = json.loads(files[NETWORK])
        change(record)
        files[NETWORK] = json.dumps(record).encode()

    return lie


def _change_capture(**changes: object) -> Lie:
    return lambda facts, _: facts["sightings"][0]["captures"][0].update(changes)


def _change_visit(**changes: object) -> Lie:
    """Change the visit consistently in the facts and in the network record."""

    def lie(facts: Facts, files: Files) -> None:
        _change_capture(**changes)(facts, files)
        _change_network(lambda record: record.update(changes))(facts, files)

    return lie


def _replace_file(path: str, data: bytes | Callable[[bytes], bytes]) -> Lie:
    def lie(_: Facts, files: Files) -> None:
        files[path] = data if isinstance(data, bytes) else data(files[path])

    return lie


def _combine(*lies: Lie) -> Lie:
    def lie(facts: Facts, files: Files) -> None:
        for part in lies:
            part(facts, files)

    return lie


def request_bytes(url: str) -> bytearray:
    """Return the request of a URL as sent over the network."""
    host, _, path = url.partition("://")[2].partition("/")
    return bytearray(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())


def replace_responses(
    *bodies: tuple[str, bytes], head: str = "", offset: timedelta = timedelta(), peer: str = "203.0.113.9"
) -> Lie:
    """Replace the responses in the record."""

    def lie(facts: Facts, files: Files) -> None:
        started_at = parse_rfc3339(facts["sightings"][0]["captures"][0]["started"]) + offset
        served_bodies = bodies or (("/", PAGE), ("/field.jpg", files[IMAGE]))
        exchanges = [
            Exchange(
                started_at, f"https://copies.example{path}", peer, request_bytes(f"https://copies.example{path}"),
                bytearray(f"HTTP/1.1 200 OK\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body),
            )
            for path, body in served_bodies
        ]  # fmt: skip
        files[EXCHANGE] = encode_warc(exchanges, {})

    return lie


def _replace_image(data: bytes) -> Lie:
    """Replace the captured image, and state its digest in the facts."""

    def lie(facts: Facts, files: Files) -> None:
        files[IMAGE] = data
        facts["sightings"][0]["captures"][0]["image"] = Digest.from_bytes(data).hex

    return lie


def _paint(box: tuple[int, int, int, int], colour: tuple[int, int, int], quality: int = 95) -> Callable[[bytes], bytes]:
    """Paint a rectangle on an image; the box is given in hundredths of its sides."""

    def paint(data: bytes) -> bytes:
        with Image.open(io.BytesIO(data)) as opened:
            picture = opened.convert("RGB")
        corners = [round(side * share / 100) for side, share in zip((*picture.size, *picture.size), box, strict=True)]
        ImageDraw.Draw(picture).rectangle(corners, fill=colour)
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality, subsampling=0)
        return out.getvalue()

    return paint


def _recompress(data: bytes) -> bytes:
    """Recompress the drawing as another program's JPEG."""
    return _paint((200, 200, 200, 200), (0, 0, 0), 80)(data)


def _change_figures(**changes: object) -> Lie:
    return lambda facts, _: facts["matches"][0]["verification"].update(changes)


def _add_words(*words: str) -> Lie:
    return lambda facts, _: facts["matches"][0].update(words=[*facts["matches"][0]["words"], *words])


def _claim_same_bytes(**figures: object) -> Lie:
    """Claim these measurements although the sighted file is the registered one."""

    def lie(facts: Facts, files: Files) -> None:
        [picture], [sighting], [match] = facts["work"]["pictures"], facts["sightings"], facts["matches"]
        files[picture["file"]] = files[sighting["picture"]["file"]]
        picture.update({name: value for name, value in sighting["picture"].items() if name != "file"})
        match.update(work_picture=picture["digest"])
        match["verification"].update(figures)

    return lie


def _remove_alignment(facts: Facts, _: Files) -> None:
    facts["matches"][0]["verification"].update(transform=None)


def _move_file(facts: Facts, files: Files) -> None:
    files["data/sightings/01/elsewhere.html"] = files.pop(HTML)
    _rename_listed_file(facts, HTML, "data/sightings/01/elsewhere.html")


def _rename_listed_file(facts: Facts, old: str, new: str) -> None:
    capture = facts["sightings"][0]["captures"][0]
    capture["files"] = [new if path == old else path for path in capture["files"]]


def _remove_file(path: str) -> Lie:
    def lie(facts: Facts, files: Files) -> None:
        del files[path]
        facts["sightings"][0]["captures"][0]["files"].remove(path)

    return lie


def _move_visit_one_day_back(facts: Facts, files: Files) -> None:
    offset = timedelta(days=-1)
    capture = facts["sightings"][0]["captures"][0]
    replace_responses(offset=offset)(facts, files)
    times = {name: format_rfc3339(parse_rfc3339(capture[name]) + offset) for name in ("started", "finished")}
    _change_visit(**times)(facts, files)
    new_times = dict.fromkeys(("sent", "answered"), times["started"])
    _change_network(lambda record: [exchange.update(new_times) for exchange in record["exchanges"]])(facts, files)


def _serve_gzip_bomb(facts: Facts, files: Files) -> None:
    packed = gzip.compress(bytes(80 << 20), 9)
    replace_responses(("/", PAGE), ("/field.jpg", packed), head="Content-Encoding: gzip\r\n")(facts, files)


def _use_other_tools(facts: Facts, files: Files) -> None:
    facts["made_with"]["documents"] = "00" * 32
    files["data/exhibit.pdf"] = empty_pdf()


def _mhtml(moment: str) -> bytes:
    """Return the head of a page as Chromium saves it."""
    date = f"{parse_rfc3339(moment):%a, %d %b %Y %H:%M:%S} GMT"
    return f"Snapshot-Content-Location: https://copies.example/\r\nDate: {date}\r\nMIME-Version: 1.0\r\n\r\n".encode()


def _dated_pdf(moment: str) -> bytes:
    return empty_pdf() + f"%/CreationDate (D:{parse_rfc3339(moment):%Y%m%d%H%M%S}+00'00')\n".encode()


FOLDER = "data/sightings/01/capture-1"
WACZ, SCREENSHOT, BOXED = (f"{FOLDER}/{name}" for name in ("capture.wacz", "screenshot.png", "screenshot-boxed.png"))


def render_visit(facts: Facts, files: Files) -> None:
    """Turn the visit into one with a browser: adds all files of such a capture, made without a browser."""
    capture = facts["sightings"][0]["captures"][0]
    record, warc = json.loads(files[NETWORK]), files[EXCHANGE]
    place = Place("shown", 40.0, 30.0, 80.0, 60.0)
    shot = Image.new("RGB", (1280, 900), "white")
    shot.paste(textured_picture(1, (80, 64)), (40, 30))
    plain = encode_picture(shot, "PNG")
    resources = []
    loaded = (("document", PAGE), ("image", files[IMAGE]))
    for step, (kind, body) in zip(record["exchanges"], loaded, strict=True):
        response = {"url": step["url"], "final_url": step["url"], "status": 200, "bytes": len(body), "failure": ""}
        chain = [certificate["sha256"] for certificate in step["tls"]["chain"]]
        connection = {"dns_answers": step["dns_answers"], "peer": step["peer"]["address"], "tls": "TLSv1.3"}
        digest = {"sha256": Digest.from_bytes(body).hex, "kind": kind, "certificates": chain}
        resources.append({**response, **connection, **digest})
    page_facts: dict[str, Any] = {
        "address": "https://copies.example/", "title": "A field", "window": [1280, 900], "height": 900,
        "screenshot_is_cut": False, "image_places": [asdict(place)], "boxed_screenshot_from": 0, "asks_for": [],
        "nothing_shown": "", "not_made": {},
    }  # fmt: skip
    certificates = record["exchanges"][0]["tls"]["chain"]
    record.update(rendered=page_facts, resources=resources, not_loaded=[], certificates=certificates)
    page = WaczPage(page_facts["address"], "A field", parse_rfc3339(capture["started"]))
    new_files = {
        "network.json": json.dumps(record).encode(), "screenshot.png": plain, "dom.html": PAGE,
        "page.pdf": _dated_pdf(capture["started"]),
        "screenshot-boxed.png": draw_boxes(plain, [place]), "page.mhtml": _mhtml(capture["started"]),
        "capture.wacz": build_wacz(warc, page, facts["software"]["version"]),
    }  # fmt: skip
    files.update({f"{FOLDER}/{name}": data for name, data in new_files.items()})
    capture.update(method="browser", files=sorted({*capture["files"], *(f"{FOLDER}/{name}" for name in new_files)}))


def _leave_out(path: str) -> Lie:
    def lie(facts: Facts, files: Files) -> None:
        del files[path]
        facts["sightings"][0]["captures"][0]["files"].remove(path)

    return lie


def _change_archive(change: Callable[[dict[str, bytes]], object]) -> Lie:
    """Change files of the web archive."""

    def lie(_: Facts, files: Files) -> None:
        with zipfile.ZipFile(io.BytesIO(files[WACZ])) as archive:
            archived_files = {name: archive.read(name) for name in archive.namelist()}
        change(archived_files)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, data in archived_files.items():
                archive.writestr(zipfile.ZipInfo(name), data)
        files[WACZ] = out.getvalue()

    return lie


def _replace_archive(facts: Facts, files: Files) -> None:
    """Replace the web archive by a valid one of another page."""
    original_files = dict(files)
    replace_responses(("/", b"<p>Ours."), ("/field.jpg", files[IMAGE]))(facts, original_files)
    started = parse_rfc3339(facts["sightings"][0]["captures"][0]["started"])
    page = WaczPage("https://copies.example/", "A field", started)
    files[WACZ] = build_wacz(original_files[EXCHANGE], page, facts["software"]["version"])


FAILED, LONG_AGO = "failed", "2020-01-01T00:00:00.000000Z"
FORGED: dict[str, tuple[Lie, dict[str, str]]] = {
    "nothing": (lambda *_: None, {CAPTURE: "passed", "match:01": "passed", "drawings": "passed", "sheet": "passed"}),
    # the record of the exchanges
    "a record of junk": (_replace_file(EXCHANGE, b"WARC/1.1\r\n"), {CAPTURE: FAILED}),
    "an empty record": (_replace_file(EXCHANGE, b""), {CAPTURE: FAILED}),
    "a record that breaks off": (_replace_file(EXCHANGE, lambda data: data[:-40]), {CAPTURE: FAILED}),
    "a record with one byte changed": (
        _replace_file(EXCHANGE, lambda data: data.replace(b"A field.", b"B field.")), {CAPTURE: FAILED}
    ),
    "a record with words behind it": (_replace_file(EXCHANGE, lambda data: data + b"and more"), {CAPTURE: FAILED}),
    "a record of other bytes for the image": (
        replace_responses(("/", PAGE), ("/field.jpg", encode_picture(textured_picture(9), "JPEG"))), {CAPTURE: FAILED}
    ),
    "a record of the image at another address": (
        lambda facts, files: replace_responses(("/", PAGE), ("/other.jpg", files[IMAGE]))(facts, files),
        {CAPTURE: FAILED}
    ),
    "a record of another page": (
        lambda facts, files: replace_responses(("/", b"<p>Ours."), ("/field.jpg", files[IMAGE]))(facts, files),
        {CAPTURE: FAILED},
    ),
    "a record of a week before": (replace_responses(offset=timedelta(days=-7)), {CAPTURE: FAILED}),
    "a record of another server": (replace_responses(peer="198.51.100.7"), {CAPTURE: FAILED}),
    "an exchange more than is stated": (
        lambda facts, files: replace_responses(("/", PAGE), ("/field.jpg", files[IMAGE]), ("/sorry", b"We copied it."))(
            facts, files
        ),
        {CAPTURE: FAILED},
    ),
    "an image that unpacks without end": (_serve_gzip_bomb, {CAPTURE: FAILED}),
    # the network record
    "surroundings of junk": (_replace_file(NETWORK, b'{"peer":"203.0.113.9"}'), {CAPTURE: FAILED}),
    "surroundings that aren't JSON": (_replace_file(NETWORK, b"junk"), {CAPTURE: FAILED}),
    "surroundings with a name twice": (
        _replace_file(NETWORK, lambda data: data.replace(b'"outcome":', b'"outcome":"unreachable","outcome":', 1)),
        {CAPTURE: FAILED},
    ),
    "surroundings of another "
    "outcome": (_change_network(lambda record: record.update(outcome="unreachable")), {CAPTURE: FAILED}),
    "another status": (_change_network(lambda record: record["exchanges"][1].update(status=404)), {CAPTURE: FAILED}),
    "another address": (
        _change_network(lambda record: record["exchanges"][1].update(url="https://copies.example/theirs.jpg")),
            {CAPTURE: FAILED}
    ),
    "another time": (
        _change_network(lambda record: record["exchanges"][0].update(sent=LONG_AGO, answered=LONG_AGO)),
        {CAPTURE: FAILED},
    ),
    "a server that the name doesn't have": (
        _change_network(lambda record: record["exchanges"][0].update(dns_answers=["198.51.100.7"])), {CAPTURE: FAILED}
    ),
    "no certificate": (_change_network(lambda record: record["exchanges"][0].update(tls=None)), {CAPTURE: FAILED}),
    "another certificate than stated": (
        _change_network(lambda record: record["exchanges"][0]["tls"]["chain"][0].update(der="AAAA")), {CAPTURE: FAILED}
    ),
    "an exchange left out": (_change_network(lambda record: record["exchanges"].pop()), {CAPTURE: FAILED}),
    "surroundings that aren't there": (_remove_file(NETWORK), {CAPTURE: FAILED}),
    "a record that wasn't kept": (_remove_file(EXCHANGE), {CAPTURE: "not checked", "captures": "not checked"}),
    "another image, and no record of it": (
        _combine(_remove_file(EXCHANGE), _replace_image(encode_picture(textured_picture(9), "JPEG"))), {CAPTURE: FAILED}
    ),
    # the facts of the visit
    "another time of the visit": (_change_capture(finished="2030-01-01T00:00:00.000000Z"), {CAPTURE: FAILED}),
    "a visit of another day": (
        _change_visit(started=LONG_AGO, finished=LONG_AGO), {CAPTURE: FAILED}
    ),
    "a visit before the picture was first seen": (_move_visit_one_day_back, {CAPTURE: "passed", "order": FAILED}),
    "an image of a visit without files": (_change_capture(files=[]), {CAPTURE: FAILED}),
    "a changed image that isn't": (_change_visit(outcome="image-changed"), {CAPTURE: FAILED}),
    "a page that is gone and isn't": (_change_visit(outcome="page-gone"), {CAPTURE: FAILED}),
    "an outcome of one's own": (_change_visit(outcome="infringed"), {CAPTURE: FAILED}),
    "a digest that points nowhere": (_change_capture(image="ab" * 32), {CAPTURE: FAILED}),
    "no digest of the image that is there": (_change_capture(image=None), {CAPTURE: FAILED}),
    "another image in the capture": (_replace_image(encode_picture(textured_picture(9), "JPEG")), {CAPTURE: FAILED}),
    "another page in the capture": (_replace_file(HTML, b"<p>Ours."), {CAPTURE: FAILED}),
    "a browser that wasn't there": (_change_capture(method="browser"), {CAPTURE: FAILED}),
    "a file of the capture elsewhere": (_move_file, {CAPTURE: FAILED}),
    # the appearance of the page
    "a visit with a browser": (render_visit, {CAPTURE: "passed", ARCHIVE: "passed", "sheet": FAILED}),
    "a browser's screenshot left out": (_combine(render_visit, _leave_out(SCREENSHOT)), {CAPTURE: FAILED}),
    "a boxed screenshot left out": (_combine(render_visit, _leave_out(BOXED)), {CAPTURE: FAILED}),
    "a screenshot that is none": (_combine(render_visit, _replace_file(SCREENSHOT, b"junk")), {CAPTURE: FAILED}),
    "a screenshot of another width": (
        _combine(render_visit, _replace_file(SCREENSHOT, encode_picture(textured_picture(9), "PNG"))), {CAPTURE: FAILED}
    ),
    "a screenshot that wasn't made": (
        _combine(render_visit, _change_network(lambda record: record["rendered"].update(
            not_made={"screenshot": "It took too long."}))),
        {CAPTURE: FAILED},
    ),
    "screenshots of a visit without a browser": (
        _combine(render_visit, _change_network(lambda record: record.pop("rendered")),
        _change_capture(method="http")), {CAPTURE: FAILED}
    ),
    "an archive of junk": (_combine(render_visit, _replace_file(WACZ, b"PK junk")), {CAPTURE: "passed",
    ARCHIVE: FAILED}),
    "an archive of another page": (_combine(render_visit, _replace_archive), {CAPTURE: "passed", ARCHIVE: FAILED}),
    "an archive that begins elsewhere": (
        _combine(render_visit, _change_archive(lambda archived: archived.update({"pages/pages.jsonl": b"{}"}))),
            {ARCHIVE: FAILED}
    ),
    "an archive with an index of its own": (
        _combine(render_visit, _change_archive(lambda archived: archived.update({"indexes/index.cdxj": b""}))),
            {ARCHIVE: FAILED}
    ),
    "an archive with a file more": (
        _combine(render_visit, _change_archive(lambda archived: archived.update({"archive/more.warc": b"x"}))),
            {ARCHIVE: FAILED}
    ),
    "an archive without its record": (
        _combine(render_visit, _change_archive(lambda archived: archived.pop("archive/data.warc"))), {ARCHIVE: FAILED}
    ),
    "bytes that the page didn't load": (
        _combine(render_visit, _change_network(lambda record: record["resources"][1].update(sha256="ab" * 32))),
            {ARCHIVE: FAILED}
    ),
    # the drawings
    "another drawing": (_replace_file(OVERLAY, encode_picture(textured_picture(9, (640, 480)), "JPEG")),
    {"drawings": FAILED}),
    "a drawing of another size": (_replace_file(OVERLAY, encode_picture(textured_picture(9), "JPEG")),
    {"drawings": FAILED}),
    "a drawing that is none": (_replace_file(BESIDE, b"junk"), {"drawings": FAILED}),
    "a drawing with a part painted over": (
        _replace_file(OVERLAY, _paint((40, 40, 55, 55), (255, 255, 255))), {"drawings": FAILED}
    ),
    "a drawing with a small mark": (_replace_file(BESIDE, _paint((20, 50, 23, 55), (0, 0, 0))), {"drawings": FAILED}),
    "a drawing saved once more": (_replace_file(OVERLAY, _recompress), {"drawings": "passed"}),
    "two drawings in each other's place": (
        lambda _, files: files.update({OVERLAY: files[BESIDE], BESIDE: files[OVERLAY]}), {"drawings": FAILED}
    ),
    # the sheet
    "a foreign sheet": (_replace_file("data/exhibit.pdf", empty_pdf()), {"sheet": FAILED}),
    "a sheet with a revision behind it": (
        _replace_file("data/exhibit.pdf", lambda data: data + b"\n1 0 obj\n<< >>\nendobj\n%%EOF\n"), {"sheet": FAILED}
    ),
    "a sheet about other facts": (lambda facts, _: facts["work"].update(rights_statement="None."), {"sheet": FAILED}),
    "one more sheet": (_replace_file("data/verdict.pdf", empty_pdf()), {"sheet": FAILED}),
    "a sheet of other tools": (_use_other_tools, {"sheet": "not checked"}),
    # the sentences and their sources
    "a mirroring that isn't stated": (_change_figures(mirrored=False), {"match:01": FAILED, "words": FAILED}),
    "a turn that isn't": (_change_figures(rotation=90), {"match:01": FAILED, "words": FAILED}),
    "a turn beyond all": (_change_figures(rotation=720), {"match:01": FAILED}),
    "a sentence more": (_add_words("It is certainly a copy."), {"match:01": "passed", "words": FAILED}),
    "figures of an alignment that isn't there": (_remove_alignment, {"match:01": FAILED, "drawings": FAILED}),
    "the same bytes, half of them": (
        _claim_same_bytes(transform=[[1, 0, 0], [0, 1, 0], [0, 0, 1]], mirrored=False,
        overlap_work=0.5), {"match:01": FAILED}
    ),
    "the same bytes, moved": (
        _claim_same_bytes(transform=[[1, 0, 9], [0, 1, 0], [0, 0, 1]], mirrored=False, dense=1.0), {"match:01": FAILED}
    ),
}  # fmt: skip
BY_COMMAND = frozenset({"drawings", "sheet", "words"})
UNPINNED = "probability:01"
"""The probability check of the scenes: their calibration is not one that ships with the software."""
NOT_REMADE = BY_COMMAND | {"rest", UNPINNED}
"""Checks that do not run on a whole bundle of a scene."""

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

from evidence.capture.boxes import Place, boxed
from evidence.capture.wire import Exchange, write_warc
from evidence.formats.wacz import WaczPage, write_wacz
from exhibit.clock import parse_rfc3339, rfc3339
from exhibit.digests import Digest
from indexer.draw.draw import View
from tests.assets.bundles import CAPTURED, DRAWN, PAGE, empty_pdf, encoded, textured
from tests.assets.changes import Files
from tests.assets.resealing import Facts, Lie

EXCHANGE, NETWORK, HTML, IMAGE = CAPTURED
OVERLAY, BESIDE = DRAWN[View.OVERLAY], DRAWN[View.SIDE_BY_SIDE]
CAPTURE, ARCHIVE = "capture:01-1", "wacz:01-1"


def _network(change: Callable[[Any], object]) -> Lie:
    def lie(_: Facts, files: Files) -> None:
        record = json.loads(files[NETWORK])
        change(record)
        files[NETWORK] = json.dumps(record).encode()

    return lie


def _capture(**changes: object) -> Lie:
    return lambda facts, _: facts["sightings"][0]["captures"][0].update(changes)


def _both(**changes: object) -> Lie:
    """Change the visit consistently in the facts and in the network record."""

    def lie(facts: Facts, files: Files) -> None:
        _capture(**changes)(facts, files)
        _network(lambda record: record.update(changes))(facts, files)

    return lie


def _file(path: str, data: bytes | Callable[[bytes], bytes]) -> Lie:
    def lie(_: Facts, files: Files) -> None:
        files[path] = data if isinstance(data, bytes) else data(files[path])

    return lie


def _all(*lies: Lie) -> Lie:
    def lie(facts: Facts, files: Files) -> None:
        for one in lies:
            one(facts, files)

    return lie


def asked_for(url: str) -> bytearray:
    """Return the request of a URL as sent over the network."""
    host, _, path = url.partition("://")[2].partition("/")
    return bytearray(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())


def answered(
    *bodies: tuple[str, bytes], head: str = "", moved: timedelta = timedelta(), peer: str = "203.0.113.9"
) -> Lie:
    """Replace the responses in the record."""

    def lie(facts: Facts, files: Files) -> None:
        begun = parse_rfc3339(facts["sightings"][0]["captures"][0]["started"]) + moved
        chosen = bodies or (("/", PAGE), ("/field.jpg", files[IMAGE]))
        exchanges = [
            Exchange(
                begun, f"https://copies.example{path}", peer, asked_for(f"https://copies.example{path}"),
                bytearray(f"HTTP/1.1 200 OK\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body),
            )
            for path, body in chosen
        ]  # fmt: skip
        files[EXCHANGE] = write_warc(exchanges, {})

    return lie


def _kept_image(data: bytes) -> Lie:
    """Replace the captured image, and state its digest in the facts."""

    def lie(facts: Facts, files: Files) -> None:
        files[IMAGE] = data
        facts["sightings"][0]["captures"][0]["image"] = Digest.of(data).hex

    return lie


def _painted(
    box: tuple[int, int, int, int], colour: tuple[int, int, int], quality: int = 95
) -> Callable[[bytes], bytes]:
    """Paint a rectangle on an image; the box is given in hundredths of its sides."""

    def painted(data: bytes) -> bytes:
        with Image.open(io.BytesIO(data)) as opened:
            picture = opened.convert("RGB")
        corners = [round(side * share / 100) for side, share in zip((*picture.size, *picture.size), box, strict=True)]
        ImageDraw.Draw(picture).rectangle(corners, fill=colour)
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality, subsampling=0)
        return out.getvalue()

    return painted


def _saved_again(data: bytes) -> bytes:
    """Recompress the drawing as another program's JPEG."""
    return _painted((200, 200, 200, 200), (0, 0, 0), 80)(data)


def _figures(**changes: object) -> Lie:
    return lambda facts, _: facts["matches"][0]["verification"].update(changes)


def _words(*words: str) -> Lie:
    return lambda facts, _: facts["matches"][0].update(words=[*facts["matches"][0]["words"], *words])


def _same_bytes(**figures: object) -> Lie:
    """Claim these measurements although the sighted file is the registered one."""

    def lie(facts: Facts, files: Files) -> None:
        [picture], [sighting], [match] = facts["work"]["pictures"], facts["sightings"], facts["matches"]
        files[picture["file"]] = files[sighting["picture"]["file"]]
        picture.update({name: value for name, value in sighting["picture"].items() if name != "file"})
        match.update(work_picture=picture["digest"])
        match["verification"].update(figures)

    return lie


def _without_alignment(facts: Facts, _: Files) -> None:
    facts["matches"][0]["verification"].update(transform=None)


def _moved_file(facts: Facts, files: Files) -> None:
    files["data/sightings/01/elsewhere.html"] = files.pop(HTML)
    _listed_as(facts, HTML, "data/sightings/01/elsewhere.html")


def _listed_as(facts: Facts, old: str, new: str) -> None:
    capture = facts["sightings"][0]["captures"][0]
    capture["files"] = [new if one == old else one for one in capture["files"]]


def _not_kept(path: str) -> Lie:
    def lie(facts: Facts, files: Files) -> None:
        del files[path]
        facts["sightings"][0]["captures"][0]["files"].remove(path)

    return lie


def _visit_of_the_day_before(facts: Facts, files: Files) -> None:
    moved = timedelta(days=-1)
    capture = facts["sightings"][0]["captures"][0]
    answered(moved=moved)(facts, files)
    times = {name: rfc3339(parse_rfc3339(capture[name]) + moved) for name in ("started", "finished")}
    _both(**times)(facts, files)
    exchanged = dict.fromkeys(("sent", "answered"), times["started"])
    _network(lambda record: [one.update(exchanged) for one in record["exchanges"]])(facts, files)


def _bomb(facts: Facts, files: Files) -> None:
    packed = gzip.compress(bytes(80 << 20), 9)
    answered(("/", PAGE), ("/field.jpg", packed), head="Content-Encoding: gzip\r\n")(facts, files)


def _of_other_tools(facts: Facts, files: Files) -> None:
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


def rendered(facts: Facts, files: Files) -> None:
    """Turn the visit into one with a browser: adds all files of such a capture, made without a browser."""
    capture = facts["sightings"][0]["captures"][0]
    record, warc = json.loads(files[NETWORK]), files[EXCHANGE]
    place = Place("shown", 40.0, 30.0, 80.0, 60.0)
    shot = Image.new("RGB", (1280, 900), "white")
    shot.paste(textured(1, (80, 64)), (40, 30))
    plain = encoded(shot, "PNG")
    resources = []
    loaded = (("document", PAGE), ("image", files[IMAGE]))
    for step, (kind, body) in zip(record["exchanges"], loaded, strict=True):
        known = {"url": step["url"], "final_url": step["url"], "status": 200, "bytes": len(body), "failure": ""}
        chain = [one["sha256"] for one in step["tls"]["chain"]]
        connection = {"dns_answers": step["dns_answers"], "peer": step["peer"]["address"], "tls": "TLSv1.3"}
        digest = {"sha256": Digest.of(body).hex, "kind": kind, "certificates": chain}
        resources.append({**known, **connection, **digest})
    shown: dict[str, Any] = {
        "address": "https://copies.example/", "title": "A field", "window": [1280, 900], "height": 900,
        "screenshot_is_cut": False, "image_places": [asdict(place)], "boxed_screenshot_from": 0, "asks_for": [],
        "nothing_shown": "", "not_made": {},
    }  # fmt: skip
    certificates = record["exchanges"][0]["tls"]["chain"]
    record.update(rendered=shown, resources=resources, not_loaded=[], certificates=certificates)
    page = WaczPage(shown["address"], "A field", parse_rfc3339(capture["started"]))
    made = {
        "network.json": json.dumps(record).encode(), "screenshot.png": plain, "dom.html": PAGE,
        "page.pdf": _dated_pdf(capture["started"]),
        "screenshot-boxed.png": boxed(plain, [place]), "page.mhtml": _mhtml(capture["started"]),
        "capture.wacz": write_wacz(warc, page, facts["software"]["version"]),
    }  # fmt: skip
    files.update({f"{FOLDER}/{name}": data for name, data in made.items()})
    capture.update(method="browser", files=sorted({*capture["files"], *(f"{FOLDER}/{name}" for name in made)}))


def _left_out(path: str) -> Lie:
    def lie(facts: Facts, files: Files) -> None:
        del files[path]
        facts["sightings"][0]["captures"][0]["files"].remove(path)

    return lie


def _archive(change: Callable[[dict[str, bytes]], object]) -> Lie:
    """Change files of the web archive."""

    def lie(_: Facts, files: Files) -> None:
        with zipfile.ZipFile(io.BytesIO(files[WACZ])) as archive:
            held = {name: archive.read(name) for name in archive.namelist()}
        change(held)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, data in held.items():
                archive.writestr(zipfile.ZipInfo(name), data)
        files[WACZ] = out.getvalue()

    return lie


def _other_archive(facts: Facts, files: Files) -> None:
    """Replace the web archive by a valid one of another page."""
    kept = dict(files)
    answered(("/", b"<p>Ours."), ("/field.jpg", files[IMAGE]))(facts, kept)
    started = parse_rfc3339(facts["sightings"][0]["captures"][0]["started"])
    page = WaczPage("https://copies.example/", "A field", started)
    files[WACZ] = write_wacz(kept[EXCHANGE], page, facts["software"]["version"])


FAILED, LONG_AGO = "failed", "2020-01-01T00:00:00.000000Z"
FORGED: dict[str, tuple[Lie, dict[str, str]]] = {
    "nothing": (lambda *_: None, {CAPTURE: "passed", "match:01": "passed", "drawings": "passed", "sheet": "passed"}),
    # the record of the exchanges
    "a record of junk": (_file(EXCHANGE, b"WARC/1.1\r\n"), {CAPTURE: FAILED}),
    "an empty record": (_file(EXCHANGE, b""), {CAPTURE: FAILED}),
    "a record that breaks off": (_file(EXCHANGE, lambda data: data[:-40]), {CAPTURE: FAILED}),
    "a record with one byte changed": (
        _file(EXCHANGE, lambda data: data.replace(b"A field.", b"B field.")), {CAPTURE: FAILED}
    ),
    "a record with words behind it": (_file(EXCHANGE, lambda data: data + b"and more"), {CAPTURE: FAILED}),
    "a record of other bytes for the image": (
        answered(("/", PAGE), ("/field.jpg", encoded(textured(9), "JPEG"))), {CAPTURE: FAILED}
    ),
    "a record of the image at another address": (
        lambda facts, files: answered(("/", PAGE), ("/other.jpg", files[IMAGE]))(facts, files), {CAPTURE: FAILED}
    ),
    "a record of another page": (
        lambda facts, files: answered(("/", b"<p>Ours."), ("/field.jpg", files[IMAGE]))(facts, files),
        {CAPTURE: FAILED},
    ),
    "a record of a week before": (answered(moved=timedelta(days=-7)), {CAPTURE: FAILED}),
    "a record of another server": (answered(peer="198.51.100.7"), {CAPTURE: FAILED}),
    "an exchange more than is told": (
        lambda facts, files: answered(("/", PAGE), ("/field.jpg", files[IMAGE]), ("/sorry", b"We copied it."))(
            facts, files
        ),
        {CAPTURE: FAILED},
    ),
    "an image that unpacks without end": (_bomb, {CAPTURE: FAILED}),
    # the network record
    "surroundings of junk": (_file(NETWORK, b'{"peer":"203.0.113.9"}'), {CAPTURE: FAILED}),
    "surroundings that aren't JSON": (_file(NETWORK, b"junk"), {CAPTURE: FAILED}),
    "surroundings with a name twice": (
        _file(NETWORK, lambda data: data.replace(b'"outcome":', b'"outcome":"unreachable","outcome":', 1)),
        {CAPTURE: FAILED},
    ),
    "surroundings of another outcome": (_network(lambda one: one.update(outcome="unreachable")), {CAPTURE: FAILED}),
    "another status": (_network(lambda one: one["exchanges"][1].update(status=404)), {CAPTURE: FAILED}),
    "another address": (
        _network(lambda one: one["exchanges"][1].update(url="https://copies.example/theirs.jpg")), {CAPTURE: FAILED}
    ),
    "another time": (
        _network(lambda one: one["exchanges"][0].update(sent=LONG_AGO, answered=LONG_AGO)),
        {CAPTURE: FAILED},
    ),
    "a server that the name doesn't have": (
        _network(lambda one: one["exchanges"][0].update(dns_answers=["198.51.100.7"])), {CAPTURE: FAILED}
    ),
    "no certificate": (_network(lambda one: one["exchanges"][0].update(tls=None)), {CAPTURE: FAILED}),
    "another certificate than stated": (
        _network(lambda one: one["exchanges"][0]["tls"]["chain"][0].update(der="AAAA")), {CAPTURE: FAILED}
    ),
    "an exchange left out": (_network(lambda one: one["exchanges"].pop()), {CAPTURE: FAILED}),
    "surroundings that aren't there": (_not_kept(NETWORK), {CAPTURE: FAILED}),
    "a record that wasn't kept": (_not_kept(EXCHANGE), {CAPTURE: "not checked", "captures": "not checked"}),
    "another image, and no record of it": (
        _all(_not_kept(EXCHANGE), _kept_image(encoded(textured(9), "JPEG"))), {CAPTURE: FAILED}
    ),
    # the facts of the visit
    "another time of the visit": (_capture(finished="2030-01-01T00:00:00.000000Z"), {CAPTURE: FAILED}),
    "a visit of another day": (
        _both(started=LONG_AGO, finished=LONG_AGO), {CAPTURE: FAILED}
    ),
    "a visit before the picture was first seen": (_visit_of_the_day_before, {CAPTURE: "passed", "order": FAILED}),
    "an image of a visit without files": (_capture(files=[]), {CAPTURE: FAILED}),
    "a changed image that isn't": (_both(outcome="image-changed"), {CAPTURE: FAILED}),
    "a page that is gone and isn't": (_both(outcome="page-gone"), {CAPTURE: FAILED}),
    "an outcome of one's own": (_both(outcome="infringed"), {CAPTURE: FAILED}),
    "a digest that points nowhere": (_capture(image="ab" * 32), {CAPTURE: FAILED}),
    "no digest of the image that is there": (_capture(image=None), {CAPTURE: FAILED}),
    "another image in the capture": (_kept_image(encoded(textured(9), "JPEG")), {CAPTURE: FAILED}),
    "another page in the capture": (_file(HTML, b"<p>Ours."), {CAPTURE: FAILED}),
    "a browser that wasn't there": (_capture(method="browser"), {CAPTURE: FAILED}),
    "a file of the capture elsewhere": (_moved_file, {CAPTURE: FAILED}),
    # the appearance of the page
    "a visit with a browser": (rendered, {CAPTURE: "passed", ARCHIVE: "passed", "sheet": FAILED}),
    "a browser's screenshot left out": (_all(rendered, _left_out(SCREENSHOT)), {CAPTURE: FAILED}),
    "a boxed screenshot left out": (_all(rendered, _left_out(BOXED)), {CAPTURE: FAILED}),
    "a screenshot that is none": (_all(rendered, _file(SCREENSHOT, b"junk")), {CAPTURE: FAILED}),
    "a screenshot of another width": (
        _all(rendered, _file(SCREENSHOT, encoded(textured(9), "PNG"))), {CAPTURE: FAILED}
    ),
    "a screenshot that wasn't made": (
        _all(rendered, _network(lambda one: one["rendered"].update(not_made={"screenshot": "It took too long."}))),
        {CAPTURE: FAILED},
    ),
    "screenshots of a visit without a browser": (
        _all(rendered, _network(lambda one: one.pop("rendered")), _capture(method="http")), {CAPTURE: FAILED}
    ),
    "an archive of junk": (_all(rendered, _file(WACZ, b"PK junk")), {CAPTURE: "passed", ARCHIVE: FAILED}),
    "an archive of another page": (_all(rendered, _other_archive), {CAPTURE: "passed", ARCHIVE: FAILED}),
    "an archive that begins elsewhere": (
        _all(rendered, _archive(lambda held: held.update({"pages/pages.jsonl": b"{}"}))), {ARCHIVE: FAILED}
    ),
    "an archive with an index of its own": (
        _all(rendered, _archive(lambda held: held.update({"indexes/index.cdxj": b""}))), {ARCHIVE: FAILED}
    ),
    "an archive with a file more": (
        _all(rendered, _archive(lambda held: held.update({"archive/more.warc": b"x"}))), {ARCHIVE: FAILED}
    ),
    "an archive without its record": (
        _all(rendered, _archive(lambda held: held.pop("archive/data.warc"))), {ARCHIVE: FAILED}
    ),
    "bytes that the page didn't load": (
        _all(rendered, _network(lambda one: one["resources"][1].update(sha256="ab" * 32))), {ARCHIVE: FAILED}
    ),
    # the drawings
    "another drawing": (_file(OVERLAY, encoded(textured(9, (640, 480)), "JPEG")), {"drawings": FAILED}),
    "a drawing of another size": (_file(OVERLAY, encoded(textured(9), "JPEG")), {"drawings": FAILED}),
    "a drawing that is none": (_file(BESIDE, b"junk"), {"drawings": FAILED}),
    "a drawing with a part painted over": (
        _file(OVERLAY, _painted((40, 40, 55, 55), (255, 255, 255))), {"drawings": FAILED}
    ),
    "a drawing with a small mark": (_file(BESIDE, _painted((20, 50, 23, 55), (0, 0, 0))), {"drawings": FAILED}),
    "a drawing saved once more": (_file(OVERLAY, _saved_again), {"drawings": "passed"}),
    "two drawings in each other's place": (
        lambda _, files: files.update({OVERLAY: files[BESIDE], BESIDE: files[OVERLAY]}), {"drawings": FAILED}
    ),
    # the sheet
    "a foreign sheet": (_file("data/exhibit.pdf", empty_pdf()), {"sheet": FAILED}),
    "a sheet with a revision behind it": (
        _file("data/exhibit.pdf", lambda data: data + b"\n1 0 obj\n<< >>\nendobj\n%%EOF\n"), {"sheet": FAILED}
    ),
    "a sheet about other facts": (lambda facts, _: facts["work"].update(rights_statement="None."), {"sheet": FAILED}),
    "one more sheet": (_file("data/verdict.pdf", empty_pdf()), {"sheet": FAILED}),
    "a sheet of other tools": (_of_other_tools, {"sheet": "not checked"}),
    # the sentences and their sources
    "a mirroring that isn't told": (_figures(mirrored=False), {"match:01": FAILED, "words": FAILED}),
    "a turn that isn't": (_figures(rotation=90), {"match:01": FAILED, "words": FAILED}),
    "a turn beyond all": (_figures(rotation=720), {"match:01": FAILED}),
    "a sentence more": (_words("It is certainly a copy."), {"match:01": "passed", "words": FAILED}),
    "figures of an alignment that isn't there": (_without_alignment, {"match:01": FAILED, "drawings": FAILED}),
    "the same bytes, half of them": (
        _same_bytes(transform=[[1, 0, 0], [0, 1, 0], [0, 0, 1]], mirrored=False, overlap_work=0.5), {"match:01": FAILED}
    ),
    "the same bytes, moved": (
        _same_bytes(transform=[[1, 0, 9], [0, 1, 0], [0, 0, 1]], mirrored=False, dense=1.0), {"match:01": FAILED}
    ),
}  # fmt: skip
BY_COMMAND = frozenset({"drawings", "sheet", "words"})
UNPINNED = "probability:01"
"""The probability check of the scenes: their calibration is not one that ships with the software."""
NOT_MADE = BY_COMMAND | {"rest", UNPINNED}
"""Checks that do not run on a whole bundle of a scene."""

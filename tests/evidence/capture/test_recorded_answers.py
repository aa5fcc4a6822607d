"""The page reads recorded answers, and pictures inside of pages, as Python does, whoever wrote them."""

import base64
import io
import json
import re
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evidence.capture.wire import Exchange, write_warc
from evidence.formats.records import inline_bodies, read_response
from exhibit.clock import parse_rfc3339
from exhibit.digests import Digest
from tests.assets.browser import CHROMIUM, Tab, running_tab
from tests.assets.bundles import PAGE, Scene
from tests.assets.changes import Files
from tests.assets.judged import ARCHIVE, CAPTURE, EXCHANGE, IMAGE, NETWORK, WACZ, answered, rendered
from tests.assets.resealing import Facts, Lie, sealed_lie
from tests.assets.tampering import files_of, packed
from tests.assets.verify_page import Page, by_python, differences
from tests.evidence.formats.test_inflating import page_parts

pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason="Chromium isn't installed"), pytest.mark.timeout(120)]
READ = """(text) => {
  const block = fromBase64(text);
  const head = readHead(block);
  return head && [head.status, head.lines, toBase64(block.subarray(head.end))];
}"""
INSIDE = """(text) => Array.from(inlineIn(fromBase64(text)), (bytes) => bytes && toBase64(bytes))"""
ARRIVALS = """(pairs, start) => {
  const header = (location) => (name) => (name === "location" ? location : "");
  const answers = pairs.map(([target, to]) => ({ target, url: plainUrl(target), status: 302, header: header(to) }));
  return [...arrivals(answers, start)].sort();
}"""
CONTINUE = b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n"
HEADS = [
    b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody",
    b"HTTP/1.1 200\nA: b\n\nbody",
    b"HTTP/2 404 \r\n\r\n",
    b"HTTP/1.1 20 OK\r\n\r\n",
    b"",
    CONTINUE,
    CONTINUE[:-2],
    CONTINUE * 3 + b"HTTP/1.1 204 x\r\n\r\n",
    CONTINUE * 20_000 + b"HTTP/1.1 200 x\r\n\r\n",
    b"HTTP/1.1 302 x\r\nLocation: /caf\xe9\r\nB: caf\xc3\xa9\r\n\r\n",
    b"HTTP/1.1 302 x\r\nLocation: /\x80\x9f\xff\r\n\r\n",
    b"HTTP/1.1 200 x\r\nA: b\rLocation: /x\r\n\r\n",
    b"HTTP/1.1 200 x\r\nLocation\r\nA:b:c\r\n: d\r\n\r\n",
]
INLINE = [
    b'<img src="data:image/png;base64,QUJDRA==">',
    b"<img src=data:image/png;base64,QUJDRA== alt=x>",
    b'<img srcset="data:image/png;base64,QUJDRA== 2x, data:image/png;base64,QUJD 3x">',
    b"data:image/png;base64,QUJDRA",
    b"data:image/png;base64,QUJDRA=",
    b"data:image/png;base64,QUJDRA= =x",
    b"data:image/png;base64,QUJDREE=x",
    b"data:image/png;base64,QUJ%44RA%3d%3D",
    b"data:image/png;base64,QUJDR",
    b"data:image/png;base64,=QUJD=RA=Q=",
    b"data:image/png;base64,QUJD\xa0RA==",
    b"data:image/png;base64,QUJ%c3%a9DRA==",
]


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with running_tab(tmp_path_factory.mktemp("profile")) as running:
        functions = f"{{ read: {READ}, inside: {INSIDE}, arrivals: {ARRIVALS} }}"
        running.ask(f"globalThis.page = (() => {{ {page_parts()}\nreturn {functions}; }})(); 1")
        yield running


def asked(tab: Tab, name: str, *values: Any) -> Any:  # noqa: ANN401 - JSON
    return tab.ask(f"page.{name}(...{json.dumps(values)})")


def coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("block", HEADS, ids=range(len(HEADS)))
def test_a_head_reads_alike(tab: Tab, block: bytes) -> None:
    one = read_response(block)
    fields = [[name.lower(), value] for name, value in one.headers if name or value] if one else []
    wanted = one and [one.status, fields, coded(one.packed)]
    assert asked(tab, "read", coded(block)) == wanted


@pytest.mark.parametrize("text", INLINE, ids=range(len(INLINE)))
def test_pictures_inside_of_a_page_read_alike(tab: Tab, text: bytes) -> None:
    wanted = [coded(body) for _, body in inline_bodies(text)]
    assert [one for one in asked(tab, "inside", coded(text)) if one is not None] == wanted


def test_redirects_are_followed_as_far_as_in_python_and_past_those_that_lead_nowhere(tab: Tab) -> None:
    pairs = [[f"https://x.example/{step}", f"/{step + 1}"] for step in range(9)]
    pairs.append(["https://x.example/0", "http://["])
    assert asked(tab, "arrivals", pairs, "https://x.example/0") == [f"https://x.example/{step}" for step in range(7)]


def recorded(*more: tuple[str, bytes], image: bytes | None = None) -> Lie:
    """The record holds further answers at their addresses, and maybe another one with the image."""

    def lie(facts: Facts, files: Files) -> None:
        begun = parse_rfc3339(facts["sightings"][0]["captures"][0]["started"])
        answers = [
            ("https://copies.example/", OK + PAGE),
            ("https://copies.example/field.jpg", image or OK + files[IMAGE]),
        ]
        asked = b"GET / HTTP/1.1\r\n\r\n"
        files[EXCHANGE] = write_warc(
            [Exchange(begun, url, "203.0.113.9", bytearray(asked), bytearray(data)) for url, data in (*answers, *more)],
            {},
        )

    return lie


def loaded(url: str, answer: bytes, status: int, body: bytes) -> Lie:
    """A browser loaded something more, whose bytes are stated."""

    def lie(facts: Facts, files: Files) -> None:
        recorded((url, answer))(facts, files)
        rendered(facts, files)
        record = json.loads(files[NETWORK])
        more = {"url": url, "final_url": url, "status": status, "sha256": Digest.of(body).hex}
        record["resources"].append({**record["resources"][0], **more})
        files[NETWORK] = json.dumps(record).encode()

    return lie


def archived_at(url: str) -> Lie:
    """The web archive holds one more answer, at this address."""

    def lie(facts: Facts, files: Files) -> None:
        rendered(facts, files)
        kept = dict(files)
        recorded((url, OK))(facts, kept)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("archive/data.warc", kept[EXCHANGE])
        files[WACZ] = out.getvalue()

    return lie


def ends_early(facts: Facts, files: Files) -> None:
    """The archive's directory states more bytes of its record than there are."""
    archived_at("https://copies.example/x")(facts, files)
    data = bytearray(files[WACZ])
    place = data.index(b"PK\1\2")
    struct.pack_into("<2I", data, place + 20, len(data), len(data))
    files[WACZ] = bytes(data)


def of_30_february(_: Facts, files: Files) -> None:
    files[EXCHANGE] = re.sub(rb"WARC-Date: [0-9-]{10}", b"WARC-Date: 2026-02-30", files[EXCHANGE], count=1)


def at_24_o_clock(_: Facts, files: Files) -> None:
    files[EXCHANGE] = re.sub(
        rb"WARC-Date: ([0-9-]{10})T.{15}", rb"WARC-Date: \1T24:00:00.000000", files[EXCHANGE], count=1
    )


OK, MOVED = b"HTTP/1.1 200 OK\r\n\r\n", "https://copies.example/old"
PASSED, FAILED, UNREAD = "passed", "failed", "not checked"
RECORDED: dict[str, tuple[Lie, dict[str, str]]] = {
    "an answer that is only announced": (recorded((MOVED, b"HTTP/1.1 100 Continue\r\n")), {CAPTURE: PASSED}),
    "a redirect to what is no address": (
        recorded(("https://copies.example/", b"HTTP/1.1 302 x\r\nLocation: http://[\r\n\r\n")), {CAPTURE: PASSED}
    ),
    "an answer at what is no address": (recorded(("a:http://[", OK)), {CAPTURE: FAILED}),
    "a length of 5,000 digits": (answered(head=f"Content-Length: {'9' * 5000}\r\n"), {CAPTURE: PASSED}),
    "an image packed by what nobody undoes": (
        recorded(image=b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n\x0b\x02\x80x\x03"),
        {CAPTURE: UNREAD, "captures": UNREAD},
    ),
    "another image": (recorded(image=OK + b"other"), {CAPTURE: FAILED}),
    "a record of 30 February": (of_30_february, {CAPTURE: FAILED}),
    "a record of 24 o'clock": (at_24_o_clock, {CAPTURE: FAILED}),
    "an archived redirect to nowhere": (
        loaded(MOVED, b"HTTP/1.1 302 x\r\n\r\nGone.", 302, b"Gone."), {CAPTURE: PASSED, ARCHIVE: PASSED}
    ),
    "an archived answer without a chunk": (
        loaded(MOVED, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, b""),
        {CAPTURE: PASSED, ARCHIVE: PASSED},
    ),
    "an archived answer packed by what nobody undoes": (
        loaded(MOVED, b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n\x0b\x02\x80x\x03", 200, b"x"),
        {CAPTURE: PASSED, ARCHIVE: UNREAD},
    ),
    "an archived answer of other bytes": (
        loaded(MOVED, OK + b"x", 200, b"y"), {CAPTURE: PASSED, ARCHIVE: FAILED}
    ),
    "an archive of a port beyond all": (archived_at("http://copies.example:99999/"), {ARCHIVE: FAILED}),
    "an archive of what is no address": (archived_at("http://["), {ARCHIVE: FAILED}),
    "an archive that ends early": (ends_early, {ARCHIVE: FAILED}),
}  # fmt: skip


@pytest.fixture(scope="module")
def shown(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with running_tab(tmp_path_factory.mktemp("profile")) as running:
        yield Page(running, scene.trust, tmp_path_factory.mktemp("page"))


@pytest.mark.parametrize("name", RECORDED)
def test_what_was_recorded_reads_alike(scene: Scene, bundle: Path, shown: Page, tmp_path: Path, name: str) -> None:
    lie, wanted = RECORDED[name]
    path = packed(tmp_path / "recorded.zip", sealed_lie(files_of(bundle), lie))
    told, states = shown.check(path), by_python(path, scene.trust)
    assert {check: states[1][check] for check in wanted} == wanted
    assert set(differences(told, states)) <= {ARCHIVE, ""}
    assert told[1].get(ARCHIVE, UNREAD) == UNREAD

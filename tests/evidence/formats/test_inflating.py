"""The page unpacks what stands in recorded exchanges as Python does, however it was packed, broken or continued."""

import base64
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

import evidence.page
from evidence.formats.codec import FormatError
from evidence.formats.records import Response
from tests.assets.browser import CHROMIUM, Tab, running_tab

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium isn't installed")
PARTS = Path(evidence.page.__file__).parent / "parts"
WAYS = {"gzip": (31,), "deflate": (15, -15)}
CASES = 400


def page_parts() -> str:
    """The page's own functions."""
    whole = "\n".join((PARTS / f"{name}.js").read_text("utf-8") for name in ("bytes", "inflate", "captures"))
    return whole.replace('JSON.parse(document.getElementById("schemas").textContent)', "{}")


def script() -> str:
    """Those, and one that gives what a body unpacks to in base64, or null."""
    told = "(text, coding) => ((body) => body && toBase64(body))(unpackBody(fromBase64(text), coding))"
    return f"globalThis.unpacked = (() => {{ {page_parts()}\nreturn {told}; }})(); 1"


def by_python(body: bytes, coding: str) -> str | None:
    try:
        return base64.b64encode(Response(200, (("Content-Encoding", coding),), body).body()).decode()
    except FormatError:
        return None


def drawn(draw: Random) -> tuple[bytes, str]:
    """A body packed in some way: whole, in two members, cut, with bits flipped or with words behind."""
    size = draw.randrange(3000)
    data = draw.choice(
        [draw.randbytes(size), bytes(draw.choices(b"abcdefg ", k=size)), b"the same again " * (size // 15)]
    )
    coding = draw.choice(list(WAYS))
    bits = draw.choice(WAYS[coding])

    def packed(part: bytes) -> bytes:
        packer = zlib.compressobj(draw.randrange(10), 8, bits, draw.randrange(1, 10), draw.randrange(5))
        return packer.compress(part) + packer.flush()

    body = bytearray(packed(data) + (packed(data[:50]) if draw.random() < 0.3 else b""))
    way = draw.randrange(4)
    if way == 0:
        del body[draw.randrange(len(body)) :]
    elif way == 1:
        body[draw.randrange(len(body))] ^= 1 << draw.randrange(8)
    elif way == 2:
        body += draw.randbytes(draw.randrange(1, 30))
    return bytes(body), coding


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with running_tab(tmp_path_factory.mktemp("profile")) as running:
        running.ask(script())
        yield running


def test_the_page_unpacks_every_body_as_python_does(tab: Tab) -> None:
    draw, wrong, refused = Random(20261122), [], 0
    for number in range(CASES):
        body, coding = drawn(draw)
        asked = json.dumps([base64.b64encode(body).decode(), coding])
        wanted = by_python(body, coding)
        refused += wanted is None
        if tab.ask(f"unpacked(...{asked})") != wanted:
            wrong.append(number)
    assert wrong == []
    assert CASES / 10 < refused < CASES / 2


def test_tables_of_too_many_codes_are_refused_before_they_break_off(tab: Tab) -> None:
    for body in (b"\xfd\x00\x00", b"\x05\x1f\x00", b"\x05\x00\x00"):  # of lengths, of distances, of none
        asked = json.dumps([base64.b64encode(body).decode(), "deflate"])
        assert tab.ask(f"unpacked(...{asked})") == by_python(body, "deflate")

"""Documents that exhaust the processor time or memory of a reader: name → (media type, bytes)."""

# ruff: noqa: E501 - one line a document

import gzip
import io
import zipfile
from collections.abc import Callable

from openpyxl import Workbook

_LD = "<script type=application/ld+json>"
_RSS = "<rss version='2.0'><channel><title>x</title>"


def _entities(levels: int, times: int) -> str:
    more = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * times}">' for n in range(1, levels))
    return f'<!DOCTYPE x [<!ENTITY e0 "ha ">{more}]>'


def _sheet(**parts: str) -> bytes:
    """Return a workbook with some parts replaced; a part with the text ``bomb`` becomes zeros."""
    plain, out = io.BytesIO(), io.BytesIO()
    book = Workbook()
    book.active.append(["file", "title"])  # type: ignore[union-attr] # a new workbook has a sheet
    book.save(plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            part = parts.get(name.rpartition("/")[2].partition(".")[0])
            text = b"<x>" + bytes(300_000_000) if part == "bomb" else None if part is None else part.encode()
            target.writestr(name, source.read(name) if text is None else text, compresslevel=1)
    return out.getvalue()


def _rows(count: int, text: str) -> str:
    cells = f"<row><c t='inlineStr'><is><t>{text}</t></is></c></row>" * count
    return f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{cells}</sheetData></worksheet>'


def _warc(length: str, body: bytes, **headers: str) -> bytes:
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/b.jpg\r\nContent-Length: {length}\r\n{more}\r\n"
    return head.encode() + b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + body + b"\r\n\r\n"


def _page(text: str) -> Callable[[], tuple[str, bytes]]:
    return lambda: ("page", text.encode())


def _feed(text: str) -> Callable[[], tuple[str, bytes]]:
    return lambda: ("feed", text.encode())


def _css(text: str) -> Callable[[], tuple[str, bytes]]:
    return lambda: ("sheet", text.encode())


HOSTILE_DOCUMENTS: dict[str, Callable[[], tuple[str, bytes]]] = {
    "attributes": _page("<p " + " ".join(f"a{n}=1" for n in range(120_000)) + ">x"),
    "attributes of an image": _page("<img " + " ".join(f"data-{n}=/{n}.jpg" for n in range(60_000)) + ">"),
    "one attribute again and again": _page("<p " + "a=1 " * 500_000 + ">x"),
    "nesting": _page("<div>" * 500_000),
    "nested links": _page("<a href=x>" * 300_000),
    "nested formatting": _page("<p><font><b><i><table>" * 100_000),
    "trees behind the tree": _page("<html></html>" * 300_000),
    "text behind the tree": _page("</html><p>x" * 300_000),
    "a long attribute": _page("<img src='" + "x" * 7_000_000 + "'>"),
    "a long data address": _page("<img src='data:image/png;base64," + "A" * 7_000_000 + "'>"),
    "candidates": _page("<img srcset='" + ", ".join(f"/{n}.jpg {n}w" for n in range(100_000)) + "'>"),
    "brackets in candidates": _page("<img srcset='" + "x (" * 1_000_000 + "'>"),
    "a long style": _page("<p style='" + "background:url(a.jpg);" * 200_000 + "'>"),
    "styles": _page("<p style='background:url(a.jpg)'>" * 200_000),
    "deep JSON-LD": _page(_LD + "[" * 10_000 + "]" * 10_000 + "</script>"),
    "broken JSON-LD": _page(_LD + '{"a":' * 400_000 + "</script>"),
    "scripts of JSON-LD": _page((_LD + "{}</script>") * 100_000),
    "comments in JSON-LD": _page(_LD + "/*" * 2_000_000 + "</script>"),
    "captions": _page(
        "<figure>" + "".join(f"<img src={n}>" for n in range(50_000)) + "<figcaption>x</figcaption>" * 50_000
    ),
    "figures in figures": _page("<figure><img src=a.jpg>" * 100_000 + "<figcaption>x"),
    "a long base": _page("<base href='https://a.example/" + "x" * 8000 + "'>" + "<img src=a><a href=b>" * 200_000),
    "open comments": _page("<!--" * 2_000_000),
    "open tags": _page("<a " * 2_000_000),
    "open quotes": _page('<a b="' * 1_000_000),
    "titles": _page("<title>x" * 500_000),
    "entities of a page": _page(_entities(12, 12) + "<p>" + "&e11;" * 1000),
    "charset tricks": lambda: ("page", b"<meta charset=utf-7>" + b"+ADw-" * 1_000_000 + b"\xff\xfe\0" * 100_000),
    "refresh": _page("<meta http-equiv=refresh content='" + "1" * 5_000_000 + "'>"),
    "selector": _css("a,b>c~d+e " * 300_000 + "{background:url(a.jpg)}"),
    "brackets in a sheet": _css("data: url(" + "(" * 1_000_000),
    "functions in a sheet": _css("a{b:url(x);c:" + "f(" * 500_000),
    "imports": _css("@import url(a.css);" * 100_000),
    "open imports": _css("@import " * 400_000),
    "comments in a sheet": _css("url(" + "/*" * 2_000_000),
    "entity-rich feed": _feed(
        _RSS + "<item><description>" + "&lt;&amp;&#x61;&eacute;" * 200_000 + "</description></item>"
    ),
    "entity bomb in a feed": _feed(_entities(15, 10) + _RSS + "<item><title>&e14;</title></item></channel></rss>"),
    "wide entities of a feed": _feed(
        f'<!DOCTYPE x [<!ENTITY a "{"a" * 50_000}">]>' + _RSS + "<item><title>" + "&a;" * 20_000
    ),
    "items": _feed(_RSS + "<item><link>/a</link><enclosure url='/a.jpg'/></item>" * 60_000),
    "nested items": _feed(_RSS + "<item><media:content url='a.jpg'>" * 60_000),
    "pages in a feed": _feed(
        _RSS + "<item><description><![CDATA[<p " + " ".join(f"a{n}=1" for n in range(50_000)) + ">]]>"
    ),
    "zipped sitemap": lambda: ("sitemap", gzip.compress(bytes(100_000_000), 1)),
    "entity bomb in a sitemap": lambda: (
        "sitemap",
        (_entities(12, 10) + "<urlset><url><loc>&e11;</loc></url></urlset>").encode(),
    ),
    "nested sitemap": lambda: ("sitemap", b"<urlset>" + b"<url><loc>" * 400_000),
    "entries": lambda: ("sitemap", b"<urlset>" + b"<url><loc>http://a.example/</loc></url>" * 150_000 + b"</urlset>"),
    "list": lambda: ("sitemap", b"http://a.example/\n" * 400_000),
    "robots.txt": lambda: ("robots", b"User-agent: *\nDisallow: /" + b"*a" * 20_000_000),
    "rules of robots.txt": lambda: ("robots", b"User-agent: *\n" + b"Disallow: /*a*b$\n" * 2_000_000),
    "a record that says it is longer": lambda: ("warc", _warc("99999999999", b"\xff\xd8\xff")),
    "a record that says it is shorter": lambda: ("warc", _warc("-5", b"\xff\xd8\xff" * 1000)),
    "a record without a number": lambda: ("warc", _warc("1e9", b"\xff\xd8\xff")),
    "a zipped record": lambda: ("warc", gzip.compress(_warc("100000000", bytes(100_000_000)), 1)),
    "a record zipped within": lambda: (
        "warc",
        _warc("600000", gzip.compress(bytes(100_000_000), 1), Content_Encoding="gzip"),
    ),
    "headers of a record": lambda: ("warc", b"WARC/1.0\r\n" + b"a: b\r\n" * 1_000_000),
    "workbook of zeros": lambda: ("xlsx", _sheet(sheet1="bomb")),
    "strings of zeros": lambda: ("xlsx", _sheet(sharedStrings="bomb")),
    "entities of a workbook": lambda: ("xlsx", _sheet(sheet1=_entities(12, 10) + "<worksheet>&e11;</worksheet>")),
    "rows of a workbook": lambda: ("xlsx", _sheet(sheet1=_rows(1_000_000, ""))),
    "lines of a workbook": lambda: ("xlsx", _sheet(sheet1=_rows(100_000, "x"))),
    "nesting in a workbook": lambda: ("xlsx", _sheet(sheet1="<worksheet>" + "<sheetData>" * 1_000_000)),
}

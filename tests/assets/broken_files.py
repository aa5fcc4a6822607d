# ruff: noqa: E501 - what is broken is seen best in one line
"""Broken or hostile files and request bodies, by defect, for every endpoint that accepts uploads."""

import gzip
import io
import struct
import zipfile

from tests.assets.hostile_zips import hostile_zips
from tests.assets.textured import encoded, textured

_SHEET = "xl/worksheets/sheet1.xml"
_NS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_BOMB = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "a"}">' for n in range(9))


def workbook() -> bytes:
    """Return a table of works as a spreadsheet program saves it."""
    from openpyxl import Workbook

    book, out = Workbook(), io.BytesIO()
    assert book.active is not None
    book.active.append(["file", "title"])
    book.active.append(["a.jpg", "Harbour"])
    book.save(out)
    return out.getvalue()


def replace_part(data: bytes, name: str, text: str) -> bytes:
    """Return the workbook with the text of one of its parts replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.namelist():
            new.writestr(member, text if member == name else old.read(member))
    return out.getvalue()


def set_field(data: bytes, offset: int, value: int) -> bytes:
    """Return a ZIP with one field set to a value in each local header and in each entry of its directory."""
    changed = bytearray(data)
    for mark, shift in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
        place = changed.find(mark)
        while place >= 0:
            struct.pack_into("<H", changed, place + offset + shift, value)
            place = changed.find(mark, place + 4)
    return bytes(changed)


def broken_files() -> dict[str, bytes]:
    """Return broken files by defect."""
    book, picture = workbook(), encoded(textured(1), "JPEG")
    rows = f"<worksheet {_NS}><sheetData>%s</sheetData></worksheet>"
    return {
        "empty": b"",
        "one byte": b"\0",
        "noughts": bytes(5000),
        "all bytes": bytes(range(256)) * 20,
        "half a character": b"file,title\na.jpg,\xed\xa0\x80\n",
        "a lone quotation mark": b'file,title\na.jpg,"Harbour\n',
        "a nought in a table": b"file,title\na.jpg,Har\0bour\n",
        "a control in its head": b"file,ti\x1btle\na.jpg,Harbour\n",
        "many columns": b",".join([b"file"] * 20_000) + b"\n",
        "one long field": b"file,title\na.jpg," + b"a" * 300_000 + b"\n",
        "nothing but separators": b",,,,\n" * 2000,
        "UTF-16 cut in half": "file,title\na.jpg,Harbour\n".encode("utf-16")[:-1],
        "UTF-16 without its mark": "file,title\na.jpg,港口\n".encode("utf-16-le"),
        "UTF-32": "file,title\na.jpg,Harbour\n".encode("utf-32"),
        "GBK with a torn sign": "file,title\na.jpg,港口\n".encode("gbk")[:-2] + b"\xff\n",
        "a number too large": b"file,author_died\na.jpg," + b"9" * 5000 + b"\n",
        "a day that isn't": b"licensee,domain,valid_from\nA,shop.example,2026-02-30\n",
        "a pattern of stars": b"licensee,url_pattern\nA," + b"*a" * 2000 + b"\n",
        "a ZIP of another version": set_field(book, 4, 99),
        "a ZIP packed in an unknown way": set_field(book, 8, 99),
        "a ZIP said to be encrypted": set_field(book, 6, 1),
        "a ZIP packed with another method than stated": set_field(book, 8, 12),
        "a ZIP cut short": book[: len(book) // 2],
        "a ZIP without its end": book[:-22],
        "a ZIP with words before it": b"#!/bin/sh\n" + book,
        "a workbook with an unknown entity": replace_part(book, _SHEET, rows % "<row><c><v>&nope;</v></c></row>"),
        "a workbook that expands": replace_part(book, _SHEET, f"<!DOCTYPE w [{_BOMB}]>" + rows % "<row><c><v>&a8;</v></c></row>"),
        "a workbook that reads a file": replace_part(
            book, _SHEET, '<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + rows % "<row><c><v>&x;</v></c></row>"
        ),
        "a workbook of torn XML": replace_part(book, _SHEET, "<worksheet><sheetData><row>"),
        "a workbook with a cell nowhere": replace_part(book, _SHEET, rows % '<row r="x"><c r="??9"><v>1</v></c></row>'),
        "a workbook with a text that isn't": replace_part(book, _SHEET, rows % '<row><c t="s"><v>99999</v></c></row>'),
        "a workbook with a date beyond time": replace_part(book, _SHEET, rows % '<row><c t="d"><v>99999-99-99</v></c></row>'),
        "a workbook without sheets": replace_part(book, "xl/workbook.xml", f"<workbook {_NS}/>"),
        "a workbook of no XML": replace_part(book, "xl/workbook.xml", "\0\0"),
        "a workbook of an old Excel": b"\xd0\xcf\x11\xe0" + bytes(600),
        "GZIP": gzip.compress(b"file,title\n"),
        "a torn JPEG": picture[: len(picture) // 3],
        "a JPEG of noughts": picture[:200] + bytes(3000),
        "a PNG of a large size": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 2**31 - 1, 2**31 - 1) + b"\x08\x06" + bytes(7),
        "a torn GIF": b"GIF89a" + b"\xff" * 40,
        "a TIFF that turns in a circle": b"II*\0\x08\0\0\0\0\0\x08\0\0\0",
        "a torn WebP": b"RIFF\xff\xff\xff\xffWEBPVP8X" + bytes(20),
        "a torn PDF": b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 1 0 R >>\nstartxref\n99999\n%%EOF",
        "an SVG with a script": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        "a page": b"<!doctype html><script>alert(1)</script>",
        **{f"a ZIP: {what}": data for what, data in list(hostile_zips().items())[:12]},
    }  # fmt: skip


BROKEN_JSON = {
    "nothing": b"",
    "half an object": b'{"title": ',
    "a list": b"[]",
    "null": b"null",
    "a word": b'"harbour"',
    "a number": b"1e999",
    "not a number": b'{"days": NaN, "reply_days": Infinity}',
    "a long number": b'{"days": ' + b"9" * 5000 + b', "licence": ' + b"9" * 5000 + b"}",
    "numbers beyond the rows'": b'{"cases": [9223372036854775808], "works": [99999999999], "work": -1, "number": 1e30}',
    "a deep one": b"[" * 100_000,
    "a deep object": b'{"a":' * 100_000,
    "a name twice": b'{"title": "a", "title": "b", "reason": "a", "reason": null}',
    "a byte order mark": b'\xef\xbb\xbf{"title": "a"}',
    "UTF-16": '{"title": "a"}'.encode("utf-16"),
    "no UTF-8": b'{"title": "\xff\xfe", "reason": "\xc3\x28", "name": "\xff"}',
    "half a character": b'{"title": "\\ud800", "reason": "\\udfff", "name": "\\ud800", "url": "https://a.example/\\ud800"}',
    "a nought": b'{"title": "a\\u0000", "reason": "\\u0000", "name": "\\u0000", "words": ["\\u0000"]}',
    "lists for words": b'{"title": [], "reason": {}, "name": [], "url": [], "decision": [], "kind": {}, "cases": {}}',
    "words for lists": b'{"cases": "1", "works": "all", "kinds": "x", "sources": "x", "licences": "x", "scopes": "x"}',
    "names of Python": b'{"__class__": {}, "__proto__": {}, "constructor": {}, "pk": 1, "id": 1, "owner": 2, "role": "owner"}',
    "another owner": b'{"owner_id": 2, "is_staff": true, "quota_bytes": 1, "decided_by": "x", "sealed_at": "2020-01-01"}',
}


def broken_bodies() -> dict[str, tuple[str, bytes]]:
    """Return the content type and bytes of broken request bodies, by defect."""
    form = "multipart/form-data; boundary=b"
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\nx\r\n--b--\r\n'
    return {
        **{f"JSON: {what}": ("application/json", body) for what, body in BROKEN_JSON.items()},
        "a form without its boundary": ("multipart/form-data", part % b"a.jpg"),
        "a form of another boundary": ("multipart/form-data; boundary=c", part % b"a.jpg"),
        "a form that ends early": (form, (part % b"a.jpg")[:-9]),
        "a form with a boundary beyond ASCII": ("multipart/form-data; boundary=\u00fc", part % b"a.jpg"),
        "a form with a name that climbs": (form, part % b"../../../../etc/passwd"),
        "a form with a name of noughts": (form, part % b"\0\0.jpg"),
        "a form with a name of half characters": (form, part % b"\xed\xa0\x80.jpg"),
        "a form with a name of lines": (form, part % b'a.jpg"\r\nX-Evil: 1\r\n'),
        "a form with an endless name": (form, part % (b"a" * 60_000)),
        "a form in an unknown code": ("multipart/form-data; boundary=b; charset=utf-99", part % b"a.jpg"),
        "a form inside a form": (form, b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n--b--\r\n"),
        "a form in base64 that isn't": (
            form,
            b'--b\r\nContent-Disposition: form-data; name="file"\r\nContent-Transfer-Encoding: base64\r\n\r\n!!\r\n--b--\r\n',
        ),
        "fields beyond counting": ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(3000))),
        "a field of half characters": ("application/x-www-form-urlencoded", b"title=%ED%A0%80&reason=%FF&cases=%00&q=%"),
        "fields in an unknown code": ("application/x-www-form-urlencoded; charset=utf-99", b"title=a"),
        "XML": ("application/xml", b"<a/>"),
        "no type": ("", b"abc"),
    }  # fmt: skip

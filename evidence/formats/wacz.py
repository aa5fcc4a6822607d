"""A web archive in one file (WACZ 1.1.1), around an existing WARC file: the same record gives the same bytes."""

import hashlib
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from evidence.formats.records import read_response, read_warc
from exhibit import __version__
from exhibit.clock import rfc3339

WARC = "archive/data.warc"
INDEX = "indexes/index.cdxj"
PAGES = "pages/pages.jsonl"


@dataclass(frozen=True, slots=True)
class WaczPage:
    """The page that a reader of the archive sees first."""

    url: str
    title: str  # title of the page; may be empty
    at: datetime  # time of the visit, aware, UTC


def write_wacz(warc: bytes, page: WaczPage, version: str = __version__) -> bytes:
    """Return the archive.

    An uncompressed WARC file, its index, the first page for replay, and a description with digests.

    ``version`` is that of the program that first wrote it.
    """
    moment = rfc3339(page.at)
    files = {WARC: warc, INDEX: _build_index(warc), PAGES: _build_pages(page, moment)}
    descriptor = _to_json(
        {
            "profile": "data-package",
            "wacz_version": "1.1.1",
            "software": f"Exhibit/{version}",
            "created": moment,
            "mainPageUrl": page.url,
            "mainPageDate": moment,
            "title": page.title or page.url,
            "resources": [
                {"name": path.rpartition("/")[2], "path": path, "hash": _format_digest(data), "bytes": len(data)}
                for path, data in files.items()
            ],
        }
    )
    files["datapackage.json"] = descriptor
    files["datapackage-digest.json"] = _to_json({"path": "datapackage.json", "hash": _format_digest(descriptor)})
    return _zip(files)


def _build_index(warc: bytes) -> bytes:
    """Return one line for each response, sorted, so that a player finds it by its URL (CDXJ)."""
    lines = []
    for record in read_warc(warc, WARC):
        response = read_response(record.block) if record.kind == "response" else None
        if response is None:
            continue
        fields = {
            "url": record.url,
            "mime": response.header("content-type").partition(";")[0].strip() or "unk",
            "status": str(response.status),
            "digest": _format_digest(response.packed),
            "length": str(record.place[1]),
            "offset": str(record.place[0]),
            "filename": WARC.rpartition("/")[2],
        }
        moment = re.sub(r"[^0-9]", "", rfc3339(record.date))[:14]
        lines.append(f"{to_search_key(record.url)} {moment} {json.dumps(fields)}\n")
    return "".join(sorted(lines)).encode()


def to_search_key(url: str) -> str:
    """Return the key under which players look up a URL (SURT): reversed host, then path and sorted query, lower case.

    Session ids stay, although players by the Internet Archive's rules leave them out. The URL is split without parsing:
    verifiers make this file again, and sealed bundles contain these bytes.
    """
    parts = urlsplit(url.lower())
    host = (parts.hostname or "").removeprefix("www.")
    port = "" if parts.port in {None, {"http": 80, "https": 443}.get(parts.scheme)} else f":{parts.port}"
    query = "&".join(sorted(parts.query.split("&"))) if parts.query else ""
    path = parts.path.rstrip("/") or "/"
    return ",".join(reversed(host.split("."))) + port + ")" + path + (f"?{query}" if query else "")


def _build_pages(page: WaczPage, moment: str) -> bytes:
    header = {"format": "json-pages-1.0", "id": "pages", "title": "All Pages"}
    identity = hashlib.sha256(f"{page.url} {moment}".encode()).hexdigest()[:32]
    line = {"id": identity, "url": page.url, "ts": moment, "title": page.title}
    return "".join(json.dumps(part, ensure_ascii=False) + "\n" for part in (header, line)).encode("utf-8", "replace")


def _to_json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "replace")


def _format_digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _zip(files: Mapping[str, bytes]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for path, data in files.items():
            info = zipfile.ZipInfo(path)
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, data)
    return out.getvalue()

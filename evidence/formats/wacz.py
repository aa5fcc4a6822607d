"""Writer of web archives (WACZ 1.1.1) from an existing WARC file. The same input gives the same bytes."""

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
from exhibit.clock import format_rfc3339

WARC_PATH = "archive/data.warc"
INDEX_PATH = "indexes/index.cdxj"
PAGES_PATH = "pages/pages.jsonl"


@dataclass(frozen=True, slots=True)
class WaczPage:
    """The page that a viewer of the archive shows first."""

    url: str
    title: str  # title of the page; may be empty
    at: datetime  # time of the visit, aware, UTC


def build_wacz(warc: bytes, page: WaczPage, version: str = __version__) -> bytes:
    """Return the archive: a ZIP with the uncompressed WARC file, its index, the first page, and a list of digests.

    ``version`` is the version of Exhibit that first wrote the archive.
    """
    visit_time = format_rfc3339(page.at)
    files = {WARC_PATH: warc, INDEX_PATH: _build_index(warc), PAGES_PATH: _build_pages(page, visit_time)}
    descriptor = _to_json(
        {
            "profile": "data-package",
            "wacz_version": "1.1.1",
            "software": f"Exhibit/{version}",
            "created": visit_time,
            "mainPageUrl": page.url,
            "mainPageDate": visit_time,
            "title": page.title or page.url,
            "resources": [
                {"name": path.rpartition("/")[2], "path": path, "hash": _format_digest(data), "bytes": len(data)}
                for path, data in files.items()
            ],
        }
    )
    files["datapackage.json"] = descriptor
    files["datapackage-digest.json"] = _to_json({"path": "datapackage.json", "hash": _format_digest(descriptor)})
    return _build_zip(files)


def _build_index(warc: bytes) -> bytes:
    """Return the index (CDXJ): one line for each response, sorted, so that players find responses by URL."""
    lines = []
    for record in read_warc(warc, WARC_PATH):
        response = read_response(record.block) if record.kind == "response" else None
        if response is None:
            continue
        fields = {
            "url": record.url,
            "mime": response.get_header("content-type").partition(";")[0].strip() or "unk",
            "status": str(response.status),
            "digest": _format_digest(response.wire_body),
            "length": str(record.position[1]),
            "offset": str(record.position[0]),
            "filename": WARC_PATH.rpartition("/")[2],
        }
        digits = re.sub(r"[^0-9]", "", format_rfc3339(record.date))[:14]
        lines.append(f"{to_search_key(record.url)} {digits} {json.dumps(fields)}\n")
    return "".join(sorted(lines)).encode()


def to_search_key(url: str) -> str:
    """Return the key under which players look up a URL (SURT): reversed host, then path and sorted query, lower case.

    Session ids are kept, although players that follow the rules of the Internet Archive remove them. The URL is only
    split, not normalized: verifiers rebuild this file, and the bytes in sealed bundles must not change.
    """
    parts = urlsplit(url.lower())
    host = (parts.hostname or "").removeprefix("www.")
    port = "" if parts.port in {None, {"http": 80, "https": 443}.get(parts.scheme)} else f":{parts.port}"
    query = "&".join(sorted(parts.query.split("&"))) if parts.query else ""
    path = parts.path.rstrip("/") or "/"
    return ",".join(reversed(host.split("."))) + port + ")" + path + (f"?{query}" if query else "")


def _build_pages(page: WaczPage, visit_time: str) -> bytes:
    header = {"format": "json-pages-1.0", "id": "pages", "title": "All Pages"}
    identity = hashlib.sha256(f"{page.url} {visit_time}".encode()).hexdigest()[:32]
    line = {"id": identity, "url": page.url, "ts": visit_time, "title": page.title}
    return "".join(json.dumps(part, ensure_ascii=False) + "\n" for part in (header, line)).encode("utf-8", "replace")


def _to_json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "replace")


def _format_digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _build_zip(files: Mapping[str, bytes]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for path, data in files.items():
            info = zipfile.ZipInfo(path)
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, data)
    return out.getvalue()

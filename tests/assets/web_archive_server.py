"""A web archive on loopback with both documented interfaces: Wayback's CDX server and replay, and Common Crawl's.

The responses of the indexes follow https://github.com/internetarchive/wayback/tree/master/wayback-cdx-server and the
manual of pywb.
"""

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qs, quote_plus, urlsplit

from tests.assets.site import Answer, ReceivedRequest, Site

FILE = "crawl-data/{index}/segments/1/warc/{index}-00000.warc.gz"


@dataclass(frozen=True, slots=True)
class ArchivedCapture:
    """A capture in the archive."""

    url: str
    timestamp: str  # 14 digits
    body: bytes
    media_type: str = "image/jpeg"
    status: str = "200"
    digest: str = ""  # digest in the index; the one of the body when empty

    @property
    def indexed_digest(self) -> str:
        return self.digest or digest(self.body)

    @property
    def key(self) -> str:
        """Return the sort-friendly URL (SURT) of the capture."""
        parts = urlsplit(self.url)
        return f"{','.join(reversed((parts.hostname or '').split('.')))}){parts.path}"


def digest(body: bytes) -> str:
    """Return the SHA-1 digest as CDX writes it."""
    return base64.b32encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode()


def cdx_fields(capture: ArchivedCapture) -> dict[str, str]:
    """Return the fields of a capture as the Wayback Machine's index lists them."""
    return {
        "urlkey": capture.key, "timestamp": capture.timestamp, "original": capture.url, "mimetype": capture.media_type,
        "statuscode": capture.status, "digest": capture.indexed_digest, "length": "512",
    }  # fmt: skip


@dataclass(slots=True)
class WebArchive:
    """The responses of a site that acts as an archive; ``answer`` may return another response to a request first."""

    captures: list[ArchivedCapture] = field(default_factory=list)
    answer: Callable[[ReceivedRequest], Answer | None] = lambda _: None
    indexes: tuple[str, ...] = ("CC-MAIN-2019-09", "CC-MAIN-2024-10")
    size: int = 5  # lines of a page of Common Crawl's index
    _files: dict[str, bytes] = field(default_factory=dict)

    def serve(self, site: Site) -> None:
        """Make a site respond as this archive."""
        site.fallback = lambda request: self.answer(request) or self._respond(request)

    def _respond(self, request: ReceivedRequest) -> Answer:
        path = request.path.partition("?")[0]
        parameters = parse_qs(request.path.partition("?")[2])
        if path == "/cdx/search/cdx":
            return self._query_wayback(parameters)
        if match := re.fullmatch(r"/web/(\d{14})id_/(.*)", request.path):
            return self._replay_capture(match[1], match[2])
        if path == "/collinfo.json":
            return Answer(
                json.dumps([self._describe_collection(name) for name in reversed(self.indexes)]).encode(), "text/json"
            )
        if match := re.fullmatch(r"/(CC-MAIN-[\d-]+)-index", path):
            return self._query_common_crawl(match[1], parameters)
        if path.startswith("/crawl-data/"):
            return self._read_range(path[1:], request.headers.get("range", ""))
        return Answer(b"not here", status=404)

    def _find_captures(self, name: str, parameters: dict[str, list[str]], *, domain: bool) -> list[ArchivedCapture]:
        since, until = (parameters.get(key, [""])[0] for key in ("from", "to"))

        def matches(capture: ArchivedCapture) -> bool:
            host = urlsplit(capture.url).hostname or ""
            is_named = host == name or host.endswith(f".{name}") if domain else capture.url == name
            return is_named and since <= capture.timestamp and (not until or capture.timestamp[: len(until)] <= until)

        return sorted(filter(matches, self.captures), key=lambda key: (key.key, key.timestamp))

    def _query_wayback(self, parameters: dict[str, list[str]]) -> Answer:
        captures = self._find_captures(parameters["url"][0], parameters, domain=parameters["matchType"] == ["domain"])
        for rule in parameters.get("filter", []):
            name, _, expression = rule.partition(":")
            field_name = {"statuscode": "status", "mimetype": "media_type"}[name]
            captures = [capture for capture in captures if re.fullmatch(expression, getattr(capture, field_name))]
        if parameters.get("collapse") == ["digest"]:
            captures = [
                capture
                for place, capture in enumerate(captures)
                if not place or capture.indexed_digest != captures[place - 1].indexed_digest
            ]
        if key := parameters.get("resumeKey", [""])[0]:
            captures = [capture for capture in captures if f"{capture.key} {capture.timestamp}!" > key]
        if near := parameters.get("closest", [""])[0]:
            captures.sort(key=lambda capture: abs(int(capture.timestamp) - int(near)))
        limit = int(parameters["limit"][0])
        names = parameters["fl"][0].split(",")
        lines = [" ".join(cdx_fields(capture)[name] for name in names) for capture in captures[:limit]]
        if captures[limit:] and "showResumeKey" in parameters:
            last = captures[limit - 1]
            lines += ["", quote_plus(f"{last.key} {last.timestamp}!")]
        return Answer("".join(f"{line}\n" for line in lines).encode(), "text/plain")

    def _replay_capture(self, stamp: str, url: str) -> Answer:
        capture = next((capture for capture in self.captures if (capture.timestamp, capture.url) == (stamp, url)), None)
        if capture is None:
            return Answer(b"<h1>not captured</h1>", status=404)
        moment = datetime.strptime(stamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        headers = [("Memento-Datetime", format_datetime(moment, usegmt=True)), ("X-Archive-Orig-Server", "old")]
        return Answer(capture.body, capture.media_type, headers=tuple(headers))

    @staticmethod
    def _describe_collection(name: str) -> dict[str, str]:
        year = name.split("-")[2]
        collection = {"id": name, "name": name, "cdx-api": f"/{name}-index"}
        return collection | {"from": f"{year}-01-01T00:00:00", "to": f"{year}-12-31T23:59:59"}

    def _query_common_crawl(self, index: str, parameters: dict[str, list[str]]) -> Answer:
        assert parameters["filter"] == ["=status:200", "~mime:image/.*"], "as pywb writes filters"
        captures = self._find_captures(parameters["url"][0].removeprefix("*."), parameters, domain=True)
        year = index.split("-")[2]
        captures = [capture for capture in captures if capture.timestamp.startswith(year) and capture.status == "200"]
        captures = [capture for capture in captures if capture.media_type.startswith("image/")]
        pages = -(-len(captures) // self.size)
        if "showNumPages" in parameters:
            return Answer(json.dumps({"pages": pages, "pageSize": 5, "blocks": pages}).encode(), "text/json")
        page = int(parameters["page"][0])
        page_captures = captures[page * self.size : (page + 1) * self.size]
        if not page_captures:
            return Answer(b'{"message": "No Captures found"}', "text/json", status=404)
        return Answer(
            "".join(f"{json.dumps(self._index_line(index, capture))}\n" for capture in page_captures).encode(),
            "text/x-ndjson",
        )

    def _index_line(self, index: str, capture: ArchivedCapture) -> dict[str, str]:
        file, packed = FILE.format(index=index), warc_record(capture)
        before = self._files.get(file, b"")
        place = before.find(packed)
        if place < 0:
            place = len(before)
            self._files[file] = before + packed
        line = {"urlkey": capture.key, "timestamp": capture.timestamp, "url": capture.url, "mime": capture.media_type}
        line |= {
            "mime-detected": capture.media_type,
            "status": capture.status,
            "digest": capture.indexed_digest,
            "filename": file,
        }
        return line | {"length": str(len(packed)), "offset": str(place)}

    def _read_range(self, file: str, range_header: str) -> Answer:
        first, last = (int(offset) for offset in range_header.removeprefix("bytes=").split("-"))
        data = self._files[file]
        part = data[first : last + 1]
        content_range = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
        return Answer(part, "binary/octet-stream", status=206, headers=(("Content-Range", content_range),))


def warc_record(capture: ArchivedCapture) -> bytes:
    """Return a capture as a gzip member of a WARC file (ISO 28500:2017); the bytes are always the same."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {capture.media_type}\r\nContent-Length: {len(capture.body)}\r\n\r\n"
    block = head.encode() + capture.body
    fields = {
        "WARC-Type": "response",
        "WARC-Record-ID": f"<urn:sha1:{digest(capture.url.encode())}>",
        "WARC-Date": re.sub(r"(....)(..)(..)(..)(..)(..)", r"\1-\2-\3T\4:\5:\6Z", capture.timestamp),
        "WARC-Target-URI": capture.url,
        "WARC-IP-Address": "203.0.113.9",
        "WARC-Payload-Digest": f"sha1:{digest(capture.body)}",
        "Content-Type": "application/http; msgtype=response",
        "Content-Length": str(len(block)),
    }
    header = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return gzip.compress(f"WARC/1.0\r\n{header}\r\n".encode() + block + b"\r\n\r\n", mtime=0)


def requests_to(site: Site, path: str) -> Sequence[ReceivedRequest]:
    """Return the requests of a site's index or files, in order."""
    return [request for request in site.requests if request.path.startswith(path)]

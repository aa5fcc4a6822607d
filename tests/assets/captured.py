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

from tests.assets.site import Answer, Seen, Site

FILE = "crawl-data/{index}/segments/1/warc/{index}-00000.warc.gz"


@dataclass(frozen=True, slots=True)
class Kept:
    """A capture in the archive."""

    url: str
    stamp: str  # 14 digits
    body: bytes
    media_type: str = "image/jpeg"
    status: str = "200"
    digest: str = ""  # digest in the index; the one of the body when empty

    @property
    def stated(self) -> str:
        return self.digest or digest(self.body)

    @property
    def key(self) -> str:
        """Return the sort-friendly URL (SURT) of the capture."""
        read = urlsplit(self.url)
        return f"{','.join(reversed((read.hostname or '').split('.')))}){read.path}"


def digest(body: bytes) -> str:
    """Return the SHA-1 digest as CDX writes it."""
    return base64.b32encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode()


def _fields(one: Kept) -> dict[str, str]:
    """Return the fields of a capture as the Wayback Machine's index lists them."""
    return {
        "urlkey": one.key, "timestamp": one.stamp, "original": one.url, "mimetype": one.media_type,
        "statuscode": one.status, "digest": one.stated, "length": "512",
    }  # fmt: skip


@dataclass(slots=True)
class Archived:
    """The responses of a site that acts as an archive; ``answer`` may return another response to a request first."""

    kept: list[Kept] = field(default_factory=list)
    answer: Callable[[Seen], Answer | None] = lambda _: None
    indexes: tuple[str, ...] = ("CC-MAIN-2019-09", "CC-MAIN-2024-10")
    size: int = 5  # lines of a page of Common Crawl's index
    _files: dict[str, bytes] = field(default_factory=dict)

    def serve(self, site: Site) -> None:
        """Make a site respond as this archive."""
        site.fallback = lambda seen: self.answer(seen) or self._answered(seen)

    def _answered(self, seen: Seen) -> Answer:
        path = seen.path.partition("?")[0]
        parameters = parse_qs(seen.path.partition("?")[2])
        if path == "/cdx/search/cdx":
            return self._wayback(parameters)
        if match := re.fullmatch(r"/web/(\d{14})id_/(.*)", seen.path):
            return self._replay(match[1], match[2])
        if path == "/collinfo.json":
            return Answer(json.dumps([self._collection(one) for one in reversed(self.indexes)]).encode(), "text/json")
        if match := re.fullmatch(r"/(CC-MAIN-[\d-]+)-index", path):
            return self._common_crawl(match[1], parameters)
        if path.startswith("/crawl-data/"):
            return self._range(path[1:], seen.headers.get("range", ""))
        return Answer(b"not here", status=404)

    def _matching(self, name: str, asked: dict[str, list[str]], *, domain: bool) -> list[Kept]:
        since, until = (asked.get(one, [""])[0] for one in ("from", "to"))

        def matches(one: Kept) -> bool:
            host = urlsplit(one.url).hostname or ""
            is_named = host == name or host.endswith(f".{name}") if domain else one.url == name
            return is_named and since <= one.stamp and (not until or one.stamp[: len(until)] <= until)

        return sorted(filter(matches, self.kept), key=lambda one: (one.key, one.stamp))

    def _wayback(self, asked: dict[str, list[str]]) -> Answer:
        found = self._matching(asked["url"][0], asked, domain=asked["matchType"] == ["domain"])
        for rule in asked.get("filter", []):
            name, _, expression = rule.partition(":")
            of = {"statuscode": "status", "mimetype": "media_type"}[name]
            found = [one for one in found if re.fullmatch(expression, getattr(one, of))]
        if asked.get("collapse") == ["digest"]:
            found = [one for place, one in enumerate(found) if not place or one.stated != found[place - 1].stated]
        if key := asked.get("resumeKey", [""])[0]:
            found = [one for one in found if f"{one.key} {one.stamp}!" > key]
        if near := asked.get("closest", [""])[0]:
            found.sort(key=lambda one: abs(int(one.stamp) - int(near)))
        limit = int(asked["limit"][0])
        names = asked["fl"][0].split(",")
        lines = [" ".join(_fields(one)[name] for name in names) for one in found[:limit]]
        if found[limit:] and "showResumeKey" in asked:
            last = found[limit - 1]
            lines += ["", quote_plus(f"{last.key} {last.stamp}!")]
        return Answer("".join(f"{line}\n" for line in lines).encode(), "text/plain")

    def _replay(self, stamp: str, url: str) -> Answer:
        one = next((one for one in self.kept if (one.stamp, one.url) == (stamp, url)), None)
        if one is None:
            return Answer(b"<h1>not captured</h1>", status=404)
        moment = datetime.strptime(stamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        headers = [("Memento-Datetime", format_datetime(moment, usegmt=True)), ("X-Archive-Orig-Server", "old")]
        return Answer(one.body, one.media_type, headers=tuple(headers))

    @staticmethod
    def _collection(name: str) -> dict[str, str]:
        year = name.split("-")[2]
        collection = {"id": name, "name": name, "cdx-api": f"/{name}-index"}
        return collection | {"from": f"{year}-01-01T00:00:00", "to": f"{year}-12-31T23:59:59"}

    def _common_crawl(self, index: str, asked: dict[str, list[str]]) -> Answer:
        assert asked["filter"] == ["=status:200", "~mime:image/.*"], "as pywb writes filters"
        captures = self._matching(asked["url"][0].removeprefix("*."), asked, domain=True)
        year = index.split("-")[2]
        captures = [one for one in captures if one.stamp.startswith(year) and one.status == "200"]
        captures = [one for one in captures if one.media_type.startswith("image/")]
        pages = -(-len(captures) // self.size)
        if "showNumPages" in asked:
            return Answer(json.dumps({"pages": pages, "pageSize": 5, "blocks": pages}).encode(), "text/json")
        page = int(asked["page"][0])
        some = captures[page * self.size : (page + 1) * self.size]
        if not some:
            return Answer(b'{"message": "No Captures found"}', "text/json", status=404)
        return Answer("".join(f"{json.dumps(self._line(index, one))}\n" for one in some).encode(), "text/x-ndjson")

    def _line(self, index: str, one: Kept) -> dict[str, str]:
        file, packed = FILE.format(index=index), record(one)
        before = self._files.get(file, b"")
        place = before.find(packed)
        if place < 0:
            place = len(before)
            self._files[file] = before + packed
        line = {"urlkey": one.key, "timestamp": one.stamp, "url": one.url, "mime": one.media_type}
        line |= {"mime-detected": one.media_type, "status": one.status, "digest": one.stated, "filename": file}
        return line | {"length": str(len(packed)), "offset": str(place)}

    def _range(self, file: str, asked: str) -> Answer:
        first, last = (int(one) for one in asked.removeprefix("bytes=").split("-"))
        data = self._files[file]
        some = data[first : last + 1]
        content_range = f"bytes {first}-{first + len(some) - 1}/{len(data)}"
        return Answer(some, "binary/octet-stream", status=206, headers=(("Content-Range", content_range),))


def record(one: Kept) -> bytes:
    """Return a capture as a gzip member of a WARC file (ISO 28500:2017); the bytes are always the same."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {one.media_type}\r\nContent-Length: {len(one.body)}\r\n\r\n"
    block = head.encode() + one.body
    fields = {
        "WARC-Type": "response",
        "WARC-Record-ID": f"<urn:sha1:{digest(one.url.encode())}>",
        "WARC-Date": re.sub(r"(....)(..)(..)(..)(..)(..)", r"\1-\2-\3T\4:\5:\6Z", one.stamp),
        "WARC-Target-URI": one.url,
        "WARC-IP-Address": "203.0.113.9",
        "WARC-Payload-Digest": f"sha1:{digest(one.body)}",
        "Content-Type": "application/http; msgtype=response",
        "Content-Length": str(len(block)),
    }
    header = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return gzip.compress(f"WARC/1.0\r\n{header}\r\n".encode() + block + b"\r\n\r\n", mtime=0)


def asked(site: Site, path: str) -> Sequence[Seen]:
    """Return the requests of a site's index or files, in order."""
    return [one for one in site.seen if one.path.startswith(path)]

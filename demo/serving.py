"""Serves the demonstration's sites on loopback, each on an address of its own, so that they are three parties."""

import hashlib
import mimetypes
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

HOSTS: Final = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
REDIRECTS: Final = "_redirects"
BROWSERS: Final = "Mozilla/"
"""What the user agents of browsers begin with."""
TYPES: Final = {".webp": "image/webp", ".xml": "application/xml", ".txt": "text/plain; charset=utf-8"}


@dataclass(slots=True)
class Served:
    """Sites while they are served: where each is reached, and what was asked of it (`METHOD /path`), in order.

    What browsers ask isn't listed: a capture loads all parts of a page, those too that robots.txt keeps from crawlers.
    """

    bases: tuple[str, ...]
    requests: tuple[list[str], ...] = field(repr=False)


@contextmanager
def serve(folders: Sequence[Path], hosts: Sequence[str] = HOSTS, port: int = 0) -> Iterator[Served]:
    """Serve each folder at an address of its own, at a port, by default ones that are free, until the block ends.

    The folders may be filled while they are served. Answers carry ETag and Last-Modified and honour conditional
    requests; a file `_redirects` in a folder holds lines `/path target`, answered with 302.
    """
    with ExitStack() as stack:
        servers = [_Server((host, port), folder) for host, folder in zip(hosts, folders, strict=True)]
        for server in servers:
            stack.callback(server.server_close)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            stack.callback(server.shutdown)
        bases = tuple(f"http://{host}:{server.server_port}" for host, server in zip(hosts, servers, strict=True))
        yield Served(bases, tuple(server.requests for server in servers))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], folder: Path) -> None:
        super().__init__(address, _Handler)
        self.folder = folder
        self.requests: list[str] = []

    def redirect(self, path: str) -> str | None:
        """Return where a path leads, if it is listed in the folder's redirects."""
        listing = self.folder / REDIRECTS
        lines = listing.read_text("utf-8").splitlines() if listing.exists() else []
        return dict(line.split(" ", 1) for line in lines).get(path)

    def file(self, path: str) -> Path | None:
        """Return the file that a path names, or None where there is none in the folder."""
        asked = (self.folder / path.lstrip("/")).resolve()
        if asked.is_dir():
            asked /= "index.html"
        inside = asked.is_relative_to(self.folder.resolve()) and asked.name != REDIRECTS
        return asked if inside and asked.is_file() else None


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "demo"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Stay silent: the demonstration has a display of its own."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if not self.headers.get("User-Agent", "").startswith(BROWSERS):
            self.server.requests.append(f"{self.command} {path}")
        target = self.server.redirect(path)
        if target is not None:
            self._send(HTTPStatus.FOUND, {"Location": target}, b"")
            return
        file = self.server.file(path)
        if file is None:
            self._send(HTTPStatus.NOT_FOUND, {"Content-Type": "text/plain"}, b"There is nothing here.\n")
            return
        body, changed = file.read_bytes(), file.stat().st_mtime
        headers = {
            "Content-Type": TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream",
            "ETag": f'"{hashlib.sha256(body).hexdigest()[:20]}"',
            "Last-Modified": formatdate(changed, usegmt=True),
        }
        if self._is_known(headers["ETag"], changed):
            self._send(HTTPStatus.NOT_MODIFIED, headers, b"")
        else:
            self._send(HTTPStatus.OK, headers, body)

    def _is_known(self, etag: str, changed: float) -> bool:
        """Tell whether the client has these bytes; If-None-Match goes before the date (RFC 9110, section 13.2.2)."""
        if (tags := self.headers.get("If-None-Match")) is not None:
            return etag in (tag.strip().removeprefix("W/") for tag in tags.split(","))
        if (since := self.headers.get("If-Modified-Since")) is None:
            return False
        try:
            return int(changed) <= parsedate_to_datetime(since).timestamp()
        except ValueError:
            return False

    def _send(self, status: HTTPStatus, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status is not HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

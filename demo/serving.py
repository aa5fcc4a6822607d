"""Web servers of the demonstration's sites, each on its own loopback address, so that they count as three sites."""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import unquote, urlsplit

HOSTS: Final = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
REDIRECTS: Final = "_redirects"
BROWSERS: Final = "Mozilla/"
"""Prefix of the user agents of browsers."""
TYPES: Final = {
    ".avif": "image/avif",
    ".webp": "image/webp",
    ".xml": "application/xml",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(slots=True)
class Served:
    """Sites while they are being served: their URLs, and the requests to them (`METHOD /path`), in order.

    Requests of browsers are not recorded: a capture loads all parts of a page, including those disallowed for crawlers.
    """

    bases: tuple[str, ...]
    requests: tuple[list[str], ...] = field(repr=False)


@contextmanager
def serve(folders: Sequence[Path], hosts: Sequence[str] = HOSTS, port: int = 0) -> Iterator[Served]:
    """Serve each folder at its own address for the duration of the block; by default at free ports.

    The folders may be filled while they are served. Responses have ETag and Last-Modified and support conditional
    requests. A file `_redirects` in a folder has lines `/path target`, served with status 302.
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
        super().__init__(address, partial(_Handler, directory=str(folder)))
        self.requests: list[str] = []


class _Handler(SimpleHTTPRequestHandler):
    """Serves the files of a folder with ETags and redirects, but without folder listings."""

    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "demo"
    sys_version = ""
    timeout = 30
    extensions_map = SimpleHTTPRequestHandler.extensions_map | TYPES
    etag = ""

    def log_message(self, *_: object) -> None:
        """Log nothing: the demonstration has its own display."""

    def send_head(self) -> BinaryIO | None:
        """Send the response headers. If-None-Match takes precedence over the date (RFC 9110, section 13.2.2)."""
        path = unquote(urlsplit(self.path).path)
        if not self.headers.get("User-Agent", "").startswith(BROWSERS):
            self.server.requests.append(f"{self.command} {path}")
        listing = Path(self.directory) / REDIRECTS
        lines = listing.read_text("utf-8").splitlines() if listing.exists() else []
        if target := dict(line.split(" ", 1) for line in lines).get(path):
            self._without_body(HTTPStatus.FOUND, {"Location": target, "Content-Length": "0"})
            return None
        file = Path(self.translate_path(self.path))
        file = file / "index.html" if file.is_dir() else file
        if file.name == REDIRECTS or not file.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        self.etag = f'"{hashlib.sha256(file.read_bytes()).hexdigest()[:20]}"'
        etags = self.headers.get("If-None-Match", "").split(",")
        if self.etag in (tag.strip().removeprefix("W/") for tag in etags):
            self._without_body(HTTPStatus.NOT_MODIFIED, {})
            return None
        return super().send_head()

    def end_headers(self) -> None:
        """Add the ETag of a file."""
        if self.etag:
            self.send_header("ETag", self.etag)
            self.etag = ""
        super().end_headers()

    def _without_body(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

"""Web servers of the demonstration's sites, each on a separate loopback address, so that they count as three sites."""

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
REDIRECTS_NAME: Final = "_redirects"
BROWSER_PREFIX: Final = "Mozilla/"
"""Prefix of the user agents of browsers."""
MEDIA_TYPES: Final = {
    ".avif": "image/avif",
    ".webp": "image/webp",
    ".xml": "application/xml",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(slots=True)
class ServedSites:
    """Running servers of the sites: base URLs, and the requests to each site (`METHOD /path`), in order.

    Requests by browsers are not recorded, because a capture may load resources that robots.txt disallows for crawlers.
    """

    base_urls: tuple[str, ...]
    requests: tuple[list[str], ...] = field(repr=False)


@contextmanager
def serve_sites(folders: Sequence[Path], hosts: Sequence[str] = HOSTS, port: int = 0) -> Iterator[ServedSites]:
    """Serve each folder at a separate address for the duration of the block, by default at free ports.

    The folders may be filled while they are served. Responses have ETag and Last-Modified and support conditional
    requests. A file `_redirects` in a folder has lines `/path target`, served with status 302.
    """
    with ExitStack() as stack:
        servers = [_Server((host, port), folder) for host, folder in zip(hosts, folders, strict=True)]
        for server in servers:
            stack.callback(server.server_close)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            stack.callback(server.shutdown)
        base_urls = tuple(f"http://{host}:{server.server_port}" for host, server in zip(hosts, servers, strict=True))
        yield ServedSites(base_urls, tuple(server.requests for server in servers))


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
    extensions_map = SimpleHTTPRequestHandler.extensions_map | MEDIA_TYPES
    etag = ""

    def log_message(self, *_: object) -> None:
        """Log nothing: the demonstration has its own display."""

    def send_head(self) -> BinaryIO | None:
        """Send the response headers. If-None-Match takes precedence over the date (RFC 9110, section 13.2.2)."""
        path = unquote(urlsplit(self.path).path)
        if not self.headers.get("User-Agent", "").startswith(BROWSER_PREFIX):
            self.server.requests.append(f"{self.command} {path}")
        listing = Path(self.directory) / REDIRECTS_NAME
        lines = listing.read_text("utf-8").splitlines() if listing.exists() else []
        if target := dict(line.split(" ", 1) for line in lines).get(path):
            self._send_without_body(HTTPStatus.FOUND, {"Location": target, "Content-Length": "0"})
            return None
        file = Path(self.translate_path(self.path))
        file = file / "index.html" if file.is_dir() else file
        if file.name == REDIRECTS_NAME or not file.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        self.etag = f'"{hashlib.sha256(file.read_bytes()).hexdigest()[:20]}"'
        etags = self.headers.get("If-None-Match", "").split(",")
        if self.etag in (tag.strip().removeprefix("W/") for tag in etags):
            self._send_without_body(HTTPStatus.NOT_MODIFIED, {})
            return None
        return super().send_head()

    def end_headers(self) -> None:
        """Add the ETag of a file."""
        if self.etag:
            self.send_header("ETag", self.etag)
            self.etag = ""
        super().end_headers()

    def _send_without_body(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

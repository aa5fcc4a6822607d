"""A site that responds with exact bytes, and a capture of it."""

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from evidence.capture.http_capturer import CaptureLimits, HttpCapturer
from exhibit.digests import Digest
from exhibit.network.guard import Guard
from exhibit.ports import CaptureResult

OPEN = Guard(allowed_networks=("127.0.0.0/8",))


AGENT = "Exhibit-test/1 (+https://example.org/bot)"


def picture(colour: str, form: str = "PNG") -> bytes:
    out = BytesIO()
    Image.new("RGB", (9, 7), colour).save(out, form)
    return out.getvalue()


PICTURE = picture("red")


PAGE = b'<!doctype html><title>A shop</title><img src="/red%20one.png">'


def answer(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nDate: Fri, 20 Nov 2026 09:00:00 GMT\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode("latin-1") + body


class Site:
    """A site that responds with the bytes set in ``answers``, and records requests."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, bytes] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.asked.append((self.path, dict(self.headers)))
                self.wfile.write(site.answers.get(self.path, answer(b"no", "404 Not Found")))
                self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self._server.server_port}"

    @contextlib.contextmanager
    def running(self) -> Iterator["Site"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


def capture(
    site: Site,
    page: str = "/shop",
    image: str = "/red%20one.png",
    guard: Guard = OPEN,
    limits: CaptureLimits | None = None,
    ca_bundle: Path | None = None,
) -> CaptureResult:
    capturer = HttpCapturer(guard, AGENT, limits or CaptureLimits(), ca_bundle)
    image_url = image if ":" in image else site.url + image
    return capturer.capture(page if ":" in page else site.url + page, image_url, Digest.from_bytes(PICTURE))


def file(captured: CaptureResult, role: str) -> bytes:
    return next(file.data for file in captured.files if file.role == role)


def network(captured: CaptureResult) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(file(captured, "network"))
    return record

"""A stand-in for the Wayback Machine, with one capture of a picture on a site that is gone."""

import base64
import hashlib
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from PIL import Image

HOST: Final = "127.0.0.5"
DOMAIN: Final = "harbour-prints.example"
CAPTURED: Final = "20190303120000"
URL: Final = f"http://{DOMAIN}/lighthouse.jpg"


@dataclass(slots=True)
class Archive:
    """The archive while it is served."""

    url: str
    _held: dict[str, bytes] = field(repr=False)

    def settings(self) -> str:
        """Return where it is asked, as a line of `exhibit.toml`."""
        return f'wayback_url = "{self.url}"\n'

    def hold(self, work: Path) -> None:
        """Let it have captured a small copy of a work."""
        with Image.open(work) as image:
            copy, data = image.convert("RGB"), io.BytesIO()
        copy.thumbnail((480, 480))
        copy.save(data, "JPEG", quality=85)
        self._held[URL] = data.getvalue()


@contextmanager
def running_archive() -> Iterator[Archive]:
    """Serve it on loopback until the block ends."""
    held: dict[str, bytes] = {}
    server = ThreadingHTTPServer((HOST, 0), type("Handler", (_Handler,), {"held": held}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield Archive(f"http://{HOST}:{server.server_port}", held)
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Answers as https://github.com/internetarchive/wayback/tree/master/wayback-cdx-server documents."""

    held: dict[str, bytes]

    def log_message(self, *_: object) -> None:
        """Stay silent: the demonstration has a display of its own."""

    def do_GET(self) -> None:
        """An index of what is held, or a capture's own bytes."""
        if self.path.startswith("/cdx/search/cdx?"):
            lines = (
                f"{CAPTURED} {url} image/jpeg 200 {_digest(data)} {len(data)}\n" for url, data in self.held.items()
            )
            self._send("text/plain", "".join(lines).encode())
        elif (data := self.held.get(self.path.removeprefix(f"/web/{CAPTURED}id_/"))) is not None:
            self._send("image/jpeg", data)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _send(self, media_type: str, body: bytes) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _digest(data: bytes) -> str:
    return base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode("ascii")

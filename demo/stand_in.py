"""Base of the stand-ins for web services: a loopback server with small copies of works."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from PIL import Image


class StandIn(BaseHTTPRequestHandler):
    """Responds in a service's documented format with the files in ``files``, by path or URL."""

    files: dict[str, bytes]

    def log_message(self, *_: object) -> None:
        """Log nothing: the demonstration has its own display."""

    def do_GET(self) -> None:
        """Respond to a request, or send 404."""
        if not self.respond():
            self.send_error(HTTPStatus.NOT_FOUND)

    def respond(self) -> bool:
        """Respond to the request for ``path``. Returns False if there is nothing to send."""
        raise NotImplementedError

    def send(self, media_type: str, body: bytes) -> bool:
        """Send these bytes, and return True."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return True


@contextmanager
def serve_files(host: str, handler_class: type[StandIn], files: dict[str, bytes]) -> Iterator[str]:
    """Serve the files in ``files`` for the duration of the block. Yields the URL."""
    server = ThreadingHTTPServer((host, 0), type("Handler", (handler_class,), {"files": files}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def make_small_copy(work: Path, side: int, quality: int) -> bytes:
    """Return a JPEG of a work whose long side has ``side`` pixels."""
    with Image.open(work) as image:
        copy, data = image.convert("RGB"), io.BytesIO()
    copy.thumbnail((side, side))
    copy.save(data, "JPEG", quality=quality)
    return data.getvalue()

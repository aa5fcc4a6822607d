"""What stands in for services on the web: a server on loopback that holds small copies of works."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from PIL import Image


class StandIn(BaseHTTPRequestHandler):
    """Answers in a service's documented form; what it holds is there by where it lies."""

    held: dict[str, bytes]

    def log_message(self, *_: object) -> None:
        """Stay silent: the demonstration has a display of its own."""

    def do_GET(self) -> None:
        """Answer a request, or say that nothing is there."""
        if not self.answer():
            self.send_error(HTTPStatus.NOT_FOUND)

    def answer(self) -> bool:
        """Answer the request for ``path``; whether there was something."""
        raise NotImplementedError

    def send(self, media_type: str, body: bytes) -> bool:
        """Answer with these bytes."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return True


@contextmanager
def serving(host: str, answers: type[StandIn], held: dict[str, bytes]) -> Iterator[str]:
    """Serve what is held until the block ends; gives the address."""
    server = ThreadingHTTPServer((host, 0), type("Handler", (answers,), {"held": held}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def small_copy(work: Path, side: int, quality: int) -> bytes:
    """A JPEG of a work, so many pixels long."""
    with Image.open(work) as image:
        copy, data = image.convert("RGB"), io.BytesIO()
    copy.thumbnail((side, side))
    copy.save(data, "JPEG", quality=quality)
    return data.getvalue()

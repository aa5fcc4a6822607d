"""A stand-in for an open collection that is asked for words without a key: Openverse's form, with a copy of a work."""

import io
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from PIL import Image

from registry.crawls.search_services import FOLDER, SHIPPED

HOST: Final = "127.0.0.6"
NAME: Final = "openverse"
WORDS: Final = "lighthouse"
PAGE: Final = "/photos/lighthouse"
PICTURE: Final = "/files/lighthouse.jpg"


@dataclass(slots=True)
class Collection:
    """The collection while it is served."""

    url: str
    _held: dict[str, bytes] = field(repr=False)

    def be_asked(self, data: Path) -> None:
        """Let the shipped mapping, in a data folder's own copy, ask this server in place of Openverse."""
        text = (SHIPPED / f"{NAME}.toml").read_text("utf-8")
        folder = data / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        asked = re.sub(r'^url = "https://[^/"]+', f'url = "{self.url}', text, flags=re.MULTILINE)
        (folder / f"{NAME}.toml").write_text(asked, "utf-8")

    def hold(self, work: Path) -> None:
        """Let somebody have put a copy of a work there."""
        with Image.open(work) as image:
            copy, data = image.convert("RGB"), io.BytesIO()
        copy.thumbnail((640, 640))
        copy.save(data, "JPEG", quality=80)
        self._held[PICTURE] = data.getvalue()


@contextmanager
def running_collection() -> Iterator[Collection]:
    """Serve it on loopback until the block ends."""
    held: dict[str, bytes] = {}
    server = ThreadingHTTPServer((HOST, 0), type("Handler", (_Handler,), {"held": held}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield Collection(f"http://{HOST}:{server.server_port}", held)
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Answers as https://api.openverse.org/v1/ documents images, and serves the one that it has with its page."""

    held: dict[str, bytes]

    def log_message(self, *_: object) -> None:
        """Stay silent: the demonstration has a display of its own."""

    def do_GET(self) -> None:
        """What the words find, the picture, or the page that shows it."""
        asked = urlsplit(self.path)
        if asked.path == "/v1/images/":
            words = parse_qs(asked.query).get("q", [""])[0].lower()
            self._send("application/json", json.dumps(self._found() if WORDS in words else _NOTHING).encode())
        elif asked.path == PAGE:
            self._send("text/html", f'<title>A lighthouse</title><img src="{PICTURE}" alt="">'.encode())
        elif (data := self.held.get(asked.path)) is not None:
            self._send("image/jpeg", data)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _found(self) -> dict[str, object]:
        base = f"http://{self.headers['Host']}"
        one = {"id": "1", "title": "A lighthouse", "url": base + PICTURE, "foreign_landing_url": base + PAGE}
        return {"result_count": 1, "page_count": 1, "page_size": 20, "page": 1, "results": [one]}

    def _send(self, media_type: str, body: bytes) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


_NOTHING: Final = {"result_count": 0, "page_count": 0, "page_size": 20, "page": 1, "results": []}

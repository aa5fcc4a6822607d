"""Stand-in for an open collection searched by words without a key: Openverse's API, with a copy of a work."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from demo.stand_in import StandIn, serving, small_copy
from registry.crawls.search_services import FOLDER, SHIPPED

HOST: Final = "127.0.0.6"
NAME: Final = "openverse"
WORDS: Final = "lighthouse"
PAGE: Final = "/photos/lighthouse"
PICTURE: Final = "/files/lighthouse.jpg"


@dataclass(slots=True)
class Collection:
    """The collection while it is being served."""

    url: str
    _files: dict[str, bytes] = field(repr=False)

    def be_asked(self, data: Path) -> None:
        """Override the shipped mapping in a data folder, so that Exhibit queries this server instead of Openverse."""
        text = (SHIPPED / f"{NAME}.toml").read_text("utf-8")
        folder = data / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        mapping = re.sub(r'^url = "https://[^/"]+', f'url = "{self.url}', text, flags=re.MULTILINE)
        (folder / f"{NAME}.toml").write_text(mapping, "utf-8")

    def hold(self, work: Path) -> None:
        """Add a copy of a work."""
        self._files[PICTURE] = small_copy(work, 640, 80)


@contextmanager
def running_collection() -> Iterator[Collection]:
    """Serve the collection on loopback for the duration of the block."""
    files: dict[str, bytes] = {}
    with serving(HOST, _Handler, files) as url:
        yield Collection(url, files)


class _Handler(StandIn):
    """Responds as https://api.openverse.org/v1/ documents images, and serves its one image and the page of it."""

    def answer(self) -> bool:
        """Send the search results, the image, or the page that shows it."""
        request = urlsplit(self.path)
        if request.path == "/v1/images/":
            words = parse_qs(request.query).get("q", [""])[0].lower()
            return self.send(
                "application/json", json.dumps(self._search_results() if WORDS in words else _NOTHING).encode()
            )
        if request.path == PAGE:
            return self.send("text/html", f'<title>A lighthouse</title><img src="{PICTURE}" alt="">'.encode())
        data = self.files.get(request.path)
        return data is not None and self.send("image/jpeg", data)

    def _search_results(self) -> dict[str, object]:
        base = f"http://{self.headers['Host']}"
        result = {"id": "1", "title": "A lighthouse", "url": base + PICTURE, "foreign_landing_url": base + PAGE}
        return {"result_count": 1, "page_count": 1, "page_size": 20, "page": 1, "results": [result]}


_NOTHING: Final = {"result_count": 0, "page_count": 0, "page_size": 20, "page": 1, "results": []}

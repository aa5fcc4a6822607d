"""Local stand-in for Openverse, a collection that is searched by keywords without an API key, with a copy of a work."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from demo.stand_in import StandIn, make_small_copy, serve_files
from registry.crawls.search_services import BUILT_IN_FOLDER, OWN_FOLDER

HOST: Final = "127.0.0.6"
SERVICE_NAME: Final = "openverse"
SEARCH_WORDS: Final = "lighthouse"
PAGE_PATH: Final = "/photos/lighthouse"
PICTURE_PATH: Final = "/files/lighthouse.jpg"


@dataclass(slots=True)
class Collection:
    """A running collection server."""

    url: str
    _files: dict[str, bytes] = field(repr=False)

    def install_mapping(self, data_dir: Path) -> None:
        """Override the shipped mapping in a data folder, so that Exhibit queries this server instead of Openverse."""
        text = (BUILT_IN_FOLDER / f"{SERVICE_NAME}.toml").read_text("utf-8")
        folder = data_dir / OWN_FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        mapping = re.sub(r'^url = "https://[^/"]+', f'url = "{self.url}', text, flags=re.MULTILINE)
        (folder / f"{SERVICE_NAME}.toml").write_text(mapping, "utf-8")

    def add_copy(self, work: Path) -> None:
        """Add a copy of a work."""
        self._files[PICTURE_PATH] = make_small_copy(work, 640, 80)


@contextmanager
def run_collection() -> Iterator[Collection]:
    """Serve the collection on loopback for the duration of the block."""
    files: dict[str, bytes] = {}
    with serve_files(HOST, _Handler, files) as url:
        yield Collection(url, files)


class _Handler(StandIn):
    """Responds in the format of https://api.openverse.org/v1/, and serves one image and its page."""

    def respond(self) -> bool:
        """Send the search results, the image, or the page that shows it."""
        request = urlsplit(self.path)
        if request.path == "/v1/images/":
            query = parse_qs(request.query).get("q", [""])[0].lower()
            return self.send(
                "application/json",
                json.dumps(self._build_search_results() if SEARCH_WORDS in query else _EMPTY_RESULTS).encode(),
            )
        if request.path == PAGE_PATH:
            return self.send("text/html", f'<title>A lighthouse</title><img src="{PICTURE_PATH}" alt="">'.encode())
        data = self.files.get(request.path)
        return data is not None and self.send("image/jpeg", data)

    def _build_search_results(self) -> dict[str, object]:
        base = f"http://{self.headers['Host']}"
        result = {
            "id": "1",
            "title": "A lighthouse",
            "url": base + PICTURE_PATH,
            "foreign_landing_url": base + PAGE_PATH,
        }
        return {"result_count": 1, "page_count": 1, "page_size": 20, "page": 1, "results": [result]}


_EMPTY_RESULTS: Final = {"result_count": 0, "page_count": 0, "page_size": 20, "page": 1, "results": []}

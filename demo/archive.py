"""Local stand-in for the Wayback Machine, with one capture of an image on a site that no longer exists."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from demo.stand_in import StandIn, make_small_copy, serve_files
from evidence.facts.archive_responses import compute_sha1

HOST: Final = "127.0.0.5"
DOMAIN: Final = "harbour-prints.example"
CAPTURE_TIMESTAMP: Final = "20190303120000"
CAPTURED_URL: Final = f"http://{DOMAIN}/lighthouse.jpg"


@dataclass(slots=True)
class Archive:
    """A running archive server."""

    url: str
    _files: dict[str, bytes] = field(repr=False)

    def format_settings(self) -> str:
        """Return the line of `exhibit.toml` with its URL."""
        return f'wayback_url = "{self.url}"\n'

    def add_capture(self, work: Path) -> None:
        """Add a capture of a small copy of a work."""
        self._files[CAPTURED_URL] = make_small_copy(work, 480, 85)


@contextmanager
def run_archive() -> Iterator[Archive]:
    """Serve the archive on loopback for the duration of the block."""
    files: dict[str, bytes] = {}
    with serve_files(HOST, _Handler, files) as url:
        yield Archive(url, files)


class _Handler(StandIn):
    """Responds as documented in https://github.com/internetarchive/wayback/tree/master/wayback-cdx-server."""

    def respond(self) -> bool:
        """Send the index of all captures, or the bytes of one capture."""
        if self.path.startswith("/cdx/search/cdx?"):
            [names] = parse_qs(urlsplit(self.path).query)["fl"]
            lines = (_format_index_line(url, data, names.split(",")) for url, data in self.files.items())
            return self.send("text/plain", "".join(lines).encode())
        data = self.files.get(self.path.removeprefix(f"/web/{CAPTURE_TIMESTAMP}id_/"))
        return data is not None and self.send("image/jpeg", data)


def _format_index_line(url: str, data: bytes, names: list[str]) -> str:
    """Return the index line of a capture, with the requested fields in the requested order."""
    parts = urlsplit(url)
    fields = {
        "urlkey": f"{','.join(reversed(parts.netloc.split('.')))}){parts.path}",
        "timestamp": CAPTURE_TIMESTAMP,
        "original": url,
        "mimetype": "image/jpeg",
        "statuscode": "200",
        "digest": compute_sha1(data),
        "length": str(len(data)),
    }
    return " ".join(fields[name] for name in names) + "\n"

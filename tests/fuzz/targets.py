"""Fuzzing targets, as functions of bytes: each may refuse its input only with an ``ExhibitError``.

Seeds are small and handmade, or made by the tests' assets (:func:`seeds`); inputs that once failed are kept in
``seeds/``.
"""

import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ValidationError

from crawler.crawling.files import read_files
from crawler.formats.job import Job, Source, SourceKind
from crawler.reading import css, feeds
from crawler.reading.page_statements import read_statements
from crawler.reading.webpage import read_page
from crawler.state.crawl import Crawl
from evidence.verify.verifier import Verifier
from exhibit.errors import ExhibitError
from exhibit.pictures import metadata, picture_file
from exhibit.pictures.decode import Limits
from exhibit.plain import remove_control_chars
from registry.works.spreadsheets import read_lines
from tests.assets.badfiles import BAD_FILES

SEEDS = Path(__file__).parent / "seeds"
ASSETS = Path(__file__).parents[1] / "assets" / "vectors"
LIMITS = Limits(max_pixels=2_000_000, seconds=3)
URL = "https://a.example/b/"
SMALL = 20_000
"""Maximum bytes of a seed: short seeds allow more attempts in the same time."""


def decode(data: bytes) -> None:
    """Decode an image and read its metadata."""
    metadata.read_in_process(data, LIMITS)
    picture_file.decode(data, LIMITS, at_least=64)


def html(data: bytes) -> None:
    """Read a page and its statements about an image."""
    read_statements(data, f"{URL}image.jpg")
    with suppress(ExhibitError):
        read_page(data.decode("utf-8", "replace"), URL)


def sheet(data: bytes) -> None:
    """Read a style sheet."""
    css.read_sheet(data.decode("utf-8", "replace"))


def feed(data: bytes) -> None:
    """Read a feed and a sitemap."""
    with suppress(ExhibitError):
        feeds.read_feed(data, URL, 1 << 20)
    feeds.read_sitemap(data, URL, 1 << 20)


def warc(data: bytes) -> None:
    """Read a WARC file, plain or compressed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.warc")
        path.write_bytes(data)
        source = Source(kind=SourceKind.WARC, path=path)
        read_files(Crawl(Job(bytes_dir=Path(folder, "bytes"), sources=(source,)), lambda _line: None))


def table(data: bytes) -> None:
    """Read a table, CSV or XLSX."""
    columns = {"file": 200, "title": 200}
    read_lines("a.xlsx", data, columns, required_column="file", aliases={}, convert=lambda _line, filled: dict(filled))


def bundle(data: bytes) -> None:
    """Verify an untrusted bundle."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.zip")
        path.write_bytes(data)
        Verifier().verify(path)


def api(data: bytes) -> None:
    """Validate a body of each request of the API, complete and by fields, and render the text in a response."""
    from django.test import RequestFactory

    from desk.api.common.rendering import Renderer
    from desk.schemas import requests

    lines = [_read_line(line) for line in data.split(b"\n")]
    for schema in vars(requests).values():
        if isinstance(schema, type) and issubclass(schema, BaseModel):
            with suppress(ValidationError):
                schema.model_validate_json(data)
            with suppress(ValidationError):
                schema.model_validate(dict(zip(schema.model_fields, lines, strict=False)))
    text = data.decode("utf-8", "replace")
    rendered = json.loads(Renderer().render(RequestFactory().get("/api/v1/works"), {text: lines}, response_status=200))
    assert list(rendered) == [remove_control_chars(text)]


def _read_line(line: bytes) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return line.decode("utf-8", "replace")


TARGETS: dict[str, Callable[[bytes], None]] = {
    function.__name__: function for function in (decode, html, sheet, feed, warc, table, bundle, api)
}


def fuzz_one(target: str, data: bytes) -> None:
    """Run a target with bytes; any exception but an ``ExhibitError`` is a fault."""
    try:
        TARGETS[target](data)
    except ExhibitError:
        return


def seeds(target: str) -> list[bytes]:
    """Return the seeds of a target."""
    contents = [path.read_bytes() for path in sorted((SEEDS / target).glob("*"))]
    if target == "decode":
        contents += [bad.make()[:SMALL] for bad in BAD_FILES]
    if target == "bundle":
        contents += [path.read_bytes() for path in sorted(ASSETS.glob("*.zip"))]
    return contents

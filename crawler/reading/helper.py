"""``python -m crawler.reading.helper``: child process that parses untrusted documents within limits.

Parsers of HTML, XML, feeds and style sheets are fast for normal documents, but crafted ones can keep them busy for
hours without reacting to signals. In a separate process, a document that takes too much time or memory is refused, and
the crawl goes on. Callers use :func:`parse_document`, :func:`parse_sheet` and :func:`parse_statements`.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from crawler.formats.job import Kind
from crawler.formats.strict import read_as
from crawler.reading import css
from crawler.reading.document import Document
from crawler.reading.statements import PageStatements
from exhibit.errors import RefusedError
from exhibit.helper import Helper, HelperDiedError, HelperResult, serve
from exhibit.reasons import Reason
from exhibit.sentences import Sentence

helper = Helper("crawler.reading.helper")
CPU_SECONDS = 8.0
MAX_MEMORY_BYTES = 768 * 1024 * 1024
_DEATH_SENTENCES = {
    "time": Sentence("Reading the page took too long."),
    "memory": Sentence("Reading the page took too much memory."),
    "crash": Sentence("The page could not be read."),
}


def parse_document(data: bytes, kind: Kind, **options: object) -> Document:
    """Parse a page, a sitemap or a feed in the child process.

    Raises:
        RefusedError: The document cannot be read within the limits.
    """
    return read_as(Document, _send_to_helper({"what": str(kind), **options}, data)["document"], "document")


def parse_sheet(data: bytes, content_type: str) -> tuple[list[str], list[str]]:
    """Return the images and imported sheets of a style sheet, as written; raises as :func:`parse_document`."""
    reply = _send_to_helper({"what": "sheet", "content_type": content_type}, data)
    return reply["images"], reply["imports"]


def parse_statements(data: bytes, picture_url: str) -> PageStatements:
    """Return the statements of a page, as :func:`crawler.reading.page_statements.read_statements` reads them.

    Raises:
        RefusedError: The page cannot be read within the limits.
    """
    return read_as(
        PageStatements, _send_to_helper({"what": "statements", "url": picture_url}, data)["statements"], "statements"
    )


def _send_to_helper(request: Mapping[str, Any], data: bytes) -> dict[str, Any]:
    try:
        reply, _ = helper.send_request(request, data, seconds=CPU_SECONDS, memory=MAX_MEMORY_BYTES)
    except HelperDiedError as error:
        raise RefusedError(_DEATH_SENTENCES[error.reason], reason=Reason.UNREADABLE) from error
    if "reason" in reply:
        raise RefusedError(reply["sentence"], reason=reply["reason"])
    return reply


def handle_request(request: Mapping[str, Any], data: bytes) -> HelperResult:
    """Parse one document in the child process."""
    from crawler.reading.encoding import decode_text  # noqa: PLC0415 - the asking side needs no parsers
    from crawler.reading.feeds import read_feed, read_sitemap  # noqa: PLC0415
    from crawler.reading.page_statements import read_statements  # noqa: PLC0415
    from crawler.reading.webpage import read_page  # noqa: PLC0415

    kind, url = request["what"], request.get("url", "")
    if kind == "sheet":
        _, text = decode_text(data, request["content_type"], is_html=False)
        return dict(zip(("images", "imports"), css.read_sheet(text), strict=True)), b""
    try:
        if kind == Kind.SITEMAP:
            document = read_sitemap(data, url, request["max_bytes"], request.get("content_type", ""))
        elif kind == "statements":
            return {"statements": asdict(read_statements(data, url))}, b""
        elif kind == Kind.FEED:
            document = read_feed(data, url, request["max_bytes"], request["content_type"])
        else:
            encoding, text = decode_text(data, request.get("content_type", ""))
            headers = {name: request.get(name, "") for name in ("refresh", "link")}
            document = read_page(text, url, request["token"], encoding, **headers)
    except RefusedError as error:
        return {"reason": error.reason, "sentence": error.message}, b""
    return {"document": asdict(document)}, b""


if __name__ == "__main__":
    serve(handle_request)

"""``python -m crawler.reading.helper``: child process that parses untrusted documents within limits.

Parsers of HTML, XML, feeds and style sheets are fast for normal documents, but crafted ones can keep them busy for
hours without reacting to signals. In a separate process, a document that takes too much time or memory is refused, and
the crawl goes on. Callers use :func:`document_of`, :func:`sheet_of` and :func:`statements_of`.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from crawler.formats.job import Kind
from crawler.formats.strict import read_as
from crawler.reading import css
from crawler.reading.found import Document
from crawler.reading.statements import PageStatements
from exhibit.errors import RefusedError
from exhibit.helper import Answer, Helper, HelperDiedError, serve
from exhibit.reasons import Reason
from exhibit.sentences import Sentence

helper = Helper("crawler.reading.helper")
SECONDS = 8.0
MEMORY = 768 * 1024 * 1024
_DEATHS = {
    "time": Sentence("Reading the page took too long."),
    "memory": Sentence("Reading the page took too much memory."),
    "crash": Sentence("The page could not be read."),
}


def document_of(data: bytes, kind: Kind, **about: object) -> Document:
    """Parse a page, a sitemap or a feed in the child process.

    Raises:
        RefusedError: The document cannot be read within the limits.
    """
    return read_as(Document, _ask_helper({"what": str(kind), **about}, data)["document"], "document")


def sheet_of(data: bytes, content_type: str) -> tuple[list[str], list[str]]:
    """Return the images and imported sheets of a style sheet, as written; raises as :func:`document_of`."""
    answer = _ask_helper({"what": "sheet", "content_type": content_type}, data)
    return answer["images"], answer["imports"]


def statements_of(data: bytes, picture_url: str) -> PageStatements:
    """Return the statements of a page, as :func:`crawler.reading.page_statements.read_statements` reads them.

    Raises:
        RefusedError: The page cannot be read within the limits.
    """
    return read_as(
        PageStatements, _ask_helper({"what": "statements", "url": picture_url}, data)["statements"], "statements"
    )


def _ask_helper(question: Mapping[str, Any], data: bytes) -> dict[str, Any]:
    try:
        reply, _ = helper.ask(question, data, seconds=SECONDS, memory=MEMORY)
    except HelperDiedError as died:
        raise RefusedError(_DEATHS[died.reason], reason=Reason.UNREADABLE) from died
    if "reason" in reply:
        raise RefusedError(reply["sentence"], reason=reply["reason"])
    return reply


def answer(question: Mapping[str, Any], data: bytes) -> Answer:
    """Read one document, in the child process."""
    from crawler.reading.encoding import decoded  # noqa: PLC0415 - the asking side needs no parsers
    from crawler.reading.feeds import read_feed, read_sitemap  # noqa: PLC0415
    from crawler.reading.page_statements import read_statements  # noqa: PLC0415
    from crawler.reading.webpage import read_page  # noqa: PLC0415

    kind, url = question["what"], question.get("url", "")
    if kind == "sheet":
        _, text = decoded(data, question["content_type"], is_html=False)
        return dict(zip(("images", "imports"), css.read_sheet(text), strict=True)), b""
    try:
        if kind == Kind.SITEMAP:
            document = read_sitemap(data, url, question["max_bytes"], question.get("content_type", ""))
        elif kind == "statements":
            return {"statements": asdict(read_statements(data, url))}, b""
        elif kind == Kind.FEED:
            document = read_feed(data, url, question["max_bytes"], question["content_type"])
        else:
            encoding, text = decoded(data, question.get("content_type", ""))
            headers = {name: question.get(name, "") for name in ("refresh", "link")}
            document = read_page(text, url, question["token"], encoding, **headers)
    except RefusedError as refused:
        return {"reason": refused.reason, "sentence": refused.message}, b""
    return {"document": asdict(document)}, b""


if __name__ == "__main__":
    serve(answer)

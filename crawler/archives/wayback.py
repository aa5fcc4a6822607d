"""Client for the Internet Archive's Wayback Machine: its CDX server, and the URLs of captures' original bytes.

The parameters are documented at https://github.com/internetarchive/wayback/tree/master/wayback-cdx-server. ``id_``
after the timestamp in a URL requests the bytes as captured, without the archive's banner and rewritten links.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import unquote_plus

import requests

from crawler.archives.cdx import Capture, CapturePage, CaptureQuery, parse_fields, parse_statement
from crawler.archives.index_client import IndexClient, StatusCodes

NAME: Final = "wayback"
TITLE: Final = "Wayback Machine"
REQUEST_INTERVAL_SECONDS = 2.5
"""Minimum time between two requests to the index, which returns 429 for more than one request a second."""
STATUSES: Final = StatusCodes(withheld=(403, 451), busy=(429, 503))
"""403: the owner of the domain asked to be excluded ("Blocked Site Error")."""
_FIELDS = ("urlkey", "timestamp", "original", "mimetype", "statuscode", "digest", "length")
_LEGEND = ("N", "b", "a", "m", "s", "k", "S")
_LINE = re.compile(r"\S+ [0-9]{14} \S+ \S+ \S+ \S+ \S+\s*$", re.ASCII)
_RESUME_KEY = re.compile(r"[!-~]{1,4000}")


class Wayback:
    """Client for an archive such as ``https://web.archive.org``. Implements ``crawler.archives.cdx.Archive``."""

    name, title = NAME, TITLE

    def __init__(
        self,
        session: requests.Session,
        url: str,
        seconds: float | None = None,
        reserve_turn: Callable[[float], float] | None = None,
    ) -> None:
        self.seconds = REQUEST_INTERVAL_SECONDS if seconds is None else seconds
        self._url = url.rstrip("/")
        self._client = IndexClient(session, TITLE, self.seconds, STATUSES, reserve_turn)

    def fetch_captures(self, query: CaptureQuery, page: str = "") -> CapturePage:
        """Return one page of captures, sorted by URL and time; ``page`` is the resume key."""
        paging_parameters = [("limit", str(query.limit)), ("showResumeKey", "true")]
        paging_parameters += [("resumeKey", unquote_plus(page))] if page else []
        status, body = self._client.get(
            f"{self._url}/cdx/search/cdx", [*self._build_parameters(query), *paging_parameters]
        )
        if status != 200:
            raise self._client.make_format_error()
        line_text, _, resume_text = (
            body.decode("utf-8", "replace").strip("\ufeff\r\n").replace("\r\n", "\n").partition("\n\n")
        )
        lines = [line for line in line_text.split("\n") if line.strip()]
        resume_key = resume_text.strip()
        if len(lines) == 1 and not resume_text and query.limit > 1 and len(lines[0].split()) == 1:
            lines, resume_key = [], lines[0].strip()  # A long search returned no match, only a resume key.
        results = list(self._read_lines(lines, query))
        if (
            (lines and not results)
            or len(lines) > 2 * query.limit
            or (resume_key and not _RESUME_KEY.fullmatch(resume_key))
        ):
            raise self._client.make_format_error()
        captures = tuple(capture for capture in results if capture is not None)
        return CapturePage(captures, len(lines) - len(captures), "" if resume_key == page else resume_key)

    def count_indexes(self, _query: CaptureQuery) -> int:
        """Return 1: the Wayback Machine has a single index."""
        return 1

    def _read_lines(self, lines: list[str], query: CaptureQuery) -> Iterator[Capture | None]:
        """Yield the capture of each CDX line, ``None`` if required fields are missing; other lines are skipped."""
        for line in lines:
            if not _LINE.match(line):
                continue
            try:
                fields = parse_fields(line, _LEGEND)
            except ValueError:
                continue
            statement, mime = parse_statement(NAME, fields), fields["mime"].lower()
            is_wanted = not query.only_pictures or mime.startswith("image/")
            if statement is None or not is_wanted:
                yield None
                continue
            record_url = f"{self._url}/web/{fields['timestamp']}id_/{fields['url']}"
            yield Capture(statement=statement, url=fields["url"], record_url=record_url, media_type=mime)

    @staticmethod
    def _build_parameters(query: CaptureQuery) -> list[tuple[str, str]]:
        """Return the query parameters without paging.

        Of consecutive captures with the same bytes, only the first is requested.
        """
        parameters = [("url", query.url), ("matchType", "domain" if query.whole_domain else "exact")]
        parameters += [("fl", ",".join(_FIELDS)), ("filter", "statuscode:200"), ("collapse", "digest")]
        parameters += [("filter", "mimetype:image/.*")] if query.only_pictures else []
        parameters += [(name, value) for name, value in (("from", query.since), ("to", query.until)) if value]
        return [*parameters, ("gzip", "false")]

"""Images, texts and URL patterns seen so far, so that pages without new content do not use up the budget."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace
from hashlib import blake2b

from crawler.formats.job import Kind, Link
from crawler.formats.lines import PageLine
from exhibit.digests import Digest
from exhibit.network.addresses import read_url
from exhibit.reasons import Reason
from exhibit.sentences import Sentence

MIN_PAGES = 50
MAX_IDLE = 20
"""Pages of a pattern that are always visited, and consecutive pages without new images after which the rest is skipped.

Tried on the synthetic sites of ``tests/crawler/state/test_novelty.py``: a limit of 5 consecutive pages lost 255 of
2,000 images of a shop with facets, and 157 of 222 of an archive of reprints; 10, 20 and 40 lost none, and visited 330,
340 and 360 of the shop's 960 pages. 20 is twice the required value. A shop of 5,000 goods is visited completely. 50 is
what a calendar costs."""

WAITING_REASONS = frozenset({Reason.RETRY_AFTER, Reason.ROBOTS_UNAVAILABLE})
"""Refusals that concern a whole host, which can be tried again later."""

PASSING = WAITING_REASONS | {Reason.BUDGET, Reason.TIMEOUT}
"""Temporary refusals, which say nothing about the URL: a later visit may find new content."""

LEFT_OUT = Reason.REPETITIVE
"""Refusal reason for skipped pages of a pattern."""

MIN_WORDS = 50
"""Minimum words for comparing texts: shorter pages with the same words may be lists of images or numbers."""

_MAX_BITS = 3
_BLOCK = 16
_VARIABLE = re.compile(r"(?<![0-9a-z])(?=[a-f]*\d)[0-9a-f]{8,}(?:-[0-9a-f]{4,})*(?![0-9a-z])|\d+", re.IGNORECASE)
_ID = re.compile(r"(?=[^/]*\d)(?=[^/]*[a-z])[\w-]{20,}", re.IGNORECASE)


def pattern_of(url: str) -> str:
    """Return the pattern that URLs of one template share, such as ``example.org/calendar/#/#?view``.

    Digits and long ids in the path become ``#``; parameters lose their values and are sorted.
    """
    parts = read_url(url)
    if parts is None:
        return url
    segments = (
        "#" if _ID.fullmatch(part) and "-" not in part else _VARIABLE.sub("#", part)
        for part in parts.pathname.split("/")
    )
    names = sorted({_VARIABLE.sub("#", field.partition("=")[0]) for field in parts.search[1:].split("&") if field})
    return parts.host + "/".join(segments) + (f"?{'&'.join(names)}" if names else "")


def pattern_of_target(target: Link | PageLine) -> str:
    """Return the pattern of a discovered page; empty if no other page can share it.

    It is also empty for URLs that the job names itself, and for targets that are not pages.
    """
    pattern = pattern_of(target.url) if target.depth and target.kind is Kind.PAGE else ""
    return pattern if "#" in pattern or "?" in pattern else ""


def shows_new(line: PageLine, seen_digests: Collection[Digest]) -> bool:
    """Return True if a page shows an image not in ``seen_digests``, or might.

    The page or an image was not sent this time.
    """
    may = line.not_modified or any(refusal.reason in PASSING for refusal in line.refusals)
    return may or any(sighting.digest not in seen_digests for sighting in line.sightings)


def leads_on(pattern: str, links: Iterable[Link]) -> bool:
    """Return True if new links lead to a page of another pattern: a list may show no image, but its items do."""
    return any(link.kind is Kind.PAGE and pattern_of_target(link) != pattern for link in links)


def left_out(pattern: str, pages: int) -> Sentence:
    """Return the message about a pattern whose remaining pages are skipped."""
    return Sentence(
        "%(pages)s pages with the pattern %(pattern)s were skipped: the last %(idle)s showed nothing new.",
        pages=pages,
        pattern=pattern,
        idle=MAX_IDLE,
    )


class Novelty:
    """Images, texts and patterns that the pages of one job have shown so far."""

    def __init__(self) -> None:
        self.left_out: Counter[str] = Counter()  # pages by pattern
        self._pictures: set[Digest] = set()
        self._texts: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        self._pages: Counter[str] = Counter()
        self._idle: Counter[str] = Counter()
        self._told: set[bytes] = set()

    def leaves_out(self, pattern: str) -> bool:
        """Return True, and count the page, if the next page of a pattern is to be skipped."""
        if is_idle := self._is_idle(pattern):
            self.left_out[pattern] += 1
        return is_idle

    def _is_idle(self, pattern: str) -> bool:
        return self._pages[pattern] >= MIN_PAGES and self._idle[pattern] >= MAX_IDLE

    def repeats(self, line: PageLine) -> bool:
        """Return True if a page shows no new image and its text differs from an earlier one in at most 3 bits.

        For texts with few words, the page must also have no new link, as the pages of a list may share all their words.

        The text fingerprints have 64 bits. They are found by blocks of 16 bits, one of which must be equal if 3 bits
        differ
        (Manku, Jain and Das Sarma, "Detecting near-duplicates for web crawling", WWW 2007).
        """
        if not line.text or shows_new(line, self._pictures):
            return False
        if line.words < MIN_WORDS and any(_fact_of(link) not in self._told for link in line.links):
            return False
        text = int(line.text, 16)
        return any(is_near(text, other) for block in _blocks(text) for other in self._texts.get(block, ()))

    def take(self, line: PageLine, pattern: str) -> None:
        """Remember the content of a page, whose links must be new ones; an empty pattern is never skipped."""
        if pattern:
            fresh = (link for link in line.links if not self._is_idle(pattern_of_target(link)))
            is_new = shows_new(line, self._pictures) or leads_on(pattern, fresh)
            self._pages[pattern] += 1
            self._idle[pattern] = 0 if is_new else self._idle[pattern] + 1
        self._pictures.update(sighting.digest for sighting in line.sightings)
        if line.text:
            text = int(line.text, 16)
            for block in _blocks(text):
                if text not in self._texts[block]:
                    self._texts[block].append(text)

    def untold(self, line: PageLine) -> PageLine:
        """Return the line without links and refusals already reported, except refusals that may be tried again."""
        links = tuple(link for link in line.links if self._is_first(_fact_of(link)))
        refusals = tuple(
            refusal
            for refusal in line.refusals
            if refusal.reason in PASSING or self._is_first(_hash(f"{refusal.reason} {refusal.url}"))
        )
        return replace(line, links=links, refusals=refusals)

    def _is_first(self, fact: bytes) -> bool:
        before = len(self._told)
        self._told.add(fact)
        return len(self._told) > before


def _fact_of(link: Link) -> bytes:
    return _hash(f"{link.url} {link.page_url}")


def _hash(fact: str) -> bytes:
    return blake2b(fact.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def is_near(first: int, other: int) -> bool:
    """Return True if two fingerprints belong to nearly the same text."""
    return (first ^ other).bit_count() <= _MAX_BITS


def _blocks(text: int) -> list[tuple[int, int]]:
    return [(place, text >> place & 0xFFFF) for place in range(0, 64, _BLOCK)]

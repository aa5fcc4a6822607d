"""Images, texts and URL patterns of processed pages, used to skip pages without new content."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace
from hashlib import blake2b

from crawler.formats.job import Kind, Link
from crawler.formats.lines import PageLine
from exhibit.digests import Digest
from exhibit.network.addresses import parse_url
from exhibit.reasons import Reason
from exhibit.sentences import Sentence

MIN_PAGES = 50
MAX_IDLE_PAGES = 20
"""Pages of a pattern that are always visited, and consecutive pages without new images after which the rest is skipped.

Measured on the synthetic sites of ``tests/crawler/state/test_novelty.py``: a limit of 5 consecutive pages lost 255 of
2,000 images of a shop with facets, and 157 of 222 of an archive of reprints; 10, 20 and 40 lost none, and visited 330,
340 and 360 of the shop's 960 pages. 20 is twice the required value. A shop of 5,000 goods is visited completely. A
calendar costs 50 pages."""

HOST_PAUSE_REASONS = frozenset({Reason.RETRY_AFTER, Reason.ROBOTS_UNAVAILABLE})
"""Refusals that concern a whole host, which can be tried again later."""

TEMPORARY_REASONS = HOST_PAUSE_REASONS | {Reason.BUDGET, Reason.TIMEOUT}
"""Temporary refusals: a later visit to the URL may find new content."""

SKIP_REASON = Reason.REPETITIVE
"""Refusal reason for skipped pages of a pattern."""

MIN_WORDS = 50
"""Minimum words for comparing texts: shorter pages with the same words may be lists of images or numbers."""

_MAX_BITS = 3
_BLOCK_BITS = 16
_VARIABLE_PART = re.compile(r"(?<![0-9a-z])(?=[a-f]*\d)[0-9a-f]{8,}(?:-[0-9a-f]{4,})*(?![0-9a-z])|\d+", re.IGNORECASE)
_LONG_ID = re.compile(r"(?=[^/]*\d)(?=[^/]*[a-z])[\w-]{20,}", re.IGNORECASE)


def compute_pattern(url: str) -> str:
    """Return the pattern that URLs of one template share, such as ``example.org/calendar/#/#?view``.

    Digits and long ids in the path become ``#``; parameters lose their values and are sorted.
    """
    parts = parse_url(url)
    if parts is None:
        return url
    segments = (
        "#" if _LONG_ID.fullmatch(part) and "-" not in part else _VARIABLE_PART.sub("#", part)
        for part in parts.pathname.split("/")
    )
    names = sorted({_VARIABLE_PART.sub("#", field.partition("=")[0]) for field in parts.search[1:].split("&") if field})
    return parts.host + "/".join(segments) + (f"?{'&'.join(names)}" if names else "")


def get_target_pattern(target: Link | PageLine) -> str:
    """Return the pattern of a discovered page; empty if no other page can share it.

    It is also empty for URLs that the job names itself, and for targets that are not pages.
    """
    pattern = compute_pattern(target.url) if target.depth and target.kind is Kind.PAGE else ""
    return pattern if "#" in pattern or "?" in pattern else ""


def has_new_images(line: PageLine, seen_digests: Collection[Digest]) -> bool:
    """Return True if a page shows an image not in ``seen_digests``.

    Also True if this is unknown, as the page or one of its images was not sent this time.
    """
    may_have_new = line.not_modified or any(refusal.reason in TEMPORARY_REASONS for refusal in line.refusals)
    return may_have_new or any(sighting.digest not in seen_digests for sighting in line.sightings)


def has_links_to_other_patterns(pattern: str, links: Iterable[Link]) -> bool:
    """Return True if new links lead to a page of another pattern. A list may show no images although its items do."""
    return any(link.kind is Kind.PAGE and get_target_pattern(link) != pattern for link in links)


def describe_skipped_pages(pattern: str, pages: int) -> Sentence:
    """Return the message about a pattern whose remaining pages are skipped."""
    return Sentence(
        "%(pages)s pages with the URL pattern %(pattern)s were skipped because the last %(idle)s pages "
        "showed nothing new.",
        pages=pages,
        pattern=pattern,
        idle=MAX_IDLE_PAGES,
    )


class NoveltyTracker:
    """Images, texts and patterns of the pages that one job has processed."""

    def __init__(self) -> None:
        self.skipped_pages: Counter[str] = Counter()  # pages by pattern
        self._pictures: set[Digest] = set()
        self._texts: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        self._page_counts: Counter[str] = Counter()
        self._idle_counts: Counter[str] = Counter()
        self._reported_keys: set[bytes] = set()

    def should_skip(self, pattern: str) -> bool:
        """Return True, and count the page, if the next page of a pattern must be skipped."""
        if is_idle := self._is_idle(pattern):
            self.skipped_pages[pattern] += 1
        return is_idle

    def _is_idle(self, pattern: str) -> bool:
        return self._page_counts[pattern] >= MIN_PAGES and self._idle_counts[pattern] >= MAX_IDLE_PAGES

    def is_repeat(self, line: PageLine) -> bool:
        """Return True if a page shows no new image and its text differs from an earlier one in at most 3 bits.

        For texts with few words, the page must also have no new link, as the pages of a list may share all their words.

        The text fingerprints have 64 bits. They are found by blocks of 16 bits, one of which must be equal if 3 bits
        differ (Manku, Jain and Das Sarma, "Detecting near-duplicates for web crawling", WWW 2007).
        """
        if not line.text or has_new_images(line, self._pictures):
            return False
        if line.words < MIN_WORDS and any(_compute_link_key(link) not in self._reported_keys for link in line.links):
            return False
        text = int(line.text, 16)
        return any(
            is_near_duplicate(text, other) for block in _split_blocks(text) for other in self._texts.get(block, ())
        )

    def remember_page(self, line: PageLine, pattern: str) -> None:
        """Remember the content of a page. All its links must be new. Pages with an empty pattern are never skipped."""
        if pattern:
            fresh_links = (link for link in line.links if not self._is_idle(get_target_pattern(link)))
            is_new = has_new_images(line, self._pictures) or has_links_to_other_patterns(pattern, fresh_links)
            self._page_counts[pattern] += 1
            self._idle_counts[pattern] = 0 if is_new else self._idle_counts[pattern] + 1
        self._pictures.update(sighting.digest for sighting in line.sightings)
        if line.text:
            text = int(line.text, 16)
            for block in _split_blocks(text):
                if text not in self._texts[block]:
                    self._texts[block].append(text)

    def remove_reported(self, line: PageLine) -> PageLine:
        """Return the line without links and refusals already reported, except refusals that may be tried again."""
        links = tuple(link for link in line.links if self._is_first_report(_compute_link_key(link)))
        refusals = tuple(
            refusal
            for refusal in line.refusals
            if refusal.reason in TEMPORARY_REASONS
            or self._is_first_report(_compute_key(f"{refusal.reason} {refusal.url}"))
        )
        return replace(line, links=links, refusals=refusals)

    def _is_first_report(self, key: bytes) -> bool:
        count_before = len(self._reported_keys)
        self._reported_keys.add(key)
        return len(self._reported_keys) > count_before


def _compute_link_key(link: Link) -> bytes:
    return _compute_key(f"{link.url} {link.page_url}")


def _compute_key(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def is_near_duplicate(first: int, second: int) -> bool:
    """Return True if two fingerprints belong to nearly the same text."""
    return (first ^ second).bit_count() <= _MAX_BITS


def _split_blocks(text: int) -> list[tuple[int, int]]:
    return [(shift, text >> shift & 0xFFFF) for shift in range(0, 64, _BLOCK_BITS)]

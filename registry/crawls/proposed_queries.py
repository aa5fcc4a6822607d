"""Proposed search queries, from the authors, keywords, titles and collection names of an owner's works."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice, zip_longest

from registry.accounts.models import Owner
from registry.works import scoped

MAX_QUERIES = 10
"""Maximum number of proposed queries."""
MAX_WORKS = 500
"""Number of the newest works whose texts are considered."""
MAX_LINE_LENGTH = 80
_CAMERA_NAME = re.compile(
    r"(?i)^[_\W]*(img|image|dsc[fn]?|pxl|mvimg|mg|gopr|gx|dji|pict?|picture|photo|scan|screenshot|untitled|wp|p)"
    r"[-_ ]*\d"
)
"""Names that cameras, phones and scanners give to files."""
_COPY_SUFFIX = re.compile(r"(?i)([-_(] ?|[ ](?!v?\d))(copy|kopie|final|edit|web|v?\d+)\)?$")
_LETTERS = re.compile(r"[^\W\d_]{3}|[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]{2}")


def propose_queries(owner: Owner, limit: int = MAX_QUERIES) -> list[str]:
    """Return search queries, most promising first; empty if the works' texts contain only numbers."""
    works = list(
        scoped.list_owner_works(owner).order_by("-number").values_list("title", "author", "metadata")[:MAX_WORKS]
    )
    authors = _sort_by_frequency(author.split(",")[0] for _title, author, _metadata in works)
    keywords = _sort_by_frequency(
        word for *_rest, metadata in works for word in str(metadata.get("keywords", "")).split(",")
    )
    titles = _clean(title for title, *_rest in works)
    collections = _clean(owner.collections.values_list("name", flat=True)[:MAX_WORKS])
    top_authors = islice(authors, 2)
    other_lines = (line for row in zip_longest(titles, keywords, collections) for line in row if line)
    return list(islice(_deduplicate(chain(top_authors, other_lines)), limit))


def _sort_by_frequency(texts: Iterable[str]) -> Iterator[str]:
    """Yield distinct texts, the most frequent first."""
    yield from (text for text, _count in Counter(_clean(texts)).most_common())


def _clean(texts: Iterable[str]) -> Iterator[str]:
    """Yield texts as single lines, skipping file names that cameras generate."""
    for text in texts:
        line = " ".join(_COPY_SUFFIX.sub("", text.strip()).replace("_", " ").split())
        if not _CAMERA_NAME.match(text) and _LETTERS.search(line):
            yield line[:MAX_LINE_LENGTH].strip()


def _deduplicate(lines: Iterable[str]) -> Iterator[str]:
    seen_lines: set[str] = set()
    for line in lines:
        if line.casefold() not in seen_lines:
            seen_lines.add(line.casefold())
            yield line

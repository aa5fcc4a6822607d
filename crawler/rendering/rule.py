"""Which pages are worth a browser: those that show few pictures or none, and look as if scripts made the others."""

from dataclasses import dataclass

from crawler.reading.found import Document
from crawler.reading.sniff import has_vector_suffix

FEW_PICTURES = 3  # with fewer a page that needs scripts is one of few pictures
MANY_SCRIPTS = 4  # with so many a page is one of scripts
LITTLE_TEXT = 400  # characters; a page of less that runs any script is made by it
TRIES = 3  # so many pages of a host are rendered before what they gained decides for the others
WEAK_TRIES = 1  # the same of pages that scripts may make, though nothing in them says so
WORTH = 0.25  # the least share of a host's rendered pages that gained pictures
_NOT_SHOWN = frozenset({"og:image", "twitter:image", "meta", "link", "data-uri"})
"""Places that name a picture for others, and placeholders. What a page draws itself, a chart for one, doesn't count."""


@dataclass(slots=True)
class Past:
    """What the renderings of a host have come to."""

    rendered: int = 0
    gained: int = 0  # those that showed pictures which static reading hadn't named


def is_worth(document: Document, past: Past) -> bool:
    """Whether a page is worth rendering, by what it holds as served and by what the pages of its host have gained."""
    if not (document.scripts or document.needs_scripts):
        return False
    if past.rendered >= TRIES:
        return past.gained >= WORTH * past.rendered
    if past.gained:
        return True
    shown = pictures_of(document)
    if document.needs_scripts:
        return shown < FEW_PICTURES
    may_be_made = document.scripts >= MANY_SCRIPTS or document.characters < LITTLE_TEXT
    return may_be_made and not shown and past.rendered < WEAK_TRIES


def pictures_of(document: Document) -> int:
    """How many pictures a page shows, as far as its document tells."""
    return sum(
        image.found_in not in _NOT_SHOWN and image.url[:5] != "data:" and not has_vector_suffix(image.url)
        for image in document.images
    )

"""What the visits of a watch tell of its pages: what each showed, by which later runs know how often it changes."""

import hashlib
from collections.abc import Iterable

from crawler.formats.job import Kind
from crawler.formats.lines import PageLine, RefusalLine
from registry.crawls import changes, watching
from registry.crawls.revisits import is_past
from registry.models import Watch


def keep(watch: Watch, pages: Iterable[PageLine], refused: Iterable[RefusalLine]) -> None:
    """Remember pages of a watch that visits sites by a schedule. Inside the transaction that marks them as visited."""
    if watch.private or watching.takes_lists(watch) or is_past(watch):
        return
    visits = [
        changes.Visited(page.url, page.depth, _shown(page), page.fetched_at) for page in pages if page.kind is Kind.PAGE
    ]
    changes.keep(watch.pk, visits, {line.url: line.reason for line in refused if not line.page_url})


def _shown(page: PageLine) -> bytes:
    """A digest of the pictures and words that a page showed; empty when the server said that nothing has changed."""
    shown = sorted({sighting.digest.hex for sighting in page.sightings} | {page.text})
    return b"" if page.not_modified else hashlib.blake2b("\n".join(shown).encode(), digest_size=16).digest()

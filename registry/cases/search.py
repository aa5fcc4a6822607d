"""Finding cases by words: the party, the title of the work, the number of the case, or a part of a URL."""

import re
from urllib.parse import quote

from django.db.models import Q

from exhibit.network.addresses import host_of, without_fragment, without_scheme
from registry.models import CaseSighting, Owner

SHORTEST_URL_PART = 3
"""Characters from which words are looked for in URLs: fewer are in nearly all of them."""
_NUMBER = re.compile(r"(#?)\s*([0-9]{1,9})")
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_ASCII = "".join(map(chr, range(0x21, 0x7F)))


def filter_by_words(owner: Owner, words: str) -> Q:
    """Build the condition for the owner's cases that the words name.

    Args:
        owner: Owner of the cases.
        words: A case number (``12``, or ``#12`` for the case of this number alone), or a part of the party's name, of
            the work's title, or of the URL of a page or an image where the work was seen.
    """
    words = words.strip()
    number = _NUMBER.fullmatch(words)
    if number is not None and number[1]:
        return Q(number=int(number[2]))
    found = Q(party__icontains=words) | Q(work__title__icontains=words)
    if number is not None:
        return found | Q(number=int(number[2]))
    in_urls = Q()
    for part in url_parts(words):
        found |= Q(party__icontains=part)
        in_urls |= Q(sighting__page_url__icontains=part) | Q(sighting__image_url__icontains=part)
    if in_urls:
        found |= Q(pk__in=CaseSighting.objects.filter(in_urls, case__owner=owner).values("case"))
    return found


def url_parts(words: str) -> list[str]:
    """Return the spellings of the words in stored URLs, without scheme and fragment; none if no URL has them."""
    if len(words) < SHORTEST_URL_PART or any(map(str.isspace, words)):
        return []
    if _SCHEME.match(words):
        return [without_scheme(without_fragment(words))]
    host, slash, rest = words.partition("#")[0].partition("/")
    escaped = quote(host + slash + rest, safe=_ASCII)
    ascii_host = "" if host.isascii() else host_of(f"https://{host}")
    return [escaped, *([quote(ascii_host + slash + rest, safe=_ASCII)] if ascii_host else [])]

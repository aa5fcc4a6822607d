"""Search for cases by site, work title, case number, or part of a URL."""

import re
from urllib.parse import quote

from django.db.models import Q, TextField, Value
from django.db.models.functions import Cast, Concat

from exhibit.network.addresses import get_url_host, remove_fragment, remove_scheme
from registry.accounts.models import Owner
from registry.cases.models import CaseSighting

MIN_URL_PART_LENGTH = 3
"""Minimum length of a search term for URLs, in characters; shorter terms occur in nearly all URLs."""
_NUMBER = re.compile(r"(#?)\s*([0-9]{1,9})")
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_SPACE = Value(" ", TextField())
_ASCII = "".join(map(chr, range(0x21, 0x7F)))


def build_search_condition(owner: Owner, query: str) -> Q:
    """Build the condition for an owner's cases that match a search query.

    Args:
        owner: The owner of the cases.
        query: A case number (``12``, or ``#12`` for this case only), or a part of the site's name, of the work's title,
            or of the URL of a page or an image where the work was seen.
    """
    query = query.strip()
    number_match = _NUMBER.fullmatch(query)
    if number_match is not None and number_match[1]:
        return Q(number=int(number_match[2]))
    condition = Q(party__icontains=query) | Q(work__title__icontains=query)
    if number_match is not None:
        return condition | Q(number=int(number_match[2]))
    url_condition = Q()
    for part in list_url_spellings(query):
        condition |= Q(party__icontains=part)
        url_condition |= Q(urls__icontains=part)
    if url_condition:
        # Including the case's key in the expression makes PostgreSQL search only the URLs of cases, not of all
        # sightings. URL parts contain no spaces and are not only digits, so they can match only within a URL.
        key = Cast("case_id", TextField())
        urls = Concat("sighting__page_url", _SPACE, "sighting__image_url", _SPACE, key, output_field=TextField())
        sightings = CaseSighting.objects.filter(case__owner=owner).alias(urls=urls)
        condition |= Q(pk__in=sightings.filter(url_condition).values("case"))
    return condition


def list_url_spellings(query: str) -> list[str]:
    """Return the spellings of a query in stored URLs, without scheme and fragment; empty if no URL can match."""
    if len(query) < MIN_URL_PART_LENGTH or any(map(str.isspace, query)):
        return []
    if _SCHEME.match(query):
        return [remove_scheme(remove_fragment(query))]
    host, slash, path = query.partition("#")[0].partition("/")
    escaped_url = quote(host + slash + path, safe=_ASCII)
    ascii_host = "" if host.isascii() else get_url_host(f"https://{host}")
    return [escaped_url, *([quote(ascii_host + slash + path, safe=_ASCII)] if ascii_host else [])]

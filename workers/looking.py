"""A look at a site for somebody who wants to watch it."""

from crawler.job import UserAgent
from crawler.looking import Look, look_at
from registry.crawling import denied
from workers.wiring import House, contact_fields


def look_at_site(house: House, address: str) -> Look:
    """Look at a site under the rules of every crawl: the guard, the operator's list, robots.txt.

    Raises:
        RefusedError: it can't be looked at; its reason says why.
    """
    return look_at(address, house.guard, UserAgent(**contact_fields(house.config.contact)), denied)

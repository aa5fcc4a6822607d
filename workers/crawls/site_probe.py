"""Sites that somebody wants to watch: a look at one, and whether what is given may be visited."""

from collections.abc import Iterable

from crawler.formats.job import UserAgent
from crawler.site_probe import Look, look_at
from exhibit.errors import RefusedError
from exhibit.network.urls import host_of
from registry.crawls.crawling import denials, denied
from workers.services.wiring import Services, contact_fields


def look_at_site(services: Services, address: str) -> Look:
    """Look at a site under the rules of every crawl: guard, operator's list, robots.txt; raises ``RefusedError``."""
    return look_at(address, services.guard, UserAgent(**contact_fields(services.config.contact)), denied)


def check_addresses(services: Services, urls: Iterable[str]) -> None:
    """Refuse what a watch can't visit: what the guard forbids as far as the text tells, and the operator's list.

    Raises ``RefusedError`` with the guard's reasons or ``denied-host``; it names the address.
    """
    is_denied = denials()
    for url in urls:
        try:
            services.guard.check_url(url)
        except RefusedError as error:
            raise RefusedError(f"{url}: {error.message}", reason=error.reason, hint=error.hint) from error
        if is_denied(host_of(url)):
            raise RefusedError(f"{url}: The host isn't visited.", reason="denied-host")

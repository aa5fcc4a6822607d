"""Manual visits: pages that a user requests once, without a separate watch; a regular crawl visits them.

The address guard, the deny list, robots.txt, rights reservations and rate limits apply as in every crawl. Pictures
become sightings, and matches open cases. The crawl states that it was requested by a user, and the log records which
user.
"""

from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.errors import RefusedError, ServiceMissingError
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.crawls import planning, schedules, watch_settings
from registry.crawls.budgets import RENDERING
from registry.crawls.crawling import MANUAL, NewUrl, add_urls
from registry.crawls.models import Crawl, Watch
from registry.crawls.watches import check_addresses
from registry.db.claimable import StepState
from registry.db.rows import lock_row
from registry.log import audit_log
from registry.members import samples
from registry.services.disk import is_disk_full
from registry.services.services import Services

SOURCE = (MANUAL, "pages requested by a person")
MAX_URL_LENGTH = 2_000
BUDGET = {"depth": 0, "images": 2_000, "bytes": 500_000_000, "seconds": 3_600, **RENDERING}
"""Budget of a run, which visits pages added while it is running."""


def visit_page(services: Services, owner: Owner, url: str, *, by: str, picture_url: str = "") -> Crawl:
    """Queue a single visit to a page and the comparison of its pictures.

    Args:
        services: The services.
        owner: The owner.
        url: URL of a page or a picture; "https://" is added if the scheme is missing.
        by: Account recorded in the audit log.
        picture_url: URL of a picture that the page is reported to show; it is fetched as well.

    Returns:
        The crawl that will visit the page; it has been started, not finished.

    Raises:
        RefusedError: A URL is invalid or may not be visited.
        ServiceMissingError: The disk is nearly full.
    """
    samples.check_not_sample(owner)
    urls = [add_scheme(address) for address in dict.fromkeys((url, picture_url)) if address.strip()]
    if not urls or max(map(len, urls)) > MAX_URL_LENGTH:
        raise RefusedError(Sentence("This is not the URL of a page."), reason=Reason.BAD_URL)
    check_addresses(services, urls)
    if is_disk_full(services):
        message = Sentence("The disk is almost full, and crawling has stopped.")
        raise ServiceMissingError(message, hint=Sentence("Contact the operator."))
    page, *images = urls
    with lock_row(owner):
        crawl = _get_or_start_crawl(owner, by=by)
        add_urls(crawl.pk, [NewUrl(page, "page", 0), *(NewUrl(image_url, "image", 0, page) for image_url in images)])
        about = {"url": page, **({"image": images[0]} if images else {}), "crawl": crawl.number}
        audit_log.log_change("page looked at by hand", by=by, owner=owner, details=about)
    planning.plan_crawls(services, [crawl.pk])
    return crawl


def add_scheme(address: str) -> str:
    """Add "https://" to a URL typed by a user if it has no scheme."""
    text = address.strip()
    return text if "://" in text else f"https://{text}"


def _get_or_start_crawl(owner: Owner, *, by: str) -> Crawl:
    """Return the owner's running crawl of manual visits, or a new one; the caller holds the owner's lock."""
    watches = owner.watches.filter(removed_at=None, sources__contains=[{"kind": MANUAL}])
    watch = watches.first() or _create_watch(owner, by=by)
    running_crawl = watch.crawls.filter(state=StepState.RUNNING, reason="").select_for_update(no_key=True).first()
    return running_crawl or schedules.create_crawl(watch, now())


def _create_watch(owner: Owner, *, by: str) -> Watch:
    name = watch_settings.make_free_name(owner, _("Manual visits"))
    interval = watch_settings.MAX_INTERVAL
    return watch_settings.add_watch(owner, name, [SOURCE], every=interval, budget=BUDGET, politeness={}, by=by)

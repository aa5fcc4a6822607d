"""A page that a person looks at by hand, once and without a watch of their own: a crawl like any other visits it.

The guard, the operator's list, robots.txt, reservations and the pace of every crawl hold. What it sees are sightings;
what shows a work becomes a case. The run says that somebody asked for it, and the log who.
"""

from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.errors import RefusedError, ServiceMissingError
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.crawls import plan, schedules, watching
from registry.crawls.budgets import RENDERING
from registry.crawls.crawling import HAND, NewUrl, add_urls
from registry.crawls.models import Crawl, Watch
from registry.crawls.watches import check_addresses
from registry.db.claimable import StepState
from registry.db.rows import alone_with
from registry.log import audit_log
from registry.members import samples
from registry.services.disk import disk_is_full
from registry.services.services import Services

SOURCE = (HAND, "pages that a person asked for")
MAX_ADDRESS = 2_000
BUDGET = {"depth": 0, "images": 2_000, "bytes": 500_000_000, "seconds": 3_600, **RENDERING}
"""Of a run, which visits the pages that are named while it is under way."""


def look(services: Services, owner: Owner, url: str, *, by: str, image: str = "") -> Crawl:
    """Visit one page once, and compare its pictures; returns the run that does.

    It may be a picture's own address; ``image`` names one that the page is said to show, which is visited, too.
    Raises ``RefusedError`` for what may not be visited, ``ServiceMissingError`` when the disk is nearly full.
    """
    samples.refuse(owner)
    named = [with_scheme(address) for address in dict.fromkeys((url, image)) if address.strip()]
    if not named or max(map(len, named)) > MAX_ADDRESS:
        raise RefusedError(Sentence("This isn't the address of a page."), reason=Reason.BAD_URL)
    check_addresses(services, named)
    if disk_is_full(services):
        sentence = Sentence("The disk is nearly full, and crawling has stopped.")
        raise ServiceMissingError(sentence, hint=Sentence("Ask the operator."))
    page, *images = named
    with alone_with(owner):
        crawl = _crawl(owner, by=by)
        add_urls(crawl.pk, [NewUrl(page, "page", 0), *(NewUrl(one, "image", 0, page) for one in images)])
        about = {"url": page, **({"image": images[0]} if images else {}), "crawl": crawl.number}
        audit_log.changed("page looked at by hand", by=by, owner=owner, about=about)
    plan.plan_crawls(services, [crawl.pk])
    return crawl


def with_scheme(address: str) -> str:
    """An address as somebody types it, with ``https`` where it names no scheme."""
    text = address.strip()
    return text if "://" in text else f"https://{text}"


def _crawl(owner: Owner, *, by: str) -> Crawl:
    """The owner's run of pages looked at by hand that is under way, or a new one; the owner is held meanwhile."""
    watches = owner.watches.filter(removed_at=None, sources__contains=[{"kind": HAND}])
    watch = watches.first() or _watch(owner, by=by)
    running = watch.crawls.filter(state=StepState.DOING, reason="").select_for_update(no_key=True).first()
    return running or schedules.begin(watch, now())


def _watch(owner: Owner, *, by: str) -> Watch:
    name = watching.free_name(owner, _("Looked at by hand"))
    every = watching.MAX_INTERVAL
    return watching.add_watch(owner, name, [SOURCE], every=every, budget=BUDGET, politeness={}, by=by)

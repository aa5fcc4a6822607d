"""Descriptions of why a crawl skipped a URL or ended, in the reader's language."""

from collections.abc import Iterable

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext as _, gettext_lazy

from crawler.reading.limits import OmittedItem
from desk.texts.numbers import counted, grouped, money
from desk.texts.sentences import in_words
from exhibit.reasons import Reason
from exhibit.types import Money, parse_money
from registry.crawls.budgets import MONTH_COST_KEY, RUN_COST_KEY, list_month_charges, list_run_charges, sum_charges
from registry.models import Crawl, Inquiry, StepState

REASON_SENTENCES: dict[str, Promise] = {
    Reason.BAD_ENCODING: gettext_lazy("The received data cannot be decoded."),
    Reason.BAD_URL: gettext_lazy("The URL is not valid."),
    Reason.BLOCKED: gettext_lazy("This picture is on the operator's blocklist."),
    Reason.BROKE_OFF: gettext_lazy("The crawler failed repeatedly while visiting this URL."),
    Reason.BUDGET: gettext_lazy("The budget of the run was used up."),
    Reason.CRAWL_DELAY: gettext_lazy("The site's robots.txt requires longer pauses than this watch allows."),
    Reason.CREDENTIALS: gettext_lazy("The URL contains a user name or password."),
    Reason.DENIED_HOST: gettext_lazy("The operator's rules exclude this site."),
    Reason.EMPTY: gettext_lazy("The server returned an empty response."),
    Reason.ERROR: gettext_lazy("The crawler could not process the response."),
    "http-401": gettext_lazy("The server requires a password."),
    "http-403": gettext_lazy("The server denied access."),
    "http-404": gettext_lazy("There is nothing at this URL."),
    "http-410": gettext_lazy("The content at this URL was permanently removed."),
    "http-429": gettext_lazy("The server rejected the request because it receives too many requests from the crawler."),
    "http-451": gettext_lazy("The server cannot show this content for legal reasons."),
    Reason.INCOMPLETE: gettext_lazy("The transfer ended before the response was complete."),
    Reason.LINK: gettext_lazy("Links and special files in a folder are not read."),
    Reason.LOGIN: gettext_lazy("The page requires a login. Content behind the login was not checked."),
    Reason.NEAR_DUPLICATE: gettext_lazy("The page has the same content as another page; its links are not followed."),
    Reason.NOAI: gettext_lazy("The content is marked noai or noimageai; the crawler skipped it."),
    Reason.NOT_A_PAGE: gettext_lazy("There is no page at this URL."),
    Reason.NOT_AN_IMAGE: gettext_lazy("The received content is not a picture."),
    Reason.NOT_FOUND: gettext_lazy("The site returns this page for missing content; its links are not followed."),
    Reason.OUT_OF_SCOPE: gettext_lazy("The URL leads to a site outside this watch."),
    Reason.PORT: gettext_lazy("The URL uses a port that the crawler does not visit."),
    Reason.PRIVATE_ADDRESS: gettext_lazy("The URL is not on the public internet."),
    Reason.REDIRECTS: gettext_lazy("The server redirects too many times."),
    Reason.REPETITIVE: gettext_lazy(
        "Pages with the same URL pattern were skipped because the most recent ones showed nothing new."
    ),
    Reason.RETRY_AFTER: gettext_lazy("The server requested a longer pause before the next visit."),
    Reason.ROBOTS: gettext_lazy("The site's robots.txt disallows this URL."),
    Reason.ROBOTS_UNAVAILABLE: gettext_lazy("The site's robots.txt could not be fetched. The next run tries again."),
    Reason.SCHEME: gettext_lazy("The URL does not start with http:// or https://."),
    Reason.TDM_RESERVED: gettext_lazy("The site has opted this content out of text and data mining."),
    Reason.TIMEOUT: gettext_lazy("The server took too long to respond."),
    Reason.TOO_LARGE: gettext_lazy("The content exceeds the size limit."),
    Reason.TOO_MANY_BYTES: gettext_lazy("The content exceeds the size limit."),
    Reason.TOO_MANY_REDIRECTS: gettext_lazy("The server redirects too many times."),
    Reason.TOO_SLOW: gettext_lazy("The server took too long to respond."),
    Reason.EXCLUDED: gettext_lazy(
        "The archive does not provide this content. Someone may have requested its exclusion."
    ),
    Reason.OTHER_CAPTURE: gettext_lazy("The archive returned a different copy from the one listed in its index."),
    Reason.UNREADABLE_RECORD: gettext_lazy("The archived content cannot be read."),
    Reason.UNREACHABLE: gettext_lazy("The server could not be reached, or the connection was interrupted."),
    Reason.UNREADABLE: gettext_lazy("The received content cannot be read."),
    Reason.UNRESOLVABLE: gettext_lazy("The host does not exist."),
    Reason.UNSEARCHABLE: gettext_lazy("The search service does not support this search."),
    Reason.VECTOR_IMAGE: gettext_lazy("Vector drawings are not compared."),
    Reason.WRONG_DIGEST: gettext_lazy("The digest of the content differs from the digest recorded in the archive."),
    Reason.WALL: gettext_lazy("The site requires visitors to pass a bot check (CAPTCHA)."),
}

SKIP_REASONS: dict[str, Promise] = {
    "continuation": gettext_lazy("The record is part of a segmented record whose earlier parts were not read."),
    "conversion": gettext_lazy("The record is not a server response but was converted from one."),
    "no-address": gettext_lazy("The record contains no URL."),
    "not-http": gettext_lazy("The record is not an HTTP response."),
    "not-an-image": gettext_lazy("The record is neither a picture nor a page."),
    "revisit": gettext_lazy("The record repeats an earlier record that contains no picture or was not read."),
}
"""Reasons why records of web archives are skipped."""
OMISSION_SENTENCES: dict[str, Promise] = {
    OmittedItem.ADDRESSES: gettext_lazy(
        "URLs: the page or list contains more URLs than the crawler reads from one document."
    ),
    OmittedItem.CANVASES: gettext_lazy("Canvas drawings: too large, or too many on one page."),
    OmittedItem.ELEMENTS: gettext_lazy(
        "Elements of rendered pages: the pages have more elements than the crawler examines."
    ),
    OmittedItem.ENTRIES: gettext_lazy("Sitemap, list and feed entries without a usable URL."),
    OmittedItem.FRAMES: gettext_lazy("Embedded frames: nested too deeply, or unreadable."),
    OmittedItem.PAGE_ENDS: gettext_lazy(
        "Rendered pages: the page is longer than the crawler reads; its end was skipped."
    ),
    OmittedItem.SCRIPTS: gettext_lazy("Image URLs in scripts: the page contains more URLs than the crawler reads."),
    OmittedItem.STYLE_SHEETS: gettext_lazy(
        "Style sheets: the page links or imports more style sheets than the crawler reads."
    ),
    OmittedItem.UNREAD_SHEETS: gettext_lazy("Style sheets that could not be fetched or read."),
}
"""Sentences for the counters of :class:`crawler.reading.limits.OmittedItem`."""
END_SENTENCES: dict[str, Promise] = {
    "budget-bytes": gettext_lazy("Ended: data limit reached. Some content was not visited."),
    "budget-hosts": gettext_lazy("Ended: host limit reached. Some content was not visited."),
    "budget-images": gettext_lazy("Ended: picture limit reached. Some content was not visited."),
    "budget-pages": gettext_lazy("Ended: page limit reached. Some content was not visited."),
    "budget-seconds": gettext_lazy("Ended: time limit reached. Some content was not visited."),
    "finished": gettext_lazy("Finished: everything was visited."),
    "stopped": gettext_lazy("Stopped manually."),
}
OUTCOME_SENTENCES: dict[str, Promise] = {
    "key": gettext_lazy("The service does not accept the key. Enter another key."),
    "no-key": gettext_lazy("There is no key for this service."),
    "no-price": gettext_lazy("The price is not known in the currency of the watch's spending limit."),
    "no-works": gettext_lazy("There is no work to search for."),
    "no-consent": gettext_lazy("You have not allowed copies of your works to be sent to this service."),
    "no-service": gettext_lazy("The operator no longer offers this service."),
    "more": gettext_lazy(
        "The archive lists more pictures than a single run can fetch. The next run continues from this point."
    ),
    "nothing": gettext_lazy(
        "The archive lists no pictures of this domain. Check the spelling of the domain, or choose a longer period."
    ),
    "quota": gettext_lazy("The search quota of the key is used up. The next run continues from this point."),
}
SPENDING_SENTENCES: dict[str, Promise] = {
    RUN_COST_KEY: gettext_lazy(
        "The spending limit of the run is used up: %(spent)s of %(limit)s. Searches not made: %(left)s."
    ),
    MONTH_COST_KEY: gettext_lazy(
        "The monthly spending limit is used up: %(spent)s of %(limit)s. Searches not made: %(left)s."
    ),
}


def describe_inquiry(row: Inquiry) -> str:
    """Describe why a search query stopped or is delayed; empty while it runs normally and after it has completed."""
    if row.outcome in SPENDING_SENTENCES:
        details = row.stopped_at
        spending_values = {name: money(parse_money(details[name])) for name in ("spent", "limit")}
        return str(SPENDING_SENTENCES[row.outcome]) % {**spending_values, "left": grouped(details["left"])}
    if row.outcome in OUTCOME_SENTENCES:
        return str(OUTCOME_SENTENCES[row.outcome])
    if row.state == StepState.FAILED:
        return in_words(row.error) if row.error else _("The service repeatedly failed to respond.")
    if row.is_postponed and row.error:
        return _("%(why)s Exhibit repeats the request automatically.") % {"why": in_words(row.error)}
    return ""


def describe_spending(crawl: Crawl) -> str:
    """Describe the costs of a crawl and of its watch in this month, if prices are known; empty without charges."""
    if not (run_costs := sum_charges(list_run_charges(crawl.pk))):
        return ""
    values = {
        "run": format_amounts(run_costs),
        "month": format_amounts(sum_charges(list_month_charges(crawl.watch_id))),
    }
    return _("Cost of this run: %(run)s; this month: %(month)s.") % values


def format_amounts(costs: Iterable[Money]) -> str:
    """Format amounts in several currencies."""
    return _(", ").join(map(money, costs)) or _("nothing")


def describe_skip_reason(reason: str) -> str:
    """Describe why a record of a web archive was skipped."""
    return str(SKIP_REASONS[reason]) if reason in SKIP_REASONS else describe_refusal(reason)


def describe_omission(kind: str) -> str:
    """Describe content that a crawler limit excluded."""
    return str(OMISSION_SENTENCES.get(kind, kind))


def describe_refusal(reason: str, sentence: str = "") -> str:
    """Describe why a URL was not fetched or stored. Reasons without a text here use the crawler's sentence."""
    if reason == Reason.REPETITIVE and sentence:
        return in_words(sentence)  # The sentence states the number of pages.
    if reason == Reason.UNREADABLE and sentence:
        text = in_words(sentence)  # The sentence names the archive and the position.
        if text != sentence or (get_language() or "en").startswith("en"):
            return text
    if reason in REASON_SENTENCES:
        return str(REASON_SENTENCES[reason])
    if reason.startswith("http-5"):
        return _("The server reported an error (status %(status)s).") % {"status": reason[5:]}
    if reason.startswith("http-"):
        return _("The server returned status %(status)s.") % {"status": reason[5:]}
    return in_words(sentence) or reason


def describe_skipped_pages(crawl: Crawl) -> list[str]:
    """Describe the number of known pages that a crawl skipped, one text per reason."""
    return [counted(pages, reason) for reason, pages in sorted(crawl.skipped_pages.items())]


def describe_end(reason: str) -> str:
    """Describe why a crawl ended, or state that it is in progress."""
    return str(END_SENTENCES.get(reason, reason)) if reason else _("In progress")

"""Reasons why a crawl refused a URL or ended, in the reader's language."""

from collections.abc import Iterable

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext as _, gettext_lazy

from crawler.reading.limits import LeftOut
from desk.texts.numbers import counted, grouped, money
from desk.texts.sentences import in_words
from exhibit.reasons import Reason
from exhibit.types import Money, parse_money
from registry.crawls.budgets import MONTH, RUN, list_month_charges, list_run_charges, sum_charges
from registry.models import Crawl, Inquiry, StepState

REASONS: dict[str, Promise] = {
    Reason.BAD_ENCODING: gettext_lazy("The encoding of the server's response cannot be decoded."),
    Reason.BAD_URL: gettext_lazy("The URL is not valid."),
    Reason.BLOCKED: gettext_lazy("This picture is on the operator's blocklist."),
    Reason.BROKE_OFF: gettext_lazy("The crawler failed repeatedly while visiting this URL."),
    Reason.BUDGET: gettext_lazy("The budget of the run was used up."),
    Reason.CRAWL_DELAY: gettext_lazy("The site's robots.txt requires longer pauses than this watch makes."),
    Reason.CREDENTIALS: gettext_lazy("The URL contains a user name or password."),
    Reason.DENIED_HOST: gettext_lazy("The operator's rules exclude this site."),
    Reason.EMPTY: gettext_lazy("The server sent no bytes."),
    Reason.ERROR: gettext_lazy("The crawler could not process the response."),
    "http-401": gettext_lazy("The server requires a password."),
    "http-403": gettext_lazy("The server denied access."),
    "http-404": gettext_lazy("There is nothing at this URL."),
    "http-410": gettext_lazy("The content at this URL was permanently removed."),
    "http-429": gettext_lazy("The server requested fewer visits."),
    "http-451": gettext_lazy("The server cannot show this content for legal reasons."),
    Reason.INCOMPLETE: gettext_lazy("The transfer ended before the response was complete."),
    Reason.LINK: gettext_lazy("Links and special files in a folder are not read."),
    Reason.LOGIN: gettext_lazy("The page requires a login. Content behind the login was not checked."),
    Reason.NEAR_DUPLICATE: gettext_lazy("The page has the same content as another page; its links are not followed."),
    Reason.NOAI: gettext_lazy("Marked noai or noimageai, so the crawler skipped it."),
    Reason.NOT_A_PAGE: gettext_lazy("There is no page at this URL."),
    Reason.NOT_AN_IMAGE: gettext_lazy("The received content is not a picture."),
    Reason.NOT_FOUND: gettext_lazy("The site returns this page for missing content; its links are not followed."),
    Reason.OUT_OF_SCOPE: gettext_lazy("The URL leads to a site outside this watch."),
    Reason.PORT: gettext_lazy("The URL uses a port that the crawler does not visit."),
    Reason.PRIVATE_ADDRESS: gettext_lazy("The URL is not on the public internet."),
    Reason.REDIRECTS: gettext_lazy("The server redirects too many times."),
    Reason.REPETITIVE: gettext_lazy("Pages of a URL pattern were skipped because the latest ones showed nothing new."),
    Reason.RETRY_AFTER: gettext_lazy("The server requested a longer pause before the next visit."),
    Reason.ROBOTS: gettext_lazy("The site's robots.txt disallows this URL."),
    Reason.ROBOTS_UNAVAILABLE: gettext_lazy("The site's robots.txt could not be fetched. The next run tries again."),
    Reason.SCHEME: gettext_lazy("The URL does not start with http:// or https://."),
    Reason.TDM_RESERVED: gettext_lazy("The site reserves this content against text and data mining."),
    Reason.TIMEOUT: gettext_lazy("The server took too long to respond."),
    Reason.TOO_LARGE: gettext_lazy("The content exceeds the size limit."),
    Reason.TOO_MANY_BYTES: gettext_lazy("The content exceeds the size limit."),
    Reason.TOO_MANY_REDIRECTS: gettext_lazy("The server redirects too many times."),
    Reason.TOO_SLOW: gettext_lazy("The server took too long to respond."),
    Reason.EXCLUDED: gettext_lazy(
        "The archive does not provide this content. Someone may have requested its exclusion."
    ),
    Reason.OTHER_CAPTURE: gettext_lazy("The archive returned content other than its index lists."),
    Reason.UNREADABLE_RECORD: gettext_lazy("The archived content cannot be read."),
    Reason.UNREACHABLE: gettext_lazy("The server could not be reached, or the connection was interrupted."),
    Reason.UNREADABLE: gettext_lazy("The received content cannot be read."),
    Reason.UNRESOLVABLE: gettext_lazy("The host does not exist."),
    Reason.UNSEARCHABLE: gettext_lazy("The search service does not support this search."),
    Reason.VECTOR_IMAGE: gettext_lazy("Vector drawings are not compared."),
    Reason.WRONG_DIGEST: gettext_lazy("The digest of the bytes differs from the one listed by the archive."),
    Reason.WALL: gettext_lazy("The site requires visitors to pass a robot check."),
}

PASSED: dict[str, Promise] = {
    "continuation": gettext_lazy("Part of a segmented record whose earlier parts were not read."),
    "conversion": gettext_lazy("Not a server response, but converted from one."),
    "no-address": gettext_lazy("The record contains no URL."),
    "not-http": gettext_lazy("Not an HTTP response."),
    "not-an-image": gettext_lazy("Neither a picture nor a page."),
    "revisit": gettext_lazy("The record repeats a record that contains no picture or was not read before."),
}
"""Reasons why records of web archives are skipped."""
LEFT_OUT: dict[str, Promise] = {
    LeftOut.ADDRESSES: gettext_lazy("URLs: the page or list contains more than the crawler reads from one document."),
    LeftOut.CANVASES: gettext_lazy("Canvas drawings: too large, or too many on one page."),
    LeftOut.ELEMENTS: gettext_lazy("Elements of rendered pages: the pages have more than the crawler examines."),
    LeftOut.ENTRIES: gettext_lazy("Sitemap, list and feed entries without a usable URL."),
    LeftOut.FRAMES: gettext_lazy("Embedded frames: nested too deeply, or unreadable."),
    LeftOut.PAGE_ENDS: gettext_lazy("Rendered pages that were cut off because they are too long."),
    LeftOut.SCRIPTS: gettext_lazy("Image URLs in scripts: the page contains more than the crawler reads."),
    LeftOut.STYLE_SHEETS: gettext_lazy("Style sheets: the page links or imports more than the crawler reads."),
    LeftOut.UNREAD_SHEETS: gettext_lazy("Style sheets that could not be fetched or read."),
}
"""Sentences for the counters of :class:`crawler.reading.limits.LeftOut`."""
ENDS: dict[str, Promise] = {
    "budget-bytes": gettext_lazy("Ended: data limit reached. More content was waiting."),
    "budget-hosts": gettext_lazy("Ended: host limit reached. More content was waiting."),
    "budget-images": gettext_lazy("Ended: picture limit reached. More content was waiting."),
    "budget-pages": gettext_lazy("Ended: page limit reached. More content was waiting."),
    "budget-seconds": gettext_lazy("Ended: time limit reached. More content was waiting."),
    "finished": gettext_lazy("Finished: everything was visited."),
    "stopped": gettext_lazy("Stopped manually."),
}
OUTCOMES: dict[str, Promise] = {
    "key": gettext_lazy("The service does not accept the key. Enter another key."),
    "no-key": gettext_lazy("There is no key for this service."),
    "no-price": gettext_lazy("The price is not known in the currency of the watch's spending limit."),
    "no-works": gettext_lazy("There is no work to search for."),
    "no-consent": gettext_lazy("You have not allowed copies of your works to be sent to this service."),
    "no-service": gettext_lazy("The operator no longer offers this service."),
    "more": gettext_lazy("The archive lists more than one run can fetch. The next run continues here."),
    "nothing": gettext_lazy(
        "The archive lists no pictures of this domain. Check the spelling of the domain, or choose a longer period."
    ),
    "quota": gettext_lazy("The search quota of the key is used up. The next run continues here."),
}
SPENT: dict[str, Promise] = {
    RUN: gettext_lazy("The spending limit per run is used up: %(spent)s of %(limit)s. Remaining searches: %(left)s."),
    MONTH: gettext_lazy(
        "The spending limit per month is used up: %(spent)s of %(limit)s. Remaining searches: %(left)s."
    ),
}


def inquiry_in_words(row: Inquiry) -> str:
    """Describe the state of a search query; empty while it runs and if it completed."""
    if row.outcome in SPENT:
        at = row.stopped_at
        figures = {name: money(parse_money(at[name])) for name in ("spent", "limit")}
        return str(SPENT[row.outcome]) % {**figures, "left": grouped(at["left"])}
    if row.outcome in OUTCOMES:
        return str(OUTCOMES[row.outcome])
    if row.state == StepState.FAILED:
        return in_words(row.error) if row.error else _("The service repeatedly failed to respond.")
    if row.is_postponed and row.error:
        return _("%(why)s The request is repeated automatically.") % {"why": in_words(row.error)}
    return ""


def spending_in_words(crawl: Crawl) -> str:
    """Describe the cost of a run and of its watch's month, where prices are known; empty if nothing was counted."""
    if not (run := sum_charges(list_run_charges(crawl.pk))):
        return ""
    figures = {"run": amounts(run), "month": amounts(sum_charges(list_month_charges(crawl.watch_id)))}
    return _("Cost of this run: %(run)s; this month: %(month)s.") % figures


def amounts(spent: Iterable[Money]) -> str:
    """Format amounts in several currencies."""
    return _(", ").join(map(money, spent)) or _("nothing")


def passed_in_words(reason: str) -> str:
    """Describe why a record of a web archive was skipped."""
    return str(PASSED[reason]) if reason in PASSED else refusal_in_words(reason)


def left_out_in_words(what: str) -> str:
    """Describe what a crawler limit left out."""
    return str(LEFT_OUT.get(what, what))


def refusal_in_words(reason: str, sentence: str = "") -> str:
    """Describe why a URL was not fetched or stored. Reasons without text here use the crawler's own sentence."""
    if reason == Reason.REPETITIVE and sentence:
        return in_words(sentence)  # The sentence states the number of pages.
    if reason == Reason.UNREADABLE and sentence:
        words = in_words(sentence)  # The sentence names the archive and the position.
        if words != sentence or (get_language() or "en").startswith("en"):
            return words
    if reason in REASONS:
        return str(REASONS[reason])
    if reason.startswith("http-5"):
        return _("The server reported an error (status %(status)s).") % {"status": reason[5:]}
    if reason.startswith("http-"):
        return _("The server returned status %(status)s.") % {"status": reason[5:]}
    return in_words(sentence) or reason


def not_asked_in_words(crawl: Crawl) -> list[str]:
    """List how many known pages a run skipped, by reason."""
    return [counted(pages, why) for why, pages in sorted(crawl.not_asked.items())]


def end_in_words(reason: str) -> str:
    """Describe why a crawl ended, or that it is under way."""
    return str(ENDS.get(reason, reason)) if reason else _("In progress")

"""Reasons why a crawl refused a URL or ended, in the reader's language."""

from collections.abc import Iterable

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext as _, gettext_lazy

from crawler.reading.limits import LeftOut
from desk.texts.numbers import counted, grouped, money
from desk.texts.sentences import in_words
from exhibit.reasons import Reason
from exhibit.types import Money, parse_money
from registry.crawls.budgets import MONTH, RUN, of_month, of_run, spent_of
from registry.models import Crawl, Inquiry, StepState

REASONS: dict[str, Promise] = {
    Reason.BAD_ENCODING: gettext_lazy("How the server packed its answer can't be undone."),
    Reason.BAD_URL: gettext_lazy("The address can't be read."),
    Reason.BLOCKED: gettext_lazy("The operator's blocklist names this picture."),
    Reason.BROKE_OFF: gettext_lazy("The crawler broke off again and again while it visited this address."),
    Reason.BUDGET: gettext_lazy("The run had used up its budget."),
    Reason.CRAWL_DELAY: gettext_lazy("The site's robots.txt asks for longer pauses than this watch makes."),
    Reason.CREDENTIALS: gettext_lazy("The address carries a user name or a password."),
    Reason.DENIED_HOST: gettext_lazy("The site isn't visited, by the operator's list."),
    Reason.EMPTY: gettext_lazy("The server sent no bytes."),
    Reason.ERROR: gettext_lazy("The crawler couldn't handle the answer."),
    "http-401": gettext_lazy("The server asks for a password."),
    "http-403": gettext_lazy("The server refused us."),
    "http-404": gettext_lazy("There is nothing at this address."),
    "http-410": gettext_lazy("What was at this address is gone for good."),
    "http-429": gettext_lazy("The server asked us to come less often."),
    "http-451": gettext_lazy("The server may not show it for legal reasons."),
    Reason.INCOMPLETE: gettext_lazy("It broke off before everything had come."),
    Reason.LINK: gettext_lazy("Links and special files in a folder aren't read."),
    Reason.LOGIN: gettext_lazy("The page asks for a login, and nothing behind it was seen."),
    Reason.NEAR_DUPLICATE: gettext_lazy("The page shows what another one does; its links aren't followed."),
    Reason.NOAI: gettext_lazy("It is marked noai or noimageai, and left alone."),
    Reason.NOT_A_PAGE: gettext_lazy("There is no page at this address."),
    Reason.NOT_AN_IMAGE: gettext_lazy("What came isn't a picture."),
    Reason.NOT_FOUND: gettext_lazy("The site sends this page for what it doesn't have; its links aren't followed."),
    Reason.OUT_OF_SCOPE: gettext_lazy("The address leads to a site outside this watch."),
    Reason.PORT: gettext_lazy("The address names a port that isn't visited."),
    Reason.PRIVATE_ADDRESS: gettext_lazy("The address isn't on the public internet."),
    Reason.REDIRECTS: gettext_lazy("The server redirects too often."),
    Reason.REPETITIVE: gettext_lazy("Pages of a pattern whose last ones showed nothing new were left out."),
    Reason.RETRY_AFTER: gettext_lazy("The server asked to be left alone for a longer time."),
    Reason.ROBOTS: gettext_lazy("The site's robots.txt forbids it."),
    Reason.ROBOTS_UNAVAILABLE: gettext_lazy("The site's robots.txt couldn't be had, so it waits for the next run."),
    Reason.SCHEME: gettext_lazy("The address isn't one of the web."),
    Reason.TDM_RESERVED: gettext_lazy("The site reserves it against text and data mining."),
    Reason.TIMEOUT: gettext_lazy("The server took too long."),
    Reason.TOO_LARGE: gettext_lazy("There are more bytes than are taken."),
    Reason.TOO_MANY_BYTES: gettext_lazy("There are more bytes than are taken."),
    Reason.TOO_MANY_REDIRECTS: gettext_lazy("The server redirects too often."),
    Reason.TOO_SLOW: gettext_lazy("The server took too long."),
    Reason.EXCLUDED: gettext_lazy("The archive doesn't give this out: somebody may have asked it not to."),
    Reason.OTHER_CAPTURE: gettext_lazy("The archive gives something else than what it named."),
    Reason.UNREADABLE_RECORD: gettext_lazy("What the archive holds there can't be read."),
    Reason.UNREACHABLE: gettext_lazy("The server couldn't be reached, or broke off."),
    Reason.UNREADABLE: gettext_lazy("What came can't be read."),
    Reason.UNRESOLVABLE: gettext_lazy("There is no such host."),
    Reason.UNSEARCHABLE: gettext_lazy("The search can't search for this."),
    Reason.VECTOR_IMAGE: gettext_lazy("Vector drawings aren't compared."),
    Reason.WRONG_DIGEST: gettext_lazy("The bytes don't fit the digest that the archive gives for them."),
    Reason.WALL: gettext_lazy("The site asks visitors to show that they aren't programs."),
}

PASSED: dict[str, Promise] = {
    "continuation": gettext_lazy("Part of a segmented record whose earlier parts were not read."),
    "conversion": gettext_lazy("Not what a server sent, but what was made of it."),
    "no-address": gettext_lazy("The record names no address."),
    "not-http": gettext_lazy("Not an answer of the web."),
    "not-an-image": gettext_lazy("Neither a picture nor a page."),
    "revisit": gettext_lazy("It repeats a record that holds no picture, or that isn't among those read before it."),
}
"""Reasons why records of web archives are skipped."""
LEFT_OUT: dict[str, Promise] = {
    LeftOut.ADDRESSES: gettext_lazy("Addresses: the page or list names more than the crawler takes from one document."),
    LeftOut.CANVASES: gettext_lazy("Drawings made by scripts: too large, or too many on one page."),
    LeftOut.ELEMENTS: gettext_lazy("Parts of rendered pages: the pages have more elements than the crawler examines."),
    LeftOut.ENTRIES: gettext_lazy("Entries of sitemaps, lists and feeds without a usable address."),
    LeftOut.FRAMES: gettext_lazy("Embedded frames: nested too deeply, or not readable."),
    LeftOut.PAGE_ENDS: gettext_lazy("Ends of rendered pages that are too long."),
    LeftOut.SCRIPTS: gettext_lazy("Image addresses in scripts: the page names more than the crawler takes."),
    LeftOut.STYLE_SHEETS: gettext_lazy("Style sheets: the page links or imports more than the crawler reads."),
    LeftOut.UNREAD_SHEETS: gettext_lazy("Style sheets that could not be fetched or read."),
}
"""Sentences for the counters of :class:`crawler.reading.limits.LeftOut`."""
ENDS: dict[str, Promise] = {
    "budget-bytes": gettext_lazy("Ended: as many bytes as its budget allows. More was waiting."),
    "budget-hosts": gettext_lazy("Ended: as many hosts as its budget allows. More was waiting."),
    "budget-images": gettext_lazy("Ended: as many pictures as its budget allows. More was waiting."),
    "budget-pages": gettext_lazy("Ended: as many pages as its budget allows. More was waiting."),
    "budget-seconds": gettext_lazy("Ended: as long as its budget allows. More was waiting."),
    "finished": gettext_lazy("Finished: all of it was looked at."),
    "stopped": gettext_lazy("Stopped by a person."),
}
OUTCOMES: dict[str, Promise] = {
    "key": gettext_lazy("It doesn't accept the key. Give it another one."),
    "no-key": gettext_lazy("There is no key for it."),
    "no-price": gettext_lazy("What it costs isn't known in the currency of the watch's money."),
    "no-works": gettext_lazy("There is no work to ask for."),
    "no-consent": gettext_lazy("You haven't allowed it to be sent copies of your works."),
    "no-service": gettext_lazy("Your operator no longer offers it."),
    "more": gettext_lazy("It names more than a run takes. The next run goes on from here."),
    "nothing": gettext_lazy("It names no picture. Check the spelling of the domain, or give it more time."),
    "quota": gettext_lazy("The searches of the key are used up. The next run goes on from here."),
}
SPENT: dict[str, Promise] = {
    RUN: gettext_lazy("The money of a run is used up: %(spent)s of %(limit)s. Searches that remain: %(left)s."),
    MONTH: gettext_lazy("The month's money is used up: %(spent)s of %(limit)s. Searches that remain: %(left)s."),
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
        return in_words(row.error) if row.error else _("It didn't answer, again and again.")
    if row.put_off and row.error:
        return _("%(why)s It is asked again by itself.") % {"why": in_words(row.error)}
    return ""


def spending_in_words(crawl: Crawl) -> str:
    """Describe the cost of a run and of its watch's month, where prices are known; empty if nothing was counted."""
    if not (run := spent_of(of_run(crawl.pk))):
        return ""
    figures = {"run": amounts(run), "month": amounts(spent_of(of_month(crawl.watch_id)))}
    return _("Spent in this run: %(run)s; this month: %(month)s.") % figures


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
        return _("The server had a fault (status %(status)s).") % {"status": reason[5:]}
    if reason.startswith("http-"):
        return _("The server answered with status %(status)s.") % {"status": reason[5:]}
    return in_words(sentence) or reason


def not_asked_in_words(crawl: Crawl) -> list[str]:
    """List how many known pages a run skipped, by reason."""
    return [counted(pages, why) for why, pages in sorted(crawl.not_asked.items())]


def end_in_words(reason: str) -> str:
    """Describe why a crawl ended, or that it is under way."""
    return str(ENDS.get(reason, reason)) if reason else _("Under way")

"""Why a crawl refused an address or ended, in the reader's words."""

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from registry.models import Inquiry, StepState

REASONS: dict[str, Promise] = {
    "bad-encoding": gettext_lazy("How the server packed its answer can't be undone."),
    "bad-url": gettext_lazy("The address can't be read."),
    "blocked": gettext_lazy("The operator's blocklist names this picture."),
    "broke-off": gettext_lazy("The crawler broke off again and again while it visited this address."),
    "budget": gettext_lazy("The run had used up its budget."),
    "crawl-delay": gettext_lazy("The site's robots.txt asks for longer pauses than this watch makes."),
    "credentials": gettext_lazy("The address carries a user name or a password."),
    "denied-host": gettext_lazy("The site isn't visited, by the operator's list."),
    "empty": gettext_lazy("The server sent no bytes."),
    "error": gettext_lazy("The crawler couldn't handle the answer."),
    "http-401": gettext_lazy("The server asks for a password."),
    "http-403": gettext_lazy("The server refused us."),
    "http-404": gettext_lazy("There is nothing at this address."),
    "http-410": gettext_lazy("What was at this address is gone for good."),
    "http-429": gettext_lazy("The server asked us to come less often."),
    "http-451": gettext_lazy("The server may not show it for legal reasons."),
    "incomplete": gettext_lazy("The server broke off before everything had come."),
    "link": gettext_lazy("Links and special files in a folder aren't read."),
    "not-a-page": gettext_lazy("There is no page at this address."),
    "not-an-image": gettext_lazy("What came isn't a picture."),
    "out-of-scope": gettext_lazy("The address leads to a site outside this watch."),
    "port": gettext_lazy("The address names a port that isn't visited."),
    "private-address": gettext_lazy("The address isn't on the public internet."),
    "redirects": gettext_lazy("The server redirects too often."),
    "retry-after": gettext_lazy("The server asked to be left alone for a longer time."),
    "robots": gettext_lazy("The site's robots.txt forbids it, or couldn't be read."),
    "scheme": gettext_lazy("The address isn't one of the web."),
    "tdm-reserved": gettext_lazy("The site reserves it against text and data mining."),
    "timeout": gettext_lazy("The server took too long."),
    "too-large": gettext_lazy("There are more bytes than are taken."),
    "too-many-bytes": gettext_lazy("There are more bytes than are taken."),
    "too-many-redirects": gettext_lazy("The server redirects too often."),
    "too-slow": gettext_lazy("The server took too long."),
    "unreachable": gettext_lazy("The server couldn't be reached, or broke off."),
    "unreadable": gettext_lazy("What came can't be read."),
    "unresolvable": gettext_lazy("There is no such host."),
    "unsearchable": gettext_lazy("The search can't search for this."),
    "vector-image": gettext_lazy("Vector drawings aren't compared."),
}

ENDS: dict[str, Promise] = {
    "budget-bytes": gettext_lazy("Ended: as many bytes as its budget allows. More was waiting."),
    "budget-hosts": gettext_lazy("Ended: as many hosts as its budget allows. More was waiting."),
    "budget-images": gettext_lazy("Ended: as many pictures as its budget allows. More was waiting."),
    "budget-pages": gettext_lazy("Ended: as many pages as its budget allows. More was waiting."),
    "budget-seconds": gettext_lazy("Ended: as long as its budget allows. More was waiting."),
    "finished": gettext_lazy("Finished: nothing was left to visit."),
    "stopped": gettext_lazy("Stopped by a person."),
}


OUTCOMES: dict[str, Promise] = {
    "key": gettext_lazy("It doesn't accept the key. Give it another one."),
    "no-key": gettext_lazy("There is no key for it."),
    "no-consent": gettext_lazy("You haven't allowed it to be sent copies of your works."),
    "no-service": gettext_lazy("Your operator no longer offers it."),
    "quota": gettext_lazy("The searches of the key are used up. The next run goes on from here."),
}


def inquiry_in_words(row: Inquiry) -> str:
    """How asking a search stands; empty while it goes on, and when all was asked for."""
    if row.outcome in OUTCOMES:
        return str(OUTCOMES[row.outcome])
    if row.state == StepState.FAILED:
        return _("It didn't answer, again and again.")
    if row.put_off and row.error:
        return _("It asks to be asked later, or didn't answer. It is asked again by itself.")
    return ""


def refusal_in_words(reason: str, sentence: str = "") -> str:
    """Why an address wasn't fetched or kept; in the crawl's own sentence where its word has none here."""
    if reason in REASONS:
        return str(REASONS[reason])
    if reason.startswith("http-5"):
        return _("The server had a fault (status %(status)s).") % {"status": reason[5:]}
    if reason.startswith("http-"):
        return _("The server answered with status %(status)s.") % {"status": reason[5:]}
    return sentence or reason


def end_in_words(reason: str) -> str:
    """Why a crawl ended; one that goes on is said to be under way."""
    return str(ENDS.get(reason, reason)) if reason else _("Under way")

"""Words of the notices' pages: kinds, questions, answers, states and terms, in the reader's language."""

from collections import Counter
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from desk.texts.numbers import grouped
from registry.cases.recaptures import Standing
from registry.models import Notice, NoticeReply
from workers.notices.contents import NoticeItem

KINDS = {
    Notice.Kind.DMCA: _("Notification to a provider's agent, 17 U.S.C. § 512(c)(3)"),
    Notice.Kind.DSA: _("Notice to a hosting service, Digital Services Act, Art. 16"),
    Notice.Kind.PRC: _("Notice to a network service provider, PRC Civil Code, Art. 1195"),
    Notice.Kind.OFFER: _("Offer of a licence"),
}
FOR_WHOM = {
    Notice.Kind.DMCA: _(
        "In English, to providers in the United States; six elements, and four questions about fair use for each case."
    ),
    Notice.Kind.DSA: _(
        "In English, to a host in the European Union; with the reasons, exact addresses and the licence check."
    ),
    Notice.Kind.PRC: _("In Chinese, to a provider in mainland China; with identity and preliminary evidence."),
    Notice.Kind.OFFER: _("A friendly letter to the party itself."),
}
LANGUAGES = {"en": _("English"), "zh-Hans": _("Chinese")}

_PURPOSES = (
    ("commercial", _("To sell or to advertise something")),
    ("plain", _("To be looked at or to decorate; nothing is said about it")),
    ("comment", _("To comment, criticise, report, teach, or as a parody")),
)
_NATURES = (
    ("creative", _("Creative: composed, lit, invented")),
    ("factual", _("Mostly factual: it records something")),
)
_AMOUNTS = (
    ("whole", _("All or nearly all of it")),
    ("part", _("A part, and the heart of it")),
    ("little", _("A small part, or too small to replace it")),
)
_MARKETS = (
    ("replaces", _("It stands in the place of a licence that could be had")),
    ("none", _("No effect that can be seen")),
    ("unclear", _("That can't be told from here")),
)
QUESTIONS = (
    ("purpose", _("What is the picture used for there?"), _PURPOSES),
    ("nature", _("What kind of work is it?"), _NATURES),
    ("amount", _("How much of the work is used?"), _AMOUNTS),
    ("market", _("What does the use do to the market for the work?"), _MARKETS),
)
"""17 U.S.C. 107, in plain words; nothing is chosen before the signer chooses."""

STATES = {
    Notice.State.DRAFT: _("draft"),
    Notice.State.SIGNED: _("signed, not sent"),
    Notice.State.SENT: _("sent"),
    Notice.State.ANSWERED: _("answered"),
    Notice.State.COUNTERED: _("counter-notice came, cases paused"),
    Notice.State.REMOVED: _("removed"),
    Notice.State.ONLINE: _("still online"),
    Notice.State.RESOLVED: _("resolved"),
    Notice.State.DISCARDED: _("discarded"),
}
HAPPENED = {
    Notice.State.ANSWERED: _("They answered"),
    Notice.State.COUNTERED: _("A counter-notice or a statement that nothing is wrong came"),
    Notice.State.REMOVED: _("They removed it"),
    Notice.State.ONLINE: _("It is still online"),
    Notice.State.RESOLVED: _("It is resolved"),
}
REPLIES = {
    NoticeReply.Kind.LICENCE: _("There is a licence, or another permission"),
    NoticeReply.Kind.CREDIT: _("The credit has been corrected"),
    NoticeReply.Kind.DISPUTE: _("I see it differently"),
    NoticeReply.Kind.OFFER: _("Please make an offer"),
}
EVENTS = {
    "reply": _("an answer came on its page"),
    "reply seen": _("the answers were read"),
    "drafted": _("drafted"),
    "signed": _("signed"),
    "taken back": _("signature taken back"),
    "discarded": _("discarded"),
    "not left": _("the mail hasn't left, a person says"),
    **{str(state): words for state, words in STATES.items() if state not in ("draft", "signed", "discarded")},
}
WAYS = {"mail": _("by mail"), "by hand": _("by a person, outside of Exhibit")}
DUE = {
    "reminder": _("Look whether something has happened: a reminder of ours, no term of law."),
    "dmca-counter": _(
        "Tenth business day after the counter-notice: the material may be put back unless the provider is told before "
        "that you have sued (17 U.S.C. § 512(g)(2)(C)). Holidays aren't counted here."
    ),
    "prc-statement": _(
        "Fifteen days after the statement arrived: on an e-commerce platform measures end unless a complaint or a suit "
        "is reported by then (E-Commerce Law, Art. 43); elsewhere within a reasonable time (Civil Code, Art. 1196)."
    ),
    "dsa-complaint": _(
        "Six months after the decision: until then you may complain to the platform (DSA, Art. 20; not to micro and "
        "small ones)."
    ),
}
STANDINGS = {
    Standing.ONLINE: _("%(n)s still online"),
    Standing.HIDDEN: _("%(n)s still there as a file, which the page doesn't show"),
    Standing.CHANGED: _("%(n)s changed"),
    Standing.UNSEEN: _("%(n)s couldn't be seen"),
    None: _("%(n)s not visited yet"),
    Standing.REMOVED: _("%(n)s removed"),
}


def standings(item: NoticeItem) -> tuple[list[str], datetime | None]:
    """How many places of a case stand how, as the last visits found them, and when the last of them was."""
    counts = Counter(place.standing for place in item.places if place.licence is None)
    told = [words % {"n": grouped(counts[standing])} for standing, words in STANDINGS.items() if counts[standing]]
    if licensed := sum(1 for place in item.places if place.licence is not None):
        covered = {"n": grouped(licensed), "numbers": _(", ").join(map(str, item.licences))}
        told.append(_("%(n)s covered by licence %(numbers)s and not listed") % covered)
    return told, max((place.visited for place in item.places if place.visited is not None), default=None)

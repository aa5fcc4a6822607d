"""Texts of the notice pages: kinds, questions, answers, states and deadlines."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import get_language_info, gettext, gettext_lazy as _, ngettext

from desk.texts.numbers import grouped
from exhibit.network.addresses import with_letters
from registry.cases.licence_check import country_of
from registry.cases.recaptures import Standing
from registry.models import Notice, NoticeReply
from registry.notices.addressees import Proposal
from registry.notices.contents import NoticeItem
from registry.notices.notices import LANGUAGES as LANGUAGES_OF_KINDS
from registry.notices.senders import FIELDS

KINDS = {
    Notice.Kind.DMCA: _("DMCA takedown notice to a US provider's agent, 17 U.S.C. § 512(c)(3)"),
    Notice.Kind.DSA: _("Notice to a hosting service, Digital Services Act, Art. 16"),
    Notice.Kind.PRC: _("Notice to a network service provider, PRC Civil Code, Art. 1195"),
    Notice.Kind.OFFER: _("Offer of a licence"),
    Notice.Kind.CEASE: _("Formal demand to the party"),
    Notice.Kind.CCB: _("Claim for the Copyright Claims Board, 17 U.S.C. § 1506"),
    Notice.Kind.COURT: _("Complaint for a Chinese basic court, with parties and list of evidence"),
}
DEMANDS_BY_LANGUAGE = {
    "de": _("Formal demand: Abmahnung (§ 97a UrhG)"),
    "fr": _("Formal demand: mise en demeure (art. 1344 code civil)"),
}
"""Name of a formal demand in the law of its language."""
FOR_WHOM = {
    Notice.Kind.DMCA: _(
        "In English, to providers in the United States; six elements, and four questions about fair use for each case."
    ),
    Notice.Kind.DSA: _("To a host in the European Union; with the reasons, exact addresses and the licence check."),
    Notice.Kind.PRC: _("In Chinese, to a provider in mainland China; with identity and preliminary evidence."),
    Notice.Kind.OFFER: _("A friendly letter to the party itself."),
    Notice.Kind.CEASE: _(
        "In German or French, to the party itself, with the fields that the law names and no threat. Counsel reads it "
        "before it is signed: one that lacks something, or isn't justified, may cost whoever sends it."
    ),
    Notice.Kind.CCB: _(
        "What you enter in the Board's system: for registered works, or works whose registration is applied for, and a "
        "respondent in the United States; sums up to $30,000."
    ),
    Notice.Kind.COURT: _(
        "In Chinese, to be signed, or stamped, by hand and filed; since November 2025 such cases go to ordinary basic "
        "courts (Fa Shi [2025] No. 14)."
    ),
}
LANGUAGES = {"en": _("English"), "de": _("German"), "fr": _("French"), "zh-Hans": _("Chinese")}
SPOKEN = {
    "AT": "de", "BE": "nl fr de", "BG": "bg", "CY": "el", "CZ": "cs", "DE": "de", "DK": "da", "EE": "et", "ES": "es",
    "FI": "fi sv", "FR": "fr", "GR": "el", "HR": "hr", "HU": "hu", "IE": "en ga", "IT": "it", "LT": "lt",
    "LU": "fr de", "LV": "lv", "MT": "en", "NL": "nl", "PL": "pl", "PT": "pt", "RO": "ro", "SE": "sv", "SI": "sl",
    "SK": "sk",
}  # fmt: skip
"""Official languages of the EU member states (ISO 639-1), by ISO 3166-1 code."""

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
"""Questions under 17 U.S.C. 107 in plain language. Nothing is preselected."""

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
ARRIVED = _("signed and answered; nobody has said that it was sent")
"""State of a notice that was signed and answered: it has arrived, even if its sending was not recorded."""
HAPPENED = {
    Notice.State.ANSWERED: _("They answered"),
    Notice.State.COUNTERED: _("A counter-notice or a statement that nothing is wrong came"),
    Notice.State.REMOVED: _("They removed it"),
    Notice.State.ONLINE: _("It is still online"),
    Notice.State.RESOLVED: _("It is resolved"),
}
FILED = {
    Notice.State.ANSWERED: _("The board or the court answered: it may go on"),
    Notice.State.REMOVED: HAPPENED[Notice.State.REMOVED],
    Notice.State.ONLINE: HAPPENED[Notice.State.ONLINE],
    Notice.State.RESOLVED: _("It is over: decided, settled, withdrawn, or the respondent opted out"),
}
"""Outcomes of filings with a board or a court."""
REPLIES = {
    NoticeReply.Kind.REMOVED: _("I have taken it down"),
    NoticeReply.Kind.LICENCE: _("I have a licence"),
    NoticeReply.Kind.OFFER: _("I want to license it"),
    NoticeReply.Kind.CREDIT: _("The credit has been corrected"),
    NoticeReply.Kind.DISPUTE: _("I see it differently"),
}
PLAIN_REPLIES = (NoticeReply.Kind.REMOVED, NoticeReply.Kind.LICENCE, NoticeReply.Kind.OFFER)
"""The most common replies. The others are shown below."""
NEXT = {
    NoticeReply.Kind.REMOVED: _("The pages will be visited again. What is seen there is told here and to {owner}."),
    NoticeReply.Kind.LICENCE: _("{owner} reads it and compares it with its own records."),
    NoticeReply.Kind.OFFER: _(
        "{owner} reads it and writes to you: where you said that you can be reached, or where the letter went."
    ),
    NoticeReply.Kind.CREDIT: _("{owner} reads it and looks at the page."),
    NoticeReply.Kind.DISPUTE: _("{owner} reads it. Nobody has decided anything by it."),
}
"""What happens after each reply, as shown to its sender."""
EVENTS = {
    "reply": _("an answer came on its page"),
    "withdrawn": _("an answer was taken back on its page before it was read"),
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
    "court-filing": _(
        "Seven days after it was filed: by then a court registers a complaint that meets the conditions, or rules that "
        "it doesn't (Civil Procedure Law, Art. 126)."
    ),
    "ccb-service": _(
        "Ninety days after the Board said that the claim may be served: by then the proof of service is filed "
        "(17 U.S.C. § 1506(g)). After service the respondent has sixty days to opt out."
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


def kind_in_words(kind: str, language: str) -> Promise:
    """Return the name of a notice's kind; a formal demand is named by the law of its language."""
    legal_name = DEMANDS_BY_LANGUAGE.get(language) if kind == Notice.Kind.CEASE else None
    return legal_name or KINDS[Notice.Kind(kind)]


def asks(row: Notice, cases: int) -> str:
    """Summarise a notice's request in one sentence. Ownership is presented as the owner's claim."""
    if row.kind == Notice.Kind.OFFER:
        sentence = ngettext(
            "%(party)s shows a picture in which %(owner)s claims rights. %(owner)s knows of no licence for it, and "
            "asks you to name one, to take one, or to take the picture down.",
            "%(party)s shows %(n)s pictures in which %(owner)s claims rights. %(owner)s knows of no licence for them, "
            "and asks you to name one, to take one, or to take the pictures down.",
            cases,
        )
    else:
        sentence = ngettext(
            "%(owner)s claims rights in a picture that %(party)s shows, states that it has not permitted this, and "
            "asks you to take the picture down or to say what permits it.",
            "%(owner)s claims rights in %(n)s pictures that %(party)s shows, states that it has not permitted this, "
            "and asks you to take the pictures down or to say what permits them.",
            cases,
        )
    return sentence % {"owner": row.owner.name, "party": with_letters(row.party), "n": grouped(cases)}


def state_of(row: Notice) -> str:
    """Return the state of a notice annotated by :func:`registry.notices.notices.with_answers`."""
    state = str(ARRIVED if row.state == Notice.State.SIGNED and row.answered else STATES[Notice.State(row.state)])
    refuted = gettext("%(state)s; said to be taken down, still online at the last visit")
    return refuted % {"state": state} if row.refuted else state


def standings(item: NoticeItem) -> tuple[list[str], datetime | None]:
    """Count a case's places by state at the last visits, with the time of the latest."""
    counts = Counter(place.standing for place in item.places if place.licence is None)
    counts_in_words = [
        words % {"n": grouped(counts[standing])} for standing, words in STANDINGS.items() if counts[standing]
    ]
    if licensed := sum(1 for place in item.places if place.licence is not None):
        covered = {"n": grouped(licensed), "numbers": _(", ").join(map(str, item.licences))}
        counts_in_words.append(_("%(n)s covered by licence %(numbers)s and not listed") % covered)
    return counts_in_words, max((place.visited for place in item.places if place.visited is not None), default=None)


SENDER = (
    ("name", _("Who signs"), None, "name"),
    ("capacity", _("In what capacity"), None, None),
    ("address", _("Address"), None, "street-address"),
    ("telephone", _("Telephone"), "tel", "tel"),
    ("email", _("E-mail"), "email", "email"),
    ("organisation", _("Organisation"), None, "organization"),
    ("representative", _("Legal representative and position"), None, None),
    ("code", _("Unified social credit code"), None, None),
)
"""Sender fields: name, label, input type and autocomplete token. The last two are for China."""


def sender_fields(
    values: Mapping[str, Any], prefix: str = "", *, chinese: bool = True
) -> list[tuple[str, str, object, str | None, str | None, int]]:
    """Return the sender's form fields: name, label, value, type, autocomplete token, maximum length."""
    return [
        (f"{prefix}{name}", str(label), values.get(f"{prefix}{name}", ""), kind, filled, FIELDS[name])
        for name, label, kind, filled in (SENDER if chinese else SENDER[:-2])
    ]


def spoken_in(notice: Notice) -> dict[str, object]:
    """Return the country and its languages for a notice to a host in the EU, as entered or by the host's TLD."""
    if notice.kind != Notice.Kind.DSA:
        return {}
    country = str(notice.fields.get("addressee_country") or country_of(notice.party.split("/")[0])).upper()
    spoken = SPOKEN.get(country, "").split()
    others = {code: name for code, name in LANGUAGES.items() if code in LANGUAGES_OF_KINDS[Notice.Kind.DSA]}
    return {
        "country": country,
        "countries": [(None, "–"), *((code, code) for code in SPOKEN)],
        "spoken": gettext(", ").join(str(get_language_info(code)["name_translated"]) for code in spoken),
        "fits": notice.language in spoken,
        "languages": [(code, name) for code, name in others.items() if code in spoken and code != notice.language],
    }


def found_at(one: Proposal) -> str:
    """Describe the source of a possible addressee, and its reliability."""
    values = {"source": one.source, "day": one.day and date_format(one.day, "DATE_FORMAT")}
    if one.kind == "table":
        own = gettext(
            "From the platform's own page %(source)s, written down on %(day)s. Look whether it still says so."
        )
        others = gettext("From what others write at %(source)s, written down on %(day)s. Check it first.")
        return (own if one.first_hand else others) % values
    if one.kind == "rdap":
        return gettext("For complaints, as the registry %(source)s said on %(day)s (RDAP). Check it first.") % values
    if one.kind == "page":
        return gettext("A guess: it stands on the captured page {source}.").format(**values)
    if one.kind == "link":
        return gettext("A guess: the address of a page that a crawl met and that may say whom to write to.")
    return gettext("The Copyright Office's directory of designated agents. Look the provider up there.")

"""Texts of the notice pages: notice types, questions, answers, states and deadlines."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import get_language_info, gettext, gettext_lazy as _, ngettext

from desk.texts.numbers import grouped
from exhibit.network.addresses import format_host
from registry.cases.licence_check import get_country
from registry.cases.recaptures import PlaceState
from registry.models import Notice, NoticeReply
from registry.notices.addressees import AddresseeProposal
from registry.notices.contents import NoticeItem
from registry.notices.notices import LANGUAGES as LANGUAGES_OF_KINDS
from registry.notices.senders import MAX_FIELD_LENGTHS

KIND_LABELS = {
    Notice.Kind.DMCA: _("DMCA takedown notice to the designated agent of a US provider, 17 U.S.C. § 512(c)(3)"),
    Notice.Kind.DSA: _("Notice to a hosting service, Digital Services Act, Art. 16"),
    Notice.Kind.PRC: _("Notice to a network service provider, PRC Civil Code, Art. 1195"),
    Notice.Kind.OFFER: _("Licence offer"),
    Notice.Kind.CEASE: _("Formal demand to the site"),
    Notice.Kind.CCB: _("Claim before the US Copyright Claims Board, 17 U.S.C. § 1506"),
    Notice.Kind.COURT: _("Complaint to a basic people's court in China, with parties and list of evidence"),
}
DEMANDS_BY_LANGUAGE = {
    "de": _("Formal demand: Abmahnung (§ 97a UrhG)"),
    "fr": _("Formal demand: mise en demeure (art. 1344 code civil)"),
}
"""Name of a formal demand in the law of each language."""
KIND_DESCRIPTIONS = {
    Notice.Kind.DMCA: _(
        "In English, to service providers in the United States: six statutory elements, and four "
        "questions about fair use for each case."
    ),
    Notice.Kind.DSA: _(
        "To a hosting service in the European Union, with the reasons, the exact URLs and the licence check."
    ),
    Notice.Kind.PRC: _(
        "In Chinese, to a service provider in mainland China, with proof of identity and preliminary evidence."
    ),
    Notice.Kind.OFFER: _("A letter to the site itself that offers a licence."),
    Notice.Kind.CEASE: _(
        "In German or French, to the site itself, with the fields required by law and no threats. Have "
        "a lawyer review it before you sign: the sender of an incomplete or unjustified demand may have "
        "to pay costs."
    ),
    Notice.Kind.CCB: _(
        "Text to enter in the Board's filing system. Only for works that are registered or whose "
        "registration has been applied for, a respondent in the United States, and amounts up to "
        "$30,000."
    ),
    Notice.Kind.COURT: _(
        "In Chinese. Sign or stamp it by hand, then file it. Since November 2025, such cases go to "
        "basic courts with jurisdiction over intellectual property instead of the internet courts (Fa "
        "Shi [2025] No. 14)."
    ),
}
LANGUAGES = {"en": _("English"), "de": _("German"), "fr": _("French"), "zh-Hans": _("Chinese")}
OFFICIAL_LANGUAGES = {
    "AT": "de", "BE": "nl fr de", "BG": "bg", "CY": "el", "CZ": "cs", "DE": "de", "DK": "da", "EE": "et", "ES": "es",
    "FI": "fi sv", "FR": "fr", "GR": "el", "HR": "hr", "HU": "hu", "IE": "en ga", "IT": "it", "LT": "lt",
    "LU": "fr de", "LV": "lv", "MT": "en", "NL": "nl", "PL": "pl", "PT": "pt", "RO": "ro", "SE": "sv", "SI": "sl",
    "SK": "sk",
}  # fmt: skip
"""Official languages of the EU member states (ISO 639-1), by ISO 3166-1 code."""

_PURPOSES = (
    ("commercial", _("Selling or advertising something")),
    ("plain", _("Illustration or decoration, without comment on the work")),
    ("comment", _("Comment, criticism, news reporting, teaching or parody")),
)
_NATURES = (
    ("creative", _("Creative: composed, lit or invented")),
    ("factual", _("Mostly factual: it documents something")),
)
_AMOUNTS = (
    ("whole", _("All or nearly all of the work")),
    ("part", _("A part that is the heart of the work")),
    ("little", _("A small part, or a copy too small to replace the work")),
)
_MARKETS = (
    ("replaces", _("Replaces a licence that could have been obtained")),
    ("none", _("No visible effect")),
    ("unclear", _("Cannot be determined from the case")),
)
QUESTIONS = (
    ("purpose", _("For what purpose is the picture used?"), _PURPOSES),
    ("nature", _("What kind of work is it?"), _NATURES),
    ("amount", _("How much of the work is used?"), _AMOUNTS),
    ("market", _("How does the use affect the market for the work?"), _MARKETS),
)
"""Questions under 17 U.S.C. 107 in plain language. Nothing is preselected."""

STATE_LABELS = {
    Notice.State.DRAFT: _("draft"),
    Notice.State.SIGNED: _("signed, not sent"),
    Notice.State.SENT: _("sent"),
    Notice.State.ANSWERED: _("answered"),
    Notice.State.COUNTERED: _("counter-notice received, cases paused"),
    Notice.State.REMOVED: _("removed"),
    Notice.State.ONLINE: _("still online"),
    Notice.State.RESOLVED: _("resolved"),
    Notice.State.DISCARDED: _("discarded"),
}
SIGNED_AND_ANSWERED_LABEL = _("signed and answered; sending was not recorded")
"""State of a signed notice with a reply: it was delivered, even if no member recorded that it was sent."""
OUTCOME_LABELS = {
    Notice.State.ANSWERED: _("Reply received"),
    Notice.State.COUNTERED: _("Counter-notice or statement of non-infringement received"),
    Notice.State.REMOVED: _("Removed by the site"),
    Notice.State.ONLINE: _("Still online"),
    Notice.State.RESOLVED: _("Resolved"),
}
FILING_OUTCOME_LABELS = {
    Notice.State.ANSWERED: _("The Board or the court responded: the proceedings may continue"),
    Notice.State.REMOVED: OUTCOME_LABELS[Notice.State.REMOVED],
    Notice.State.ONLINE: OUTCOME_LABELS[Notice.State.ONLINE],
    Notice.State.RESOLVED: _("Closed: decided, settled, withdrawn, or the respondent opted out"),
}
"""Outcomes of filings with a board or a court."""
REPLY_LABELS = {
    NoticeReply.Kind.REMOVED: _("I have removed the content"),
    NoticeReply.Kind.LICENCE: _("I have a licence"),
    NoticeReply.Kind.OFFER: _("I want to obtain a licence"),
    NoticeReply.Kind.CREDIT: _("The credit has been corrected"),
    NoticeReply.Kind.DISPUTE: _("I disagree"),
}
COMMON_REPLIES = (NoticeReply.Kind.REMOVED, NoticeReply.Kind.LICENCE, NoticeReply.Kind.OFFER)
"""Most common replies. The form lists the others below them."""
NEXT_STEPS = {
    NoticeReply.Kind.REMOVED: _("Exhibit will visit the pages again. The results are shown here and sent to {owner}."),
    NoticeReply.Kind.LICENCE: _("{owner} will read your reply and compare it with its own records."),
    NoticeReply.Kind.OFFER: _(
        "{owner} will read your reply and contact you using the contact details you gave, or at the "
        "address to which the notice was sent."
    ),
    NoticeReply.Kind.CREDIT: _("{owner} will read your reply and check the page."),
    NoticeReply.Kind.DISPUTE: _("{owner} will read your reply. No decision has been made."),
}
"""Next step after each type of reply, as shown to the sender of the reply."""
EVENT_LABELS = {
    "reply": _("reply received on the notice's web page"),
    "withdrawn": _("reply on the web page withdrawn before it was read"),
    "reply seen": _("replies read"),
    "drafted": _("drafted"),
    "signed": _("signed"),
    "taken back": _("signature withdrawn"),
    "discarded": _("discarded"),
    "not left": _("recorded by a member: the email was not sent"),
    **{str(state): words for state, words in STATE_LABELS.items() if state not in ("draft", "signed", "discarded")},
}
SENDING_LABELS = {"mail": _("by email"), "by hand": _("sent outside Exhibit by a person")}
DUE_LABELS = {
    "reminder": _(
        "Check whether the addressee has replied. This date is a reminder set by Exhibit, not a legal deadline."
    ),
    "dmca-counter": _(
        "Tenth business day after the counter-notice: the provider may restore the material unless you "
        "have informed it by then that you have sued (17 U.S.C. § 512(g)(2)(C)). Public holidays are "
        "not taken into account."
    ),
    "prc-statement": _(
        "Fifteen days after the statement arrived: an e-commerce platform ends its measures unless it "
        "has been informed of a complaint or lawsuit by then (E-Commerce Law, Art. 43). Other providers "
        "end them after a reasonable time (Civil Code, Art. 1196)."
    ),
    "court-filing": _(
        "Seven days after filing: within this period, the court must register a complaint that meets "
        "the conditions, or rule that it does not accept the complaint (Civil Procedure Law, Art. 126)."
    ),
    "ccb-service": _(
        "Ninety days after the Board approved the claim for service: the proof of service must be filed "
        "by then (17 U.S.C. § 1506(g)). After service the respondent has sixty days to opt out."
    ),
    "dsa-complaint": _(
        "Six months after the decision: until then you may complain to the platform (DSA, Art. 20; does "
        "not apply to micro and small platforms)."
    ),
}
STATUS_TEMPLATES = {
    PlaceState.ONLINE: _("%(n)s still online"),
    PlaceState.NOT_SHOWN: _("%(n)s no longer shown on the page, file still online"),
    PlaceState.CHANGED: _("%(n)s changed"),
    PlaceState.UNSEEN: _("%(n)s could not be visited"),
    None: _("%(n)s not visited yet"),
    PlaceState.REMOVED: _("%(n)s removed"),
}


def describe_kind(kind: str, language: str) -> Promise:
    """Return the name of a notice type. A formal demand has the name used in the law of its language."""
    legal_name = DEMANDS_BY_LANGUAGE.get(language) if kind == Notice.Kind.CEASE else None
    return legal_name or KIND_LABELS[Notice.Kind(kind)]


def summarize_request(row: Notice, cases: int) -> str:
    """Summarise a notice's request in one sentence. Ownership is presented as the owner's claim."""
    if row.kind == Notice.Kind.OFFER:
        sentence = ngettext(
            "%(party)s shows a picture in which %(owner)s claims rights. %(owner)s knows of no licence for "
            "this use and asks you to identify your licence, to obtain a licence, or to remove the picture.",
            "%(party)s shows %(n)s pictures in which %(owner)s claims rights. %(owner)s knows of no licence "
            "for these uses and asks you to identify your licence, to obtain a licence, or to remove the "
            "pictures.",
            cases,
        )
    else:
        sentence = ngettext(
            "%(owner)s claims rights in a picture that %(party)s shows, states that it has not permitted "
            "this use, and asks you to remove the picture or to explain what permits the use.",
            "%(owner)s claims rights in %(n)s pictures that %(party)s shows, states that it has not "
            "permitted these uses, and asks you to remove the pictures or to explain what permits the uses.",
            cases,
        )
    return sentence % {"owner": row.owner.name, "party": format_host(row.party), "n": grouped(cases)}


def describe_state(row: Notice) -> str:
    """Describe the state of a notice annotated by :func:`registry.notices.notices.annotate_replies`."""
    state = str(
        SIGNED_AND_ANSWERED_LABEL
        if row.state == Notice.State.SIGNED and row.answered
        else STATE_LABELS[Notice.State(row.state)]
    )
    template = gettext("%(state)s; reported as removed, still online at the last visit")
    return template % {"state": state} if row.refuted else state


def count_page_statuses(item: NoticeItem) -> tuple[list[str], datetime | None]:
    """Return the numbers of a case's pages by status at the last visit, as texts, and the time of the latest visit."""
    counts = Counter(place.standing for place in item.places if place.licence is None)
    count_texts = [
        template % {"n": grouped(counts[status])} for status, template in STATUS_TEMPLATES.items() if counts[status]
    ]
    if licensed := sum(1 for place in item.places if place.licence is not None):
        values = {"n": grouped(licensed), "numbers": _(", ").join(map(str, item.licences))}
        count_texts.append(_("%(n)s covered by licence %(numbers)s and not listed") % values)
    return count_texts, max((place.visited for place in item.places if place.visited is not None), default=None)


SENDER_FIELDS = (
    ("name", _("Signer"), None, "name"),
    ("capacity", _("Capacity"), None, None),
    ("address", _("Address"), None, "street-address"),
    ("telephone", _("Telephone"), "tel", "tel"),
    ("email", _("Email"), "email", "email"),
    ("organisation", _("Organisation"), None, "organization"),
    ("representative", _("Legal representative and position"), None, None),
    ("code", _("Unified social credit code"), None, None),
)
"""Sender fields: name, label, input type and autocomplete token. The last two are for China."""


def build_sender_fields(
    values: Mapping[str, Any], prefix: str = "", *, is_chinese: bool = True
) -> list[tuple[str, str, object, str | None, str | None, int]]:
    """Return the sender's form fields: name, label, value, type, autocomplete token, maximum length."""
    return [
        (f"{prefix}{name}", str(label), values.get(f"{prefix}{name}", ""), kind, autocomplete, MAX_FIELD_LENGTHS[name])
        for name, label, kind, autocomplete in (SENDER_FIELDS if is_chinese else SENDER_FIELDS[:-2])
    ]


def build_language_choices(notice: Notice) -> dict[str, object]:
    """Return the country (as entered, or by the host's TLD) and its languages, for a notice to a host in the EU."""
    if notice.kind != Notice.Kind.DSA:
        return {}
    country = str(notice.fields.get("addressee_country") or get_country(notice.party.split("/")[0])).upper()
    official_languages = OFFICIAL_LANGUAGES.get(country, "").split()
    supported = {code: name for code, name in LANGUAGES.items() if code in LANGUAGES_OF_KINDS[Notice.Kind.DSA]}
    return {
        "country": country,
        "countries": [(None, "–"), *((code, code) for code in OFFICIAL_LANGUAGES)],
        "spoken": gettext(", ").join(str(get_language_info(code)["name_translated"]) for code in official_languages),
        "fits": notice.language in official_languages,
        "languages": [
            (code, name) for code, name in supported.items() if code in official_languages and code != notice.language
        ],
    }


def describe_source(proposal: AddresseeProposal) -> str:
    """Describe the source of a possible addressee, and the reliability of that source."""
    values = {"source": proposal.source, "day": proposal.day and date_format(proposal.day, "DATE_FORMAT")}
    if proposal.kind == "table":
        first_party = gettext(
            "From the platform's own page %(source)s, recorded on %(day)s. Check that the page still "
            "contains this information."
        )
        third_party = gettext("From a third-party page, %(source)s, recorded on %(day)s. Verify it before you send.")
        return (first_party if proposal.first_hand else third_party) % values
    if proposal.kind == "rdap":
        return (
            gettext("Abuse contact returned by the registry %(source)s on %(day)s (RDAP). Check it before you send.")
            % values
        )
    if proposal.kind == "page":
        return gettext("A guess: the address appears on the captured page {source}.").format(**values)
    if proposal.kind == "link":
        return gettext("A guess: a page found by the crawler that may contain contact details.")
    return gettext("The US Copyright Office's directory of designated agents. Look up the provider there.")

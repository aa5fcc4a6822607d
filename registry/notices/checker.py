"""Checks of a draft before signing. Each missing item names the field it concerns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from registry.notices import enclosures
from registry.notices.contents import FIELDS, QUESTIONS, SPEAK_FOR_FAIR_USE, NoticeItem
from registry.notices.models import Notice, NoticeCase
from registry.notices.notices import FILINGS
from registry.notices.senders import is_credit_code
from registry.services.mail import is_address


@dataclass(frozen=True, slots=True)
class Gap:
    """An item that a draft lacks."""

    at: str  # The field it concerns, or ``case-`` followed by a case number.
    sentence: str  # Addressed to the author of the notice.


def gaps(notice: Notice, items: Sequence[NoticeItem]) -> list[str]:
    """Return a sentence for each item that a draft still lacks before it can be signed."""
    return [gap.sentence for gap in missing(notice, items)]


def missing(notice: Notice, items: Sequence[NoticeItem]) -> list[Gap]:
    """Return the items that a draft lacks, each with its field."""
    fields, items_missing = {name: str(notice.fields.get(name, "")).strip() for name in FIELDS}, []
    needed = {
        "addressee_name": _("Enter the addressee."),
        "sender_name": _("Enter the name of the signer."),
        "sender_capacity": _("Enter the capacity of the signer, for example rights holder or authorised agent."),
        "sender_email": _("Enter an email address of the signer."),
    }
    if notice.kind == Notice.Kind.CEASE:
        needed["sender_address"] = _("Enter the signer's address.")
        needed["undertaking"] = _(
            "State whether you request an undertaking, and whether it goes considerably beyond the alleged "
            "infringement."
        )
    if notice.kind in (Notice.Kind.DMCA, Notice.Kind.PRC, *FILINGS):
        needed["sender_address"] = _("Enter the signer's address.")
        needed["sender_telephone"] = _("Enter the signer's telephone number.")
    if notice.kind in FILINGS:
        needed |= _needed_to_file(notice, fields)
    items_missing += [Gap(name, sentence) for name, sentence in needed.items() if sentence and not fields[name]]
    if fields["sender_code"] and not is_credit_code(fields["sender_code"]):
        wrong = _(
            "This is not a valid unified social credit code. It has 18 characters, and the last one is a "
            "check character."
        )
        items_missing.append(Gap("sender_code", wrong))
    if notice.kind == Notice.Kind.CCB and fields["amount"]:
        items_missing += _over_the_cap(fields)
    for name in ("addressee_email", "sender_email"):
        if (address := fields[name]) and not is_address(address):
            items_missing.append(Gap(name, _("“%(given)s” is not an email address.") % {"given": address[:100]}))
    bundles = enclosures.bundles_of([item.row.case for item in items]) if notice.kind == Notice.Kind.COURT else {}
    for item in items:
        lacks = _of_case(item, notice, sealed=item.row.case_id in bundles)
        items_missing += [Gap(f"case-{item.row.case.number}", sentence) for sentence in lacks]
    return items_missing


def _needed_to_file(notice: Notice, given: Mapping[str, str]) -> dict[str, str]:
    """Return the additional fields that a board or a court requires."""
    needed = {
        "respondent_name": _("Enter the respondent: a person or an organisation, not a website."),
        "respondent_address": _("Enter the respondent's address."),
        "relief": _("Enter the relief that you request."),
    }
    if notice.kind == Notice.Kind.CCB:
        needed["addressee_name"] = ""
        needed["relief"] = _("Enter the relief that you request, and the harm.")
        needed["facts"] = _("Enter the facts of the use, as far as you know them.")
        needed["smaller"] = _("State whether you request the smaller-claims procedure.")
    else:
        needed["addressee_name"] = _("Enter the name of the court.")
        if given["sender_organisation"]:
            needed["sender_representative"] = _("Enter the organisation's legal representative and the position.")
            needed["sender_code"] = _("Enter the organisation's unified social credit code.")
    return needed


def _over_the_cap(given: Mapping[str, str]) -> list[Gap]:
    """Check that an amount is within the limits of the Copyright Claims Board (17 U.S.C. 1504(e)(1)(D), 1506(z))."""
    most = 5_000 if given["smaller"] == "yes" else 30_000
    digits = given["amount"].replace(",", "").removeprefix("$").strip()
    if digits.isdecimal() and len(digits) < 9 and int(digits) <= most:
        return []
    said = _("Enter the amount in whole US dollars, at most %(most)s for this kind of claim.")
    return [Gap("amount", said % {"most": f"{most:,}"})]


def _of_case(item: NoticeItem, notice: Notice, *, sealed: bool) -> list[str]:
    """Return a sentence for each item that a case of a draft lacks."""
    case, sentences = {"case": item.row.case.number}, []
    if notice.kind == Notice.Kind.DMCA:
        sentences += [sentence % case for sentence in _unconsidered(item.row)]
    if notice.kind == Notice.Kind.CCB and not _registered_in_us(item.row.case.work.registrations):
        said = _(
            "Case %(case)d: enter the work's registration with the US Copyright Office, or the application for it."
        )
        sentences.append(said % case)
    if notice.kind == Notice.Kind.CCB and not item.row.case.work.author:
        sentences.append(
            _("Case %(case)d: declare the author of the work. The Board requires it (37 CFR 222.2).") % case
        )
    if notice.kind == Notice.Kind.COURT and not sealed:
        sentences.append(_("Case %(case)d: no evidence bundle has been sealed yet.") % case)
    if not item.there and item.licences:
        case["licence"] = item.licences[0]
        sentences.append(
            _("Case %(case)d: licence %(licence)d covers the remaining uses. Review the case again.") % case
        )
    elif not item.there:
        sentences.append(_("Case %(case)d: the picture was absent from every page at the last visits.") % case)
    return sentences


def _unconsidered(row: NoticeCase) -> list[str]:
    answers = row.answers
    if any(answers.get(name) not in choices for name, choices in QUESTIONS.items()):
        return [_("Case %(case)d: answer all four fair-use questions.")]
    speaks = any((name, answers[name]) in SPEAK_FOR_FAIR_USE for name in QUESTIONS)
    if speaks and not str(answers.get("words", "")).strip():
        return [
            _("Case %(case)d: one answer may support fair use. State why you believe that the use is not fair use.")
        ]
    return []


def us_unregistered(items: Sequence[NoticeItem]) -> list[int]:
    """Return the cases whose works have no registration with the US Copyright Office."""
    return [item.row.case.number for item in items if not _registered_in_us(item.row.case.work.registrations)]


def _registered_in_us(registrations: Sequence[Mapping[str, str]]) -> bool:
    words_of_offices = [
        set(str(registration.get("office", "")).upper().replace(".", "").replace(",", " ").split())
        for registration in registrations
    ]
    return any(case & {"US", "USA", "USCO", "LOC"} or {"UNITED", "STATES"} <= case for case in words_of_offices)

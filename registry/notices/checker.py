"""Checks of a draft before signing. Each missing item refers to a field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from registry.notices import enclosures
from registry.notices.contents import FAIR_USE_ANSWERS, FIELDS, QUESTIONS, NoticeItem
from registry.notices.models import Notice, NoticeCase
from registry.notices.notices import FILINGS
from registry.notices.senders import is_credit_code
from registry.services.mail import is_email_address


@dataclass(frozen=True, slots=True)
class Gap:
    """A missing item of a draft."""

    field_name: str  # Name of the field, or ``case-`` followed by a case number.
    sentence: str  # Message to the author of the notice.


def list_gap_sentences(notice: Notice, items: Sequence[NoticeItem]) -> list[str]:
    """Return a sentence for each item that is missing before a draft can be signed."""
    return [gap.sentence for gap in find_gaps(notice, items)]


def find_gaps(notice: Notice, items: Sequence[NoticeItem]) -> list[Gap]:
    """Return the missing items of a draft, each with its field."""
    fields, gaps = {name: str(notice.fields.get(name, "")).strip() for name in FIELDS}, []
    required = {
        "addressee_name": _("Enter the addressee."),
        "sender_name": _("Enter the name of the signer."),
        "sender_capacity": _(
            "Enter the capacity in which the signer acts, for example rights holder or authorised agent."
        ),
        "sender_email": _("Enter the signer's email address."),
    }
    if notice.kind == Notice.Kind.CEASE:
        required["sender_address"] = _("Enter the signer's address.")
        required["undertaking"] = _(
            "State whether you request an undertaking, and whether the undertaking goes considerably beyond "
            "the alleged infringement."
        )
    if notice.kind in (Notice.Kind.DMCA, Notice.Kind.PRC, *FILINGS):
        required["sender_address"] = _("Enter the signer's address.")
        required["sender_telephone"] = _("Enter the signer's telephone number.")
    if notice.kind in FILINGS:
        required |= _list_filing_fields(notice, fields)
    gaps += [Gap(name, sentence) for name, sentence in required.items() if sentence and not fields[name]]
    if fields["sender_code"] and not is_credit_code(fields["sender_code"]):
        code_error = _(
            "This is not a valid unified social credit code. A valid code has 18 characters, the last of "
            "which is a check character."
        )
        gaps.append(Gap("sender_code", code_error))
    if notice.kind == Notice.Kind.CCB and fields["amount"]:
        gaps += _check_amount(fields)
    for name in ("addressee_email", "sender_email"):
        if (address := fields[name]) and not is_email_address(address):
            gaps.append(Gap(name, _("“%(given)s” is not an email address.") % {"given": address[:100]}))
    bundles = (
        enclosures.load_last_bundles([item.row.case for item in items]) if notice.kind == Notice.Kind.COURT else {}
    )
    for item in items:
        case_gaps = _check_case(item, notice, is_sealed=item.row.case_id in bundles)
        gaps += [Gap(f"case-{item.row.case.number}", sentence) for sentence in case_gaps]
    return gaps


def _list_filing_fields(notice: Notice, values: Mapping[str, str]) -> dict[str, str]:
    """Return the additional fields that a board or a court requires."""
    required = {
        "respondent_name": _("Enter the defendant or respondent: a person or an organisation, not a website."),
        "respondent_address": _("Enter the address of the defendant or respondent."),
        "relief": _("Enter the relief that you request."),
    }
    if notice.kind == Notice.Kind.CCB:
        required["addressee_name"] = ""
        required["relief"] = _("Enter the relief that you request, and the harm that you suffered.")
        required["facts"] = _("Enter the facts of the use, as far as you know them.")
        required["smaller"] = _("State whether you request the smaller-claims procedure.")
    else:
        required["addressee_name"] = _("Enter the name of the court.")
        if values["sender_organisation"]:
            required["sender_representative"] = _(
                "Enter the organisation's legal representative and that person's position."
            )
            required["sender_code"] = _("Enter the organisation's unified social credit code.")
    return required


def _check_amount(values: Mapping[str, str]) -> list[Gap]:
    """Check that an amount is within the limits of the Copyright Claims Board (17 U.S.C. 1504(e)(1)(D), 1506(z))."""
    max_amount = 5_000 if values["smaller"] == "yes" else 30_000
    digits = values["amount"].replace(",", "").removeprefix("$").strip()
    if digits.isdecimal() and len(digits) < 9 and int(digits) <= max_amount:
        return []
    message = _("Enter the amount in whole US dollars, at most %(most)s for this kind of claim.")
    return [Gap("amount", message % {"most": f"{max_amount:,}"})]


def _check_case(item: NoticeItem, notice: Notice, *, is_sealed: bool) -> list[str]:
    """Return a sentence for each missing item of a case in a draft."""
    parameters, sentences = {"case": item.row.case.number}, []
    if notice.kind == Notice.Kind.DMCA:
        sentences += [sentence % parameters for sentence in _check_considerations(item.row)]
    if notice.kind == Notice.Kind.CCB and not _is_registered_in_us(item.row.case.work.registrations):
        message = _(
            "Case %(case)d: enter the work's registration with the US Copyright Office, or the application for it."
        )
        sentences.append(message % parameters)
    if notice.kind == Notice.Kind.CCB and not item.row.case.work.author:
        sentences.append(
            _("Case %(case)d: declare the author of the work. The Board requires it (37 CFR 222.2).") % parameters
        )
    if notice.kind == Notice.Kind.COURT and not is_sealed:
        sentences.append(_("Case %(case)d: no evidence bundle has been sealed yet.") % parameters)
    if not item.current_places and item.licences:
        parameters["licence"] = item.licences[0]
        sentences.append(
            _("Case %(case)d: licence %(licence)d covers the remaining uses. Review the case again.") % parameters
        )
    elif not item.current_places:
        sentences.append(
            _("Case %(case)d: at the most recent visits, the picture was no longer on any page.") % parameters
        )
    return sentences


def _check_considerations(row: NoticeCase) -> list[str]:
    answers = row.answers
    if any(answers.get(name) not in choices for name, choices in QUESTIONS.items()):
        return [_("Case %(case)d: answer all four fair-use questions.")]
    supports_fair_use = any((name, answers[name]) in FAIR_USE_ANSWERS for name in QUESTIONS)
    if supports_fair_use and not str(answers.get("words", "")).strip():
        return [
            _("Case %(case)d: one answer may support fair use. State why you believe that the use is not fair use.")
        ]
    return []


def list_unregistered_in_us(items: Sequence[NoticeItem]) -> list[int]:
    """Return the cases whose works have no registration with the US Copyright Office."""
    return [item.row.case.number for item in items if not _is_registered_in_us(item.row.case.work.registrations)]


def _is_registered_in_us(registrations: Sequence[Mapping[str, str]]) -> bool:
    office_words = [
        set(str(registration.get("office", "")).upper().replace(".", "").replace(",", " ").split())
        for registration in registrations
    ]
    return any(office & {"US", "USA", "USCO", "LOC"} or {"UNITED", "STATES"} <= office for office in office_words)

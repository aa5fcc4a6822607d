"""What a notice says: its cases as facts, its fields, and the letter that both make in a wording."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from evidence.documents.phrases.wording import percent
from exhibit.clock import now
from registry.cases import recaptures
from registry.cases.recaptures import Standing
from registry.models import (
    BytesState,
    Capture,
    Case,
    CaseSighting,
    Licence,
    Notice,
    NoticeCase,
    PictureReport,
    Sighting,
    StepState,
)
from registry.notices.terms import reply_days
from registry.works.licence_check import Ledger, ledger_of
from workers.notices.wording import Wording, filled, wording

FIELDS = (
    "addressee_name", "addressee_email", "addressee_address", "addressee_source",
    "sender_name", "sender_capacity", "sender_organisation", "sender_address", "sender_telephone", "sender_email",
    "fee", "reply_days", "further",
)  # fmt: skip
"""What a person fills in."""

QUESTIONS = {
    "purpose": ("commercial", "plain", "comment"),
    "nature": ("creative", "factual"),
    "amount": ("whole", "part", "little"),
    "market": ("replaces", "none", "unclear"),
}
"""What the signer considers about each use (17 U.S.C. 107), with the answers that there are; none is given before."""

SPEAK_FOR_FAIR_USE = {("purpose", "comment"), ("nature", "factual"), ("amount", "little"), ("market", "none")}
"""Answers after which a notice needs words of the signer's."""

MAX_PLACES = 300  # addresses of one case that a letter lists
MAX_PICTURES = 20  # cases whose pictures are shown beside the letter


@dataclass(frozen=True, slots=True)
class CasePlace:
    """A place of a case, with how it stood when it was visited last."""

    seen: Sighting  # the last sighting there
    first_seen: datetime  # when the first was
    licence: int | None  # the number of the one that covers it today
    standing: Standing | None  # as the last visit found it; ``None`` before the first
    visited: datetime | None


@dataclass(frozen=True, slots=True)
class NoticeItem:
    """A case of a notice with all that the letter says of it."""

    row: NoticeCase
    places: tuple[CasePlace, ...]
    there: tuple[CasePlace, ...]  # those that the letter is about: not licensed, not found to be gone
    share: float  # of the work that the best match at those places shows
    shown: CaseSighting | None  # that use, if its two pictures can be drawn
    searched: bool  # whether there are licences of the work that could be searched

    @property
    def licences(self) -> list[int]:
        """The licences that cover places of the case today."""
        return sorted({place.licence for place in self.places if place.licence is not None})


@dataclass(frozen=True, slots=True)
class Letter:
    """A notice as it would be sent now."""

    subject: str  # one line
    text: str  # with an empty line to sign on; nobody has signed it
    day: date
    signed: str  # the same with the signature, as it is kept once somebody has signed

    @property
    def whole(self) -> str:
        """All of it, the subject first, as it is read; signing puts the signature in."""
        return f"{self.subject}\n\n{self.text}"


def items_of(notice: Notice) -> list[NoticeItem]:
    """The cases of a notice with their places, held against the licences of today: few queries, however many."""
    rows = notice.notice_cases.select_related("case__work__owner", "case__owner").order_by("case__number")
    ids = [row.case_id for row in rows]
    uses: dict[int, list[CaseSighting]] = defaultdict(list)
    found = CaseSighting.objects.filter(case__in=ids).select_related("sighting", "match__registered", "match__found")
    for use in found.only(*_NEEDED).order_by("pk"):
        uses[use.case_id].append(use)
    ledger, visits = ledger_of(notice.owner_id), last_visits(ids)
    reported = set(PictureReport.objects.filter(owner=notice.owner_id).values_list("picture", flat=True))
    licensed = set(Licence.objects.filter(owner=notice.owner_id).values_list("works", flat=True))
    items = [_item(row, uses[row.case_id], ledger, visits, reported) for row in rows]
    return [replace(item, searched=not licensed.isdisjoint({None, item.row.case.work_id})) for item in items]


_NEEDED = (
    "case",
    *(f"sighting__{name}" for name in ("page_key", "image_key", "page_url", "image_url", "host", "party")),
    *(f"sighting__{name}" for name in ("first_seen", "last_seen", "picture")),
    *(f"match__{name}" for name in ("overlap_work", "transform", "registered__digest", "found__digest")),
    "match__found__bytes_state",
)

Visits = Mapping[tuple[int, bytes, bytes], Capture]


def last_visits(cases: Iterable[int]) -> Visits:
    """The last visit to each place of some cases."""
    rows = Capture.objects.filter(case__in=list(cases), state=StepState.DONE).order_by("number")
    rows = rows.only("case", "page_key", "image_key", "outcome", "finished_at")
    return {(row.case_id, bytes(row.page_key), bytes(row.image_key)): row for row in rows}


def _item(row: NoticeCase, uses: list[CaseSighting], ledger: Ledger, visits: Visits, reported: set[int]) -> NoticeItem:
    seen: dict[tuple[bytes, bytes], list[Sighting]] = defaultdict(list)
    for use in uses:
        seen[recaptures.place_of(use.sighting)].append(use.sighting)
    places = {key: _place(row.case, key, sightings, ledger, visits) for key, sightings in seen.items()}
    there = {key: at for key, at in places.items() if at.licence is None and at.standing is not Standing.REMOVED}
    left = [use for use in uses if recaptures.place_of(use.sighting) in there]
    there_still = [use for use in left if use.match.found.bytes_state == BytesState.STORED]
    drawn = [use for use in there_still if use.match.transform is not None and use.match.found_id not in reported]
    return NoticeItem(
        row,
        tuple(places.values()),
        tuple(there.values()),
        max((use.match.overlap_work for use in left), default=0.0),
        max(drawn, key=lambda use: use.match.overlap_work, default=None),
        searched=False,
    )


def _place(case: Case, key: tuple[bytes, bytes], seen: Sequence[Sighting], ledger: Ledger, visits: Visits) -> CasePlace:
    last = max(seen, key=lambda sighting: (sighting.last_seen, sighting.pk))
    visit, licence = visits.get((case.pk, *key)), ledger.covering(case.work_id, last)
    standing = None if visit is None else recaptures.standing_of(visit.outcome)
    number = None if licence is None else licence.number
    first = min(use.first_seen for use in seen)
    return CasePlace(last, first, number, standing, None if visit is None else visit.finished_at)


MAX_OF_A_PART = 30_000  # characters of a letter that a page shows at once


def parts_of(text: str) -> list[str]:
    """A long letter in parts that end where a paragraph does; put together again they are the letter."""
    parts = [""]
    for paragraph in text.split("\n\n"):
        piece = paragraph if parts == [""] else f"\n\n{paragraph}"
        if parts[-1] and len(parts[-1]) + len(piece) > MAX_OF_A_PART:
            parts.append("")
        parts[-1] += piece
    return parts


def letter(notice: Notice, items: Sequence[NoticeItem] | None = None) -> Letter:
    """The notice as it would be sent today."""
    items = items_of(notice) if items is None else items
    words, day = wording(notice.owner, notice.kind, notice.language), now().date()
    values = _values(notice, items, words, day)
    statements = {name: re.sub("  +", " ", filled(text, values)).strip() for name, text in words.statements.items()}
    everything = {**values, **statements}
    subject = " ".join(filled(words.subject, everything).split())
    draft = filled(words.body, {**everything, "signature": words.say("unsigned", **_signer(notice))})
    return Letter(subject, draft, day, filled(words.body, everything))


def _signer(notice: Notice) -> dict[str, str]:
    return {name: str(notice.fields.get(f"sender_{name}", "")) for name in ("name", "capacity")}


def _values(notice: Notice, items: Sequence[NoticeItem], words: Wording, day: date) -> dict[str, str]:
    given = {name: str(notice.fields.get(name, "")) for name in FIELDS}
    addressee = [given["addressee_name"], given["addressee_address"], given["addressee_email"]]
    contact = "\n".join(
        words.say(name, text=given[f"sender_{name}"])
        for name in ("name", "organisation", "capacity", "address", "telephone", "email")
        if given[f"sender_{name}"]
    )
    return {
        "number": str(notice.number),
        "date": day.isoformat(),
        "owner": notice.owner.name,
        "party": notice.party,
        "addressee": "\n".join(filter(None, addressee)),
        "count": str(len(items)),
        "items": "\n\n".join(_item_text(n, item, words, day).strip() for n, item in enumerate(items, 1)),
        "contact": contact,
        "identity": f"{words.say('owner', text=notice.owner.name)}\n{contact}",
        "further": given["further"],
        "signature": words.say("signature", **_signer(notice), date=day.isoformat()),
        "fee": given["fee"] or words.words.get("fee_asked", ""),
        "reply_by": (day + timedelta(days=reply_days(notice.fields))).isoformat(),
        "shown": _shown(items, words),
    }


def _shown(items: Sequence[NoticeItem], words: Wording) -> str:
    """Of how many works the attached document shows both pictures, if the letter says that at all."""
    count = sum(1 for item in items[:MAX_PICTURES] if item.shown is not None)
    if "shown_all" not in words.words or not count:
        return ""
    return words.say("shown_all" if count == len(items) else "shown_some", n=count, count=len(items))


def _item_text(number: int, item: NoticeItem, words: Wording, day: date) -> str:
    work, blank = item.row.case.work, words.say("not_stated")
    registrations = "; ".join(
        " ".join(filter(None, (str(each.get(name, "")) for name in ("office", "number", "date"))))
        for each in work.registrations
    )
    values = {
        "n": str(number),
        "title": work.title,
        "author": work.author or blank,
        "holder": words.say("holder", text=work.holder) if work.holder else "",
        "first_publication": work.first_publication or blank,
        "registrations": registrations or blank,
        "case": str(item.row.case.number),
        "places": "\n".join(_place_text(place.seen, words) for place in item.there[:MAX_PLACES]),
        "seen": _seen(item, words),
        "aligned": words.say("aligned", share=percent(item.share)) if item.share else "",
        "licences": words.say("licences" if item.searched else "licences_none", day=day.isoformat()),
    }
    return "\n".join(line for line in filled(words.item, values).splitlines() if line.strip())


def _place_text(seen: Sighting, words: Wording) -> str:
    page = words.say("page", url=_one_line(seen.page_url))
    if seen.image_url.startswith("data:"):
        return page
    return f"{page}\n{words.say('picture', url=_one_line(seen.image_url))}"


def _one_line(url: str) -> str:
    """An address on one line, whatever a stranger has put into it."""
    return "".join(sign for sign in url if sign.isprintable() and not sign.isspace())


def _seen(item: NoticeItem, words: Wording) -> str:
    if not item.there:
        return ""
    moments = min(each.first_seen for each in item.there), max(each.seen.last_seen for each in item.there)
    first, last = (f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" for moment in moments)
    return words.say("seen", first=first, last=last)


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that a draft lacks."""

    at: str  # the field that it is about, or ``case-`` with a case's number
    sentence: str  # for the person who writes it


def gaps(notice: Notice, items: Sequence[NoticeItem]) -> list[str]:
    """What a draft still lacks before it can be signed, each as a sentence for the person who writes it."""
    return [gap.sentence for gap in missing(notice, items)]


def missing(notice: Notice, items: Sequence[NoticeItem]) -> list[Gap]:
    """The same with the field that each is about."""
    given, found = notice.fields, []
    needed = {
        "addressee_name": _("Name the addressee."),
        "sender_name": _("Write the name of the person who signs."),
        "sender_capacity": _("Write in what capacity that person signs, such as owner or authorised agent."),
        "sender_email": _("Write an e-mail address at which the signer is reached."),
    }
    if notice.kind in (Notice.Kind.DMCA, Notice.Kind.PRC):
        needed["sender_address"] = _("Write the signer's address.")
        needed["sender_telephone"] = _("Write the signer's telephone number.")
    found += [Gap(name, sentence) for name, sentence in needed.items() if not str(given.get(name, "")).strip()]
    for name in ("addressee_email", "sender_email"):
        if (address := str(given.get(name, ""))) and not is_address(address):
            found.append(Gap(name, _("“%(given)s” isn't an e-mail address.") % {"given": address[:100]}))
    return found + [
        Gap(f"case-{item.row.case.number}", sentence) for item in items for sentence in _of_case(item, notice)
    ]


def _of_case(item: NoticeItem, notice: Notice) -> list[str]:
    """What a case of a draft lacks."""
    case, found = {"case": item.row.case.number}, []
    if notice.kind == Notice.Kind.DMCA:
        found += [sentence % case for sentence in _unconsidered(item.row)]
    if not item.there and item.licences:
        case["licence"] = item.licences[0]
        found.append(_("Case %(case)d: licence %(licence)d covers what is left of it. Look at the case again.") % case)
    elif not item.there:
        found.append(_("Case %(case)d: the last visits found the picture gone at every place.") % case)
    return found


def is_address(text: str) -> bool:
    """Whether a mail can be sent there."""
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def _unconsidered(row: NoticeCase) -> list[str]:
    answers = row.answers
    if any(answers.get(name) not in choices for name, choices in QUESTIONS.items()):
        return [_("Case %(case)d: answer all four questions about fair use.")]
    speaks = any((name, answers[name]) in SPEAK_FOR_FAIR_USE for name in QUESTIONS)
    if speaks and not str(answers.get("words", "")).strip():
        return [_("Case %(case)d: an answer may speak for fair use. Write why you believe that the use isn't one.")]
    return []


def us_unregistered(items: Sequence[NoticeItem]) -> list[int]:
    """Cases whose works show no registration with an office of the United States."""
    return [item.row.case.number for item in items if not _registered_in_us(item.row.case.work.registrations)]


def _registered_in_us(registrations: Sequence[Mapping[str, str]]) -> bool:
    named = [
        set(str(registration.get("office", "")).upper().replace(".", "").replace(",", " ").split())
        for registration in registrations
    ]
    return any(case & {"US", "USA", "USCO", "LOC"} or {"UNITED", "STATES"} <= case for case in named)

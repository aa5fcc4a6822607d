"""What a notice says: its cases as facts, its fields, and the letter that both make in a wording."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.utils.translation import gettext as _

from evidence.documents.wording import percent
from exhibit.clock import now
from registry import recaptures
from registry.models import Capture, CaseSighting, Match, Notice, NoticeCase, OwnershipRemark, Sighting, StepState
from registry.recaptures import Standing
from workers.notices.stops import stopping
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

SPEAK_FOR_FAIR_USE = {("purpose", "comment"), ("amount", "little"), ("market", "none")}
"""Answers after which a notice needs words of the signer's."""

REPLY_DAYS = 14
MOST_PLACES = 300
"""Addresses of one case that a letter lists."""


@dataclass(frozen=True, slots=True)
class CasePlace:
    """A place of a case, with how it stood when it was visited last."""

    page_url: str
    image_url: str
    standing: Standing | None
    visited: datetime | None


@dataclass(frozen=True, slots=True)
class NoticeItem:
    """A case of a notice with all that the letter says of it."""

    row: NoticeCase
    places: tuple[CasePlace, ...]
    first_seen: datetime | None
    last_seen: datetime | None
    share: float
    best: Match | None
    searched: datetime | None

    @property
    def there(self) -> tuple[CasePlace, ...]:
        """The places where the picture wasn't found to be removed."""
        return tuple(one for one in self.places if one.standing is not Standing.REMOVED)


@dataclass(frozen=True, slots=True)
class Letter:
    """A notice as it would be sent now."""

    subject: str
    text: str
    day: date


def items_of(notice: Notice) -> list[NoticeItem]:
    """The cases of a notice with their places: few queries, however many there are."""
    rows = notice.notice_cases.select_related("case__work__owner", "case__owner").order_by("case__number")
    rows = rows.prefetch_related("case__work__remarks")
    ids = [row.case_id for row in rows]
    seen: dict[int, list[CaseSighting]] = defaultdict(list)
    for one in (
        CaseSighting.objects.filter(case__in=ids)
        .select_related("sighting", "match__registered", "match__found")
        .order_by("pk")
    ):
        seen[one.case_id].append(one)
    visits = last_visits(ids)
    return [_item(row, seen[row.case_id], visits) for row in rows]


Visits = Mapping[tuple[int, bytes, bytes], Capture]


def last_visits(cases: Iterable[int]) -> Visits:
    """The last visit to each place of some cases."""
    rows = Capture.objects.filter(case__in=list(cases), state=StepState.DONE).order_by("number")
    rows = rows.defer("files", "digests")
    return {(row.case_id, bytes(row.page_key), bytes(row.image_key)): row for row in rows}


def _item(row: NoticeCase, seen: Sequence[CaseSighting], visits: Visits) -> NoticeItem:
    places: dict[tuple[bytes, bytes], Sighting] = {}
    for one in seen:
        places.setdefault(recaptures.place_of(one.sighting), one.sighting)
    best = max((one.match for one in seen), key=lambda match: match.overlap_work, default=None)
    searched = [one.licences_searched_at for one in seen if one.licences_searched_at]
    return NoticeItem(
        row,
        tuple(_place(row.case_id, key, one, visits) for key, one in places.items()),
        min((one.sighting.first_seen for one in seen), default=None),
        max((one.sighting.last_seen for one in seen), default=None),
        0.0 if best is None else best.overlap_work,
        best,
        min(searched, default=None) if len(searched) == len(seen) else None,
    )


def _place(case: int, key: tuple[bytes, bytes], seen: Sighting, visits: Visits) -> CasePlace:
    visit = visits.get((case, *key))
    standing = None if visit is None else recaptures.standing_of(visit.outcome)
    return CasePlace(seen.page_url, seen.image_url, standing, None if visit is None else visit.finished_at)


def letter(notice: Notice, items: Sequence[NoticeItem] | None = None) -> Letter:
    """The notice as it would be sent today."""
    items = items_of(notice) if items is None else items
    words, day = wording(notice.owner, notice.kind, notice.language), now().date()
    values = _values(notice, items, words, day)
    statements = {name: _sentence(text, values) for name, text in words.statements.items()}
    everything = {**values, **statements}
    subject = " ".join(filled(words.subject, everything).split())
    return Letter(subject, filled(words.body, everything), day)


def _sentence(text: str, values: Mapping[str, str]) -> str:
    return filled(text, values).strip()


def _values(notice: Notice, items: Sequence[NoticeItem], words: Wording, day: date) -> dict[str, str]:
    given = {name: str(notice.fields.get(name, "")) for name in FIELDS}
    addressee = [given["addressee_name"], given["addressee_address"], given["addressee_email"]]
    contact = "\n".join(
        words.say(name, text=given[f"sender_{name}"])
        for name in ("name", "organisation", "capacity", "address", "telephone", "email")
        if given[f"sender_{name}"]
    )
    days = int(given["reply_days"]) if given["reply_days"].isdecimal() else REPLY_DAYS
    return {
        "number": str(notice.number),
        "date": day.isoformat(),
        "owner": notice.owner.name,
        "party": notice.party,
        "addressee": "\n".join(filter(None, addressee)),
        "count": str(len(items)),
        "items": "\n\n".join(_item_text(n, one, words).strip() for n, one in enumerate(items, 1)),
        "contact": contact,
        "identity": contact,
        "further": given["further"],
        "signature": words.say(
            "signature", name=given["sender_name"], capacity=given["sender_capacity"], date=day.isoformat()
        ),
        "fee": given["fee"] or words.words.get("fee_asked", ""),
        "reply_by": (day + timedelta(days=days)).isoformat(),
    }


def _item_text(number: int, one: NoticeItem, words: Wording) -> str:
    work, blank = one.row.case.work, words.say("not_stated")
    registrations = "; ".join(
        " ".join(filter(None, (str(each.get(name, "")) for name in ("office", "number", "date"))))
        for each in work.registrations
    )
    values = {
        "n": str(number),
        "title": work.title,
        "author": work.author or blank,
        "first_publication": work.first_publication or blank,
        "registrations": registrations or blank,
        "case": str(one.row.case.number),
        "places": "\n".join(_place_text(place, words) for place in one.there[:MOST_PLACES]),
        "seen": _seen(one, words),
        "aligned": words.say("aligned", share=percent(one.share)) if one.share else "",
        "licences": words.say("licences", day=one.searched.astimezone(UTC).date().isoformat())
        if one.searched
        else words.say("licences_not_checked"),
    }
    return "\n".join(line for line in filled(words.item, values).splitlines() if line.strip())


def _place_text(place: CasePlace, words: Wording) -> str:
    page = words.say("page", url=_shown(place.page_url))
    return (
        page if place.image_url.startswith("data:") else f"{page}\n{words.say('picture', url=_shown(place.image_url))}"
    )


def _shown(url: str) -> str:
    """An address on one line, whatever a stranger has put into it."""
    return "".join(sign for sign in url if sign.isprintable() and not sign.isspace())


def _seen(one: NoticeItem, words: Wording) -> str:
    if one.first_seen is None or one.last_seen is None:
        return ""
    first, last = (f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" for moment in (one.first_seen, one.last_seen))
    return words.say("seen", first=first, last=last)


def gaps(notice: Notice, items: Sequence[NoticeItem]) -> list[str]:
    """What a draft still lacks before it can be signed, each as a sentence for the person who writes it."""
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
    found += [sentence for name, sentence in needed.items() if not str(given.get(name, "")).strip()]
    for one in items:
        case = {"case": one.row.case.number}
        if notice.kind == Notice.Kind.DMCA:
            found += [sentence % case for sentence in _unconsidered(one.row)]
        if not one.row.term_reason.strip():
            found += [_stop(kind) % case for kind in stopping(one.row.case.work)]
        if not one.there:
            found.append(_("Case %(case)d: the last visits found the picture gone at every place.") % case)
    return found


def _stop(kind: str) -> str:
    if kind == OwnershipRemark.Kind.TERM:
        return _("Case %(case)d: the work's term is over on the dates entered. Write why the notice is sent.")
    return _("Case %(case)d: words at the work say that it is in the public domain. Write why the notice is sent.")


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
    return [one.row.case.number for one in items if not _registered_in_us(one.row.case.work.registrations)]


def _registered_in_us(registrations: Sequence[Mapping[str, str]]) -> bool:
    return any(
        set(str(each.get("office", "")).upper().replace(".", "").replace(",", " ").split())
        & {"US", "USA", "USCO", "UNITED", "LOC"}
        for each in registrations
    )

"""The content of a notice: facts of its cases, its fields, and the letter that a wording makes of them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from django.utils.timezone import localdate

from evidence.documents.phrases.wording import percent
from exhibit.network.addresses import with_letters
from exhibit.periods import days_of, earliest, latest
from exhibit.types import SeenElsewhere
from registry.cases import recaptures
from registry.cases.licence_check import Ledger, load_ledger
from registry.cases.models import ArchiveQuestion, Capture, Case, CaseSighting
from registry.cases.recaptures import Standing
from registry.crawls.models import Sighting
from registry.crawls.outside_statements import from_rows
from registry.db.claimable import StepState
from registry.db.rows import write
from registry.notices import enclosures, senders
from registry.notices.deadlines import get_reply_days
from registry.notices.models import Notice, NoticeCase
from registry.notices.wording import Wording, fill_in, get_wording, remove_empty
from registry.pictures.models import BytesState, PictureReport
from registry.works.models import Licence

FIELDS = (
    "addressee_name", "addressee_email", "addressee_address", "addressee_source", "addressee_country",
    *(f"sender_{name}" for name in senders.FIELDS),
    "respondent_name", "respondent_representative", "respondent_address", "respondent_contact",
    "facts", "relief", "amount", "costs", "undertaking", "smaller", "fee", "reply_days", "further", "deposits",
    "package",
)  # fmt: skip
"""Fields that a person fills in."""

QUESTIONS = {
    "purpose": ("commercial", "plain", "comment"),
    "nature": ("creative", "factual"),
    "amount": ("whole", "part", "little"),
    "market": ("replaces", "none", "unclear"),
}
"""The signer's considerations about each use (17 U.S.C. 107), with the possible answers. None is preselected."""

SPEAK_FOR_FAIR_USE = {("purpose", "comment"), ("nature", "factual"), ("amount", "little"), ("market", "none")}
"""Answers that require the signer to add an explanation."""

_MIN_TIME = datetime.min.replace(tzinfo=UTC)
MAX_PLACES = 300  # Maximum number of URLs that a letter lists for one case.
MAX_PICTURES = 20  # Maximum number of cases whose images are attached to the letter.


@dataclass(frozen=True, slots=True)
class CasePlace:
    """A place of a case with its state at the last visit."""

    sighting: Sighting  # The last sighting at this place.
    first_seen: datetime | None  # Time of the first sighting, if known.
    licence: int | None  # Number of the licence that covers it today.
    standing: Standing | None  # Outcome of the last visit; None if there was none.
    visited: datetime | None

    @property
    def last_seen(self) -> datetime | None:
        """The last time at which a crawl or the last visit saw the image at this place."""
        return latest((self.sighting.last_seen, self.visited if self.standing is Standing.ONLINE else None))


@dataclass(frozen=True, slots=True)
class NoticeItem:
    """A case of a notice with everything that the letter states about it."""

    row: NoticeCase
    places: tuple[CasePlace, ...]
    current_places: tuple[CasePlace, ...]  # The places that the letter is about: not licensed, and not found removed.
    share: float  # Share of the work that the best match at those places shows.
    shown: CaseSighting | None  # That match, if both images can be drawn.
    searched: bool  # True if the work has licences to search.
    stated: SeenElsewhere | None = None  # The earliest capture of those places that a queried archive states.

    @property
    def licences(self) -> list[int]:
        """Numbers of the licences that cover places of the case today."""
        return sorted({place.licence for place in self.places if place.licence is not None})


@dataclass(frozen=True, slots=True)
class Letter:
    """A notice as it would be sent now."""

    subject: str  # One line.
    text: str  # Unsigned, with an empty line for the signature.
    day: date
    signed: str  # The text with the signature, as it is stored once signed.

    @property
    def whole(self) -> str:
        """Subject and text as shown to the signer. Signing adds the signature."""
        return f"{self.subject}\n\n{self.text}"


def build_items(notice: Notice) -> list[NoticeItem]:
    """Return the cases of a notice with their places, checked against today's licences, in few queries."""
    rows = notice.notice_cases.select_related("case__work__owner", "case__owner").order_by("case__number")
    ids = [row.case_id for row in rows]
    uses: dict[int, list[CaseSighting]] = defaultdict(list)
    sightings = CaseSighting.objects.filter(case__in=ids).select_related(
        "sighting", "match__registered", "match__found"
    )
    for use in sightings.only(*_NEEDED).order_by("pk"):
        uses[use.case_id].append(use)
    ledger, visits = load_ledger(notice.owner_id), load_last_visits(ids)
    reported = set(PictureReport.objects.filter(owner=notice.owner_id).values_list("picture", flat=True))
    licensed = set(Licence.objects.filter(owner=notice.owner_id).values_list("works", flat=True))
    items = [_build_item(row, uses[row.case_id], ledger, visits, reported) for row in rows]
    captures = load_archive_captures(ids)
    return [
        replace(
            item,
            searched=not licensed.isdisjoint({None, item.row.case.work_id}),
            stated=_find_earliest_capture(captures, item),
        )
        for item in items
    ]


_NEEDED = (
    "case",
    *(f"sighting__{name}" for name in ("page_key", "image_key", "page_url", "image_url", "host", "party")),
    *(f"sighting__{name}" for name in ("first_seen", "last_seen", "period", "picture")),
    *(f"match__{name}" for name in ("overlap_work", "transform", "registered__digest", "found__digest")),
    "match__found__bytes_state",
)

Visits = Mapping[tuple[int, bytes, bytes], Capture]


def load_last_visits(cases: Iterable[int]) -> Visits:
    """Return the last visit to each place of some cases."""
    rows = Capture.objects.filter(case__in=list(cases), state=StepState.DONE).order_by("number")
    rows = rows.only("case", "page_key", "image_key", "outcome", "finished_at")
    return {(row.case_id, bytes(row.page_key), bytes(row.image_key)): row for row in rows}


def load_archive_captures(cases: Iterable[int]) -> Mapping[tuple[int, bytes, bytes], list[SeenElsewhere]]:
    """Return the captures that archives state for each place of some cases."""
    by_place: dict[tuple[int, bytes, bytes], list[SeenElsewhere]] = defaultdict(list)
    for row in ArchiveQuestion.objects.filter(case__in=list(cases), state=StepState.DONE).order_by("pk"):
        captures = [capture for capture in from_rows(row.elsewhere) if capture.stated]
        by_place[row.case_id, bytes(row.page_key), bytes(row.image_key)] += captures
    return by_place


def _find_earliest_capture(
    captures: Mapping[tuple[int, bytes, bytes], list[SeenElsewhere]], item: NoticeItem
) -> SeenElsewhere | None:
    keys = [(item.row.case_id, *recaptures.place_of(place.sighting)) for place in item.current_places]
    candidates = [capture for key in keys for capture in captures.get(key, ())]
    # Captures of the image take precedence over captures of the page.
    return min(candidates, key=lambda capture: (capture.of == "page", capture.stated), default=None)


def _build_item(
    row: NoticeCase, uses: list[CaseSighting], ledger: Ledger, visits: Visits, reported: set[int]
) -> NoticeItem:
    sightings_by_place: dict[tuple[bytes, bytes], list[Sighting]] = defaultdict(list)
    for use in uses:
        sightings_by_place[recaptures.place_of(use.sighting)].append(use.sighting)
    places = {
        key: _build_place(row.case, key, sightings, ledger, visits) for key, sightings in sightings_by_place.items()
    }
    current_places = {
        key: place for key, place in places.items() if place.licence is None and place.standing is not Standing.REMOVED
    }
    current_uses = [use for use in uses if recaptures.place_of(use.sighting) in current_places]
    stored_uses = [use for use in current_uses if use.match.found.bytes_state == BytesState.STORED]
    drawable_uses = [
        use for use in stored_uses if use.match.transform is not None and use.match.found_id not in reported
    ]
    return NoticeItem(
        row,
        tuple(places.values()),
        tuple(current_places.values()),
        max((use.match.overlap_work for use in current_uses), default=0.0),
        max(drawable_uses, key=lambda use: use.match.overlap_work, default=None),
        searched=False,
    )


def _build_place(
    case: Case, key: tuple[bytes, bytes], sightings: Sequence[Sighting], ledger: Ledger, visits: Visits
) -> CasePlace:
    last = max(sightings, key=lambda sighting: (sighting.last_seen or _MIN_TIME, sighting.pk))
    visit, licence = visits.get((case.pk, *key)), ledger.find_covering(case.work_id, last)
    standing = None if visit is None else recaptures.standing_of(visit.outcome)
    number = None if licence is None else licence.number
    first = earliest(use.first_seen for use in sightings)
    return CasePlace(last, first, number, standing, None if visit is None else visit.finished_at)


def save_shown(item: NoticeItem) -> None:
    """Save the places that a letter names for a case, and the match that it shows, as part of signing."""
    keys = (recaptures.place_of(place.sighting) for place in item.current_places[:MAX_PLACES])
    write(item.row, places=[[page.hex(), image.hex()] for page, image in keys], shown=item.shown)


MAX_PART_LENGTH = 30_000  # Maximum number of characters of a letter that a page shows in one part.


def split_letter(text: str) -> list[str]:
    """Split a long letter at paragraphs. The parts joined together are the letter."""
    parts = [""]
    for paragraph in text.split("\n\n"):
        part = paragraph if parts == [""] else f"\n\n{paragraph}"
        if parts[-1] and len(parts[-1]) + len(part) > MAX_PART_LENGTH:
            parts.append("")
        parts[-1] += part
    return parts


def build_letter(notice: Notice, items: Sequence[NoticeItem] | None = None) -> Letter:
    """Return the notice as it would be sent today."""
    items = build_items(notice) if items is None else items
    words, day = get_wording(notice.owner, notice.kind, notice.language), localdate()
    values = _build_values(notice, items, words, day)
    statements = {name: re.sub("  +", " ", fill_in(text, values)).strip() for name, text in words.statements.items()}
    all_values = {**values, **statements}
    subject = " ".join(fill_in(words.subject, all_values).split())
    enclosure_text = enclosures.format_enclosure_lines(notice, [item.row.case for item in items], words)
    lines = (line.strip(", ") for line in words.format_phrase("unsigned", **_get_signer(notice)).splitlines())
    draft = fill_in(words.body, {**all_values, "signature": "\n".join(filter(None, lines))})
    return Letter(subject, draft + enclosure_text, day, fill_in(words.body, all_values) + enclosure_text)


def _get_signer(notice: Notice) -> dict[str, str]:
    return {name: str(notice.fields.get(f"sender_{name}", "")) for name in ("name", "capacity")}


def _build_values(notice: Notice, items: Sequence[NoticeItem], words: Wording, day: date) -> dict[str, str]:
    fields = {name: str(notice.fields.get(name, "")) for name in FIELDS}
    addressee = [fields["addressee_name"], fields["addressee_address"], fields["addressee_email"]]
    contact = "\n".join(
        words.format_phrase(name, text=fields[f"sender_{name}"])
        for name in ("name", "organisation", "code", "representative", "capacity", "address", "telephone", "email")
        if fields[f"sender_{name}"] and name in words.words
    )
    return {
        "number": str(notice.number),
        "date": words.day(day),
        "owner": notice.owner.name,
        "party": with_letters(notice.party),
        "addressee": "\n".join(filter(None, addressee)),
        "count": str(len(items)),
        "items": "\n\n".join(_format_item(n, item, words, day).strip() for n, item in enumerate(items, 1)),
        "contact": contact,
        "identity": f"{words.format_phrase('owner', text=notice.owner.name)}\n{contact}",
        "further": fields["further"],
        "signature": words.format_phrase("signature", **_get_signer(notice), date=words.day(day)),
        "fee": fields["fee"] or words.words.get("fee_asked", ""),
        "reply_by": words.day(day + timedelta(days=get_reply_days(notice.fields))),
        "shown": _describe_pictures(items, words),
        **_build_filing_values(fields, words),
        **_build_demand_values(fields, words, day + timedelta(days=get_reply_days(notice.fields))),
        "evidence_list": enclosures.format_evidence_list([item.row.case for item in items], words),
        "respondent_name": fields["respondent_name"] or notice.party,
    }


def _build_filing_values(fields: Mapping[str, str], words: Wording) -> dict[str, str]:
    """Return the values used only in filings with a board or a court."""
    respondent = [
        words.words.get(f"respondent_{name}", words.words.get(name, "")).format(text=text)
        for name in ("name", "representative", "address", "contact")
        if (text := fields[f"respondent_{name}"])
    ]
    natural = words.words.get("natural", "")
    return {
        "respondent": "\n".join(filter(None, [*respondent, "" if fields["respondent_representative"] else natural])),
        "relief": fields["relief"],
        "facts": fields["facts"],
        "amount": words.format_phrase("amount", text=fields["amount"])
        if fields["amount"] and "amount" in words.words
        else "",
        "smaller": words.words.get(f"smaller_{fields['smaller']}", ""),
        "natural": "" if fields["sender_organisation"] else natural,
    }


def _build_demand_values(fields: Mapping[str, str], words: Wording, deadline: date) -> dict[str, str]:
    """Return the values used only in formal demands: the amounts entered by a person, and the undertaking."""
    if "claims_none" not in words.words:
        return {"claims": "", "undertaking": ""}
    sums = [words.format_phrase(name, text=fields[name]) for name in ("amount", "costs") if fields[name]]
    undertaking = words.words.get(f"undertaking_{fields['undertaking']}", "")
    claims = "\n".join(sums) or words.format_phrase("claims_none")
    return {"claims": claims, "undertaking": undertaking.format(day=words.day(deadline))}


def _describe_pictures(items: Sequence[NoticeItem], words: Wording) -> str:
    """State how many works the attached document shows, or return "" if the wording has no such sentence."""
    count = sum(1 for item in items[:MAX_PICTURES] if item.shown is not None)
    if "shown_all" not in words.words or not count:
        return ""
    return words.format_phrase("shown_all" if count == len(items) else "shown_some", n=count, count=len(items))


def _format_item(number: int, item: NoticeItem, words: Wording, day: date) -> str:
    work = item.row.case.work
    registrations = "; ".join(
        " ".join(filter(None, (str(registration.get(name, "")) for name in ("office", "number", "date"))))
        for registration in work.registrations
    )
    values = {
        "n": str(number),
        "title": work.title,
        "author": work.author,
        "holder": words.format_phrase("holder", text=work.holder) if work.holder else "",
        "first_publication": work.first_publication,
        "registrations": registrations,
        "case": str(item.row.case.number),
        "places": "\n".join(_format_place(place.sighting, words) for place in item.current_places[:MAX_PLACES]),
        "seen": "\n".join(filter(None, (_describe_period(item, words), _describe_capture(item.stated, words)))),
        "aligned": words.format_phrase("aligned", share=percent(item.share)[:-1]) if item.share else "",
        "licences": words.format_phrase("licences" if item.searched else "licences_none", day=words.day(day)),
    }
    optional_values = {name: values[name] for name in ("author", "first_publication", "registrations")}
    template = remove_empty(
        words.item, {**dict.fromkeys(values, "-"), **optional_values}, words.format_phrase("not_stated")
    )
    return "\n".join(line for line in fill_in(template, values).splitlines() if line.strip())


def _format_place(sighting: Sighting, words: Wording) -> str:
    page = words.format_phrase("page", url=_to_one_line(sighting.page_url))
    # Other URLs are of images embedded in the page, or stored by an archiving program.
    if not sighting.image_url.startswith(("http://", "https://")):
        return page
    return f"{page}\n{words.format_phrase('picture', url=_to_one_line(sighting.image_url))}"


def _to_one_line(url: str) -> str:
    """Return a URL on one line, without whitespace or control characters."""
    return "".join(character for character in url if character.isprintable() and not character.isspace())


def _describe_capture(capture: SeenElsewhere | None, words: Wording) -> str:
    """State the capture that an archive reports, as that archive's statement."""
    if capture is None or f"archived_{capture.of}" not in words.words:
        return ""
    archive = words.words.get("internet_archive", capture.by) if capture.by == "Internet Archive" else capture.by
    day = words.day(days_of(capture.stated[:10])[0])
    return words.format_phrase(f"archived_{capture.of}", who=archive, day=day, where=_to_one_line(capture.where))


def _describe_period(item: NoticeItem, words: Wording) -> str:
    if not item.current_places:
        return ""
    began = earliest(place.first_seen for place in item.current_places)
    ended = latest(place.last_seen for place in item.current_places)
    if began is None or ended is None:
        return ""
    first, last = (
        f"{words.day(moment_utc)} {moment_utc:%H:%M}"
        for moment_utc in (moment.astimezone(UTC) for moment in (began, ended))
    )
    return words.format_phrase("seen", first=first, last=last)

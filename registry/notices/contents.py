"""Content of a notice: facts about its cases, its fields, and the letter built from them with a wording."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from django.utils.timezone import localdate

from evidence.documents.phrases.wording import format_percent
from exhibit.network.addresses import format_host
from exhibit.periods import get_earliest_time, get_latest_time, get_period_days
from exhibit.types import SourceStatement
from registry.cases import recaptures
from registry.cases.licence_check import Ledger, load_ledger
from registry.cases.models import ArchiveLookup, Capture, Case, CaseSighting
from registry.cases.recaptures import PlaceState
from registry.crawls.external_statements import statements_from_json
from registry.crawls.models import Sighting
from registry.db.claimable import StepState
from registry.db.rows import update_row
from registry.notices import enclosures, senders
from registry.notices.deadlines import get_reply_days
from registry.notices.models import Notice, NoticeCase
from registry.notices.wording import Wording, fill_placeholders, get_wording, remove_empty_placeholders
from registry.pictures.models import BytesState, PictureReport
from registry.works.models import Licence

FIELDS = (
    "addressee_name", "addressee_email", "addressee_address", "addressee_source", "addressee_country",
    *(f"sender_{name}" for name in senders.MAX_FIELD_LENGTHS),
    "respondent_name", "respondent_representative", "respondent_address", "respondent_contact",
    "facts", "relief", "amount", "costs", "undertaking", "smaller", "fee", "reply_days", "further", "deposits",
    "package",
)  # fmt: skip
"""Fields that a member fills in."""

QUESTIONS = {
    "purpose": ("commercial", "plain", "comment"),
    "nature": ("creative", "factual"),
    "amount": ("whole", "part", "little"),
    "market": ("replaces", "none", "unclear"),
}
"""The signer's considerations about each use (17 U.S.C. 107), with the possible answers. None is preselected."""

FAIR_USE_ANSWERS = {("purpose", "comment"), ("nature", "factual"), ("amount", "little"), ("market", "none")}
"""Answers that require the signer to add an explanation."""

_MIN_TIME = datetime.min.replace(tzinfo=UTC)
MAX_PLACES = 300  # Maximum number of URLs that a letter lists for one case.
MAX_PICTURES = 20  # Maximum number of cases whose images are attached to the letter.


@dataclass(frozen=True, slots=True)
class CasePage:
    """A page of a case with its state at the last visit."""

    sighting: Sighting  # The last sighting on this page.
    first_seen: datetime | None  # Time of the first sighting, if known.
    licence: int | None  # Number of the licence that covers this use today.
    standing: PlaceState | None  # Outcome of the last visit; None if there was none.
    visited: datetime | None

    @property
    def last_seen(self) -> datetime | None:
        """The last time at which a crawl or visit found the image on this page."""
        return get_latest_time((self.sighting.last_seen, self.visited if self.standing is PlaceState.ONLINE else None))


@dataclass(frozen=True, slots=True)
class NoticeItem:
    """A case of a notice with everything that the letter states about it."""

    row: NoticeCase
    places: tuple[CasePage, ...]
    current_places: tuple[CasePage, ...]  # Pages in the letter: neither licensed nor removed.
    shown_fraction: float  # Fraction of the work that the best match on those pages shows.
    shown: CaseSighting | None  # The best match for which both images can be drawn.
    has_licences: bool  # True if the owner has licences that may cover the work.
    archive_capture: SourceStatement | None = None  # Earliest capture of those pages in an archive.

    @property
    def licences(self) -> list[int]:
        """Numbers of the licences that cover pages of the case today."""
        return sorted({place.licence for place in self.places if place.licence is not None})


@dataclass(frozen=True, slots=True)
class Letter:
    """A notice as it would be sent now."""

    subject: str  # One line.
    text: str  # Unsigned, with an empty line for the signature.
    day: date
    signed_text: str  # The text with the signature, as stored after signing.

    @property
    def full_text(self) -> str:
        """Subject and text as shown to the signer, without the signature."""
        return f"{self.subject}\n\n{self.text}"


def build_items(notice: Notice) -> list[NoticeItem]:
    """Return the cases of a notice with their pages and the licences that cover them today, in few queries."""
    rows = notice.notice_cases.select_related("case__work__owner", "case__owner").order_by("case__number")
    ids = [row.case_id for row in rows]
    uses: dict[int, list[CaseSighting]] = defaultdict(list)
    sightings = CaseSighting.objects.filter(case__in=ids).select_related(
        "sighting", "match__registered", "match__found"
    )
    for use in sightings.only(*_SIGHTING_COLUMNS).order_by("pk"):
        uses[use.case_id].append(use)
    ledger, visits = load_ledger(notice.owner_id), load_last_visits(ids)
    reported_pictures = set(PictureReport.objects.filter(owner=notice.owner_id).values_list("picture", flat=True))
    licensed_works = set(Licence.objects.filter(owner=notice.owner_id).values_list("works", flat=True))
    items = [_build_item(row, uses[row.case_id], ledger, visits, reported_pictures) for row in rows]
    captures = load_archive_captures(ids)
    return [
        replace(
            item,
            has_licences=not licensed_works.isdisjoint({None, item.row.case.work_id}),
            archive_capture=_find_earliest_capture(captures, item),
        )
        for item in items
    ]


_SIGHTING_COLUMNS = (
    "case",
    *(f"sighting__{name}" for name in ("page_key", "image_key", "page_url", "image_url", "host", "party")),
    *(f"sighting__{name}" for name in ("first_seen", "last_seen", "period", "picture")),
    *(f"match__{name}" for name in ("overlap_work", "transform", "registered__digest", "found__digest")),
    "match__found__bytes_state",
)

LastVisits = Mapping[tuple[int, bytes, bytes], Capture]


def load_last_visits(cases: Iterable[int]) -> LastVisits:
    """Return the last visit to each page of some cases, by case, page key and image key."""
    rows = Capture.objects.filter(case__in=list(cases), state=StepState.DONE).order_by("number")
    rows = rows.only("case", "page_key", "image_key", "outcome", "finished_at")
    return {(row.case_id, bytes(row.page_key), bytes(row.image_key)): row for row in rows}


def load_archive_captures(cases: Iterable[int]) -> Mapping[tuple[int, bytes, bytes], list[SourceStatement]]:
    """Return the captures that archives report for each page of some cases, by case, page key and image key."""
    by_place: dict[tuple[int, bytes, bytes], list[SourceStatement]] = defaultdict(list)
    for row in ArchiveLookup.objects.filter(case__in=list(cases), state=StepState.DONE).order_by("pk"):
        captures = [capture for capture in statements_from_json(row.elsewhere) if capture.stated]
        by_place[row.case_id, bytes(row.page_key), bytes(row.image_key)] += captures
    return by_place


def _find_earliest_capture(
    captures: Mapping[tuple[int, bytes, bytes], list[SourceStatement]], item: NoticeItem
) -> SourceStatement | None:
    keys = [(item.row.case_id, *recaptures.get_place_key(place.sighting)) for place in item.current_places]
    candidates = [capture for key in keys for capture in captures.get(key, ())]
    # Captures of the image take precedence over captures of the page.
    return min(candidates, key=lambda capture: (capture.of == "page", capture.stated), default=None)


def _build_item(
    row: NoticeCase, uses: list[CaseSighting], ledger: Ledger, visits: LastVisits, reported_pictures: set[int]
) -> NoticeItem:
    sightings_by_place: dict[tuple[bytes, bytes], list[Sighting]] = defaultdict(list)
    for use in uses:
        sightings_by_place[recaptures.get_place_key(use.sighting)].append(use.sighting)
    places = {
        key: _build_page(row.case, key, sightings, ledger, visits) for key, sightings in sightings_by_place.items()
    }
    current_places = {
        key: place
        for key, place in places.items()
        if place.licence is None and place.standing is not PlaceState.REMOVED
    }
    current_uses = [use for use in uses if recaptures.get_place_key(use.sighting) in current_places]
    stored_uses = [use for use in current_uses if use.match.found.bytes_state == BytesState.STORED]
    drawable_uses = [
        use for use in stored_uses if use.match.transform is not None and use.match.found_id not in reported_pictures
    ]
    return NoticeItem(
        row,
        tuple(places.values()),
        tuple(current_places.values()),
        max((use.match.overlap_work for use in current_uses), default=0.0),
        max(drawable_uses, key=lambda use: use.match.overlap_work, default=None),
        has_licences=False,
    )


def _build_page(
    case: Case, key: tuple[bytes, bytes], sightings: Sequence[Sighting], ledger: Ledger, visits: LastVisits
) -> CasePage:
    last_sighting = max(sightings, key=lambda sighting: (sighting.last_seen or _MIN_TIME, sighting.pk))
    visit, licence = visits.get((case.pk, *key)), ledger.find_covering_licence(case.work_id, last_sighting)
    standing = None if visit is None else recaptures.get_place_state(visit.outcome)
    number = None if licence is None else licence.number
    first_seen = get_earliest_time(use.first_seen for use in sightings)
    return CasePage(last_sighting, first_seen, number, standing, None if visit is None else visit.finished_at)


def save_shown_matches(item: NoticeItem) -> None:
    """Save the pages that a letter lists for a case, and the match that it shows, as part of signing."""
    keys = (recaptures.get_place_key(place.sighting) for place in item.current_places[:MAX_PLACES])
    update_row(item.row, places=[[page.hex(), image.hex()] for page, image in keys], shown=item.shown)


MAX_PART_LENGTH = 30_000  # Maximum number of characters in one part of a letter on a page.


def split_letter(text: str) -> list[str]:
    """Split a long letter at paragraphs. Joining the parts restores the letter."""
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
    wording, day = get_wording(notice.owner, notice.kind, notice.language), localdate()
    values = _build_values(notice, items, wording, day)
    statements = {
        name: re.sub("  +", " ", fill_placeholders(text, values)).strip() for name, text in wording.statements.items()
    }
    all_values = {**values, **statements}
    subject = " ".join(fill_placeholders(wording.subject, all_values).split())
    enclosure_text = enclosures.format_enclosure_lines(notice, [item.row.case for item in items], wording)
    lines = (line.strip(", ") for line in wording.format_phrase("unsigned", **_get_signer(notice)).splitlines())
    draft = fill_placeholders(wording.body, {**all_values, "signature": "\n".join(filter(None, lines))})
    return Letter(subject, draft + enclosure_text, day, fill_placeholders(wording.body, all_values) + enclosure_text)


def _get_signer(notice: Notice) -> dict[str, str]:
    return {name: str(notice.fields.get(f"sender_{name}", "")) for name in ("name", "capacity")}


def _build_values(notice: Notice, items: Sequence[NoticeItem], wording: Wording, day: date) -> dict[str, str]:
    fields = {name: str(notice.fields.get(name, "")) for name in FIELDS}
    addressee = [fields["addressee_name"], fields["addressee_address"], fields["addressee_email"]]
    contact = "\n".join(
        wording.format_phrase(name, text=fields[f"sender_{name}"])
        for name in ("name", "organisation", "code", "representative", "capacity", "address", "telephone", "email")
        if fields[f"sender_{name}"] and name in wording.phrases
    )
    return {
        "number": str(notice.number),
        "date": wording.format_day(day),
        "owner": notice.owner.name,
        "party": format_host(notice.party),
        "addressee": "\n".join(filter(None, addressee)),
        "count": str(len(items)),
        "items": "\n\n".join(_format_item(n, item, wording, day).strip() for n, item in enumerate(items, 1)),
        "contact": contact,
        "identity": f"{wording.format_phrase('owner', text=notice.owner.name)}\n{contact}",
        "further": fields["further"],
        "signature": wording.format_phrase("signature", **_get_signer(notice), date=wording.format_day(day)),
        "fee": fields["fee"] or wording.phrases.get("fee_asked", ""),
        "reply_by": wording.format_day(day + timedelta(days=get_reply_days(notice.fields))),
        "shown": _describe_pictures(items, wording),
        **_build_filing_values(fields, wording),
        **_build_demand_values(fields, wording, day + timedelta(days=get_reply_days(notice.fields))),
        "evidence_list": enclosures.format_evidence_list([item.row.case for item in items], wording),
        "respondent_name": fields["respondent_name"] or notice.party,
    }


def _build_filing_values(fields: Mapping[str, str], wording: Wording) -> dict[str, str]:
    """Return the values used only in filings with a board or a court."""
    respondent = [
        wording.phrases.get(f"respondent_{name}", wording.phrases.get(name, "")).format(text=text)
        for name in ("name", "representative", "address", "contact")
        if (text := fields[f"respondent_{name}"])
    ]
    natural_person = wording.phrases.get("natural", "")
    return {
        "respondent": "\n".join(
            filter(None, [*respondent, "" if fields["respondent_representative"] else natural_person])
        ),
        "relief": fields["relief"],
        "facts": fields["facts"],
        "amount": wording.format_phrase("amount", text=fields["amount"])
        if fields["amount"] and "amount" in wording.phrases
        else "",
        "smaller": wording.phrases.get(f"smaller_{fields['smaller']}", ""),
        "natural": "" if fields["sender_organisation"] else natural_person,
    }


def _build_demand_values(fields: Mapping[str, str], wording: Wording, deadline: date) -> dict[str, str]:
    """Return the values used only in formal demands: the amounts entered by a member, and the undertaking."""
    if "claims_none" not in wording.phrases:
        return {"claims": "", "undertaking": ""}
    amounts = [wording.format_phrase(name, text=fields[name]) for name in ("amount", "costs") if fields[name]]
    undertaking = wording.phrases.get(f"undertaking_{fields['undertaking']}", "")
    claims = "\n".join(amounts) or wording.format_phrase("claims_none")
    return {"claims": claims, "undertaking": undertaking.format(day=wording.format_day(deadline))}


def _describe_pictures(items: Sequence[NoticeItem], wording: Wording) -> str:
    """Return a sentence with the number of works in the attached document; empty if the wording has none."""
    count = sum(1 for item in items[:MAX_PICTURES] if item.shown is not None)
    if "shown_all" not in wording.phrases or not count:
        return ""
    return wording.format_phrase("shown_all" if count == len(items) else "shown_some", n=count, count=len(items))


def _format_item(number: int, item: NoticeItem, wording: Wording, day: date) -> str:
    work = item.row.case.work
    registrations = "; ".join(
        " ".join(filter(None, (str(registration.get(name, "")) for name in ("office", "number", "date"))))
        for registration in work.registrations
    )
    values = {
        "n": str(number),
        "title": work.title,
        "author": work.author,
        "holder": wording.format_phrase("holder", text=work.holder) if work.holder else "",
        "first_publication": work.first_publication,
        "registrations": registrations,
        "case": str(item.row.case.number),
        "places": "\n".join(_format_page(place.sighting, wording) for place in item.current_places[:MAX_PLACES]),
        "seen": "\n".join(
            filter(None, (_describe_period(item, wording), _describe_capture(item.archive_capture, wording)))
        ),
        "aligned": wording.format_phrase("aligned", share=format_percent(item.shown_fraction)[:-1])
        if item.shown_fraction
        else "",
        "licences": wording.format_phrase(
            "licences" if item.has_licences else "licences_none", day=wording.format_day(day)
        ),
    }
    optional_values = {name: values[name] for name in ("author", "first_publication", "registrations")}
    template = remove_empty_placeholders(
        wording.item, {**dict.fromkeys(values, "-"), **optional_values}, wording.format_phrase("not_stated")
    )
    return "\n".join(line for line in fill_placeholders(template, values).splitlines() if line.strip())


def _format_page(sighting: Sighting, wording: Wording) -> str:
    page = wording.format_phrase("page", url=_to_one_line(sighting.page_url))
    # Other schemes belong to images embedded in the page or stored by archiving software.
    if not sighting.image_url.startswith(("http://", "https://")):
        return page
    return f"{page}\n{wording.format_phrase('picture', url=_to_one_line(sighting.image_url))}"


def _to_one_line(url: str) -> str:
    """Return a URL on one line, without whitespace or control characters."""
    return "".join(character for character in url if character.isprintable() and not character.isspace())


def _describe_capture(capture: SourceStatement | None, wording: Wording) -> str:
    """Return a sentence about the capture that an archive reports; empty without a capture."""
    if capture is None or f"archived_{capture.of}" not in wording.phrases:
        return ""
    archive = wording.phrases.get("internet_archive", capture.by) if capture.by == "Internet Archive" else capture.by
    day = wording.format_day(get_period_days(capture.stated[:10])[0])
    return wording.format_phrase(f"archived_{capture.of}", who=archive, day=day, where=_to_one_line(capture.where))


def _describe_period(item: NoticeItem, wording: Wording) -> str:
    if not item.current_places:
        return ""
    first_seen = get_earliest_time(place.first_seen for place in item.current_places)
    last_seen = get_latest_time(place.last_seen for place in item.current_places)
    if first_seen is None or last_seen is None:
        return ""
    first_text, last_text = (
        f"{wording.format_day(utc_time)} {utc_time:%H:%M}"
        for utc_time in (local_time.astimezone(UTC) for local_time in (first_seen, last_seen))
    )
    return wording.format_phrase("seen", first=first_text, last=last_text)

"""Parties of an owner's cases: counts for lists, details of one party, registry lookups, and outcomes of notices."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median_low
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Greatest, TruncDate

from exhibit.clock import now
from exhibit.errors import NotFoundError
from registry.accounts.models import Owner
from registry.cases import scoped
from registry.cases.models import Case, CaseSighting
from registry.cases.recaptures import build_last_online_subquery
from registry.db import steps
from registry.db.claimable import StepState
from registry.db.rows import update_row
from registry.notices.models import Notice, NoticeEvent
from registry.notices.notices import State
from registry.notices.refuted_takedowns import annotate_refuted
from registry.parties.models import PartyLookup
from registry.works.models import Work

MAX_LISTED = 12
"""Maximum number of works, cases and pages on a party's page; the counts include all of them."""
MAX_LOOKUP_AGE = timedelta(days=1)
"""Time for which a registry's response is reused instead of sending a new query."""


@dataclass(frozen=True, slots=True)
class PartySummary:
    """A party's row in a list."""

    party: str
    cases: int
    waiting: int  # Cases awaiting a decision.
    confirmed: int
    removed: int  # Cases for which the last visits found no page that still shows the image.
    places: int
    newest: datetime  # Time when its latest case was opened.


@dataclass(frozen=True, slots=True)
class PartyPage:
    """A page of a party that showed an image of a case."""

    case: int
    page_url: str
    first_seen: datetime | None
    last_seen: datetime | None


@dataclass(frozen=True, slots=True)
class NoticeOutcome:
    """The outcome of notices of one kind, as recorded by members."""

    kind: str
    sent: int
    removed: int
    answered: int  # With a reply from the addressee, including counter-notices.
    days_to_removal: int | None  # Median number of days from sending.
    days_to_answer: int | None

    @property
    def removed_share(self) -> int:
        """Percentage of sent notices after which the material was removed, rounded down."""
        return 100 * self.removed // self.sent

    @property
    def answered_share(self) -> int:
        """Percentage of sent notices that were answered, rounded down."""
        return 100 * self.answered // self.sent


def list_parties(owner: Owner, search_text: str = "") -> QuerySet[Case, Any]:
    """Return the parties of an owner's cases with counts, sorted by confirmed, then by waiting cases (descending)."""
    rows = Case.objects.filter(owner=owner, is_related=False).exclude(party="")
    rows = rows.filter(party__icontains=search_text) if search_text else rows
    party_rows = (
        rows.order_by()
        .values("party")
        .annotate(
            cases=Count("pk"),
            waiting=Count("pk", filter=Q(is_pending=True)),
            confirmed=Count("pk", filter=Q(decision=Case.Decision.CONFIRMED)),
            removed=Count("pk", filter=Q(standing="removed")),
            all_places=Sum("places"),
            newest=Max("opened_at"),
        )
    )
    return party_rows.order_by("-confirmed", "-waiting", "party")


def to_party_rows(rows: Iterable[dict[str, Any]]) -> list[PartySummary]:
    """Convert rows of :func:`list_parties` to :class:`PartySummary`."""
    return [
        PartySummary(**{"places" if name == "all_places" else name: value for name, value in row.items()})
        for row in rows
    ]


def get_party(owner: Owner, name: str) -> PartySummary:
    """Return one party of an owner.

    Raises:
        NotFoundError: The owner has no case of this party.
    """
    rows = to_party_rows(list_parties(owner).filter(party=name))
    if not rows:
        raise NotFoundError(f"{owner.name} has no case for the site {name}.")
    return rows[0]


def list_cases(owner: Owner, name: str) -> QuerySet[Case]:
    """Return the owner's cases of a party: waiting cases first, then the newest."""
    return scoped.list_owner_cases(owner).filter(party=name, is_related=False).order_by("-is_pending", "-number")


def list_works(owner: Owner, name: str) -> QuerySet[Work]:
    """Return the owner's works that the party showed; ``seen`` is the number of cases of each."""
    party_filter = Q(cases__party=name)
    return (
        Work.objects.filter(party_filter, owner=owner)
        .annotate(seen=Count("cases", filter=party_filter))
        .order_by("-seen", "number")
    )


def list_pages(owner: Owner, name: str, limit: int = MAX_LISTED) -> list[PartyPage]:
    """Return pages of the party that showed the owner's works, most recently seen first."""
    party_sightings = CaseSighting.objects.filter(case__owner=owner, case__party=name)
    rows = party_sightings.values("case", "case__number", "sighting__page_key", "sighting__page_url")
    online_query = build_last_online_subquery(case=OuterRef("case"), page_key=OuterRef("sighting__page_key"))
    page_rows = rows.annotate(first=Min("sighting__first_seen"), seen=Max("sighting__last_seen"), online=online_query)
    page_rows = page_rows.annotate(last=Greatest("seen", "online"))
    page_rows = page_rows.order_by(F("last").desc(nulls_last=True))
    return [
        PartyPage(row["case__number"], row["sighting__page_url"], row["first"], row["last"])
        for row in page_rows[:limit]
    ]


def list_contacts(owner: Owner, name: str) -> list[tuple[str, str, str, int]]:
    """Return past addressees of notices about the party: name, email address, source, number of the last notice."""
    rows = Notice.objects.filter(owner=owner, party=name).exclude(state=State.DISCARDED).order_by("-number")
    contacts: dict[tuple[str, str], tuple[str, str, str, int]] = {}
    for number, contact_fields in rows.values_list("number", "fields")[:50]:
        addressee = (contact_fields.get("addressee_name", ""), contact_fields.get("addressee_email", ""))
        if any(addressee):
            contacts.setdefault(addressee, (*addressee, contact_fields.get("addressee_source", ""), number))
    return list(contacts.values())


def request_lookup(owner: Owner, name: str, *, by: str) -> PartyLookup:
    """Queue a registry lookup of a party at a member's request. Results less than a day old are reused.

    Raises:
        NotFoundError: The owner has no case of this party.
    """
    get_party(owner, name)
    with transaction.atomic():
        values = {"requested_by": by, "requested_at": now()}
        rows = PartyLookup.objects.select_for_update(no_key=True)
        row, is_new = rows.get_or_create(owner=owner, party=name, defaults=values)
        if not is_new and is_outdated(row):
            update_row(row, **values, **steps.build_reset_columns())
    return row


def is_outdated(row: PartyLookup | None) -> bool:
    """Return True if registries may be queried: no lookup exists, the last one failed, or it is over a day old."""
    if row is None or row.state == StepState.FAILED:
        return True
    return row.state == StepState.DONE and row.requested_at < now() - MAX_LOOKUP_AGE


def get_lookup(owner: Owner, name: str) -> PartyLookup | None:
    """Return the lookup of a party (finished or pending), or None if no member requested one."""
    return PartyLookup.objects.filter(owner=owner, party=name).first()


def summarise_outcomes(owner: Owner) -> list[NoticeOutcome]:
    """Summarise the outcomes of sent notices by kind."""
    event_day = Coalesce("day", TruncDate("at"))

    def find_first_day(*kinds: str) -> Subquery:
        events = NoticeEvent.objects.filter(notice=OuterRef("pk"), kind__in=kinds).order_by()
        return Subquery(events.values("notice").annotate(first=Min(event_day)).values("first"))

    sent_notices = Notice.objects.filter(owner=owner, sent_at__isnull=False).exclude(state=State.DISCARDED)
    rows = annotate_refuted(sent_notices).annotate(
        on=TruncDate("sent_at"), gone=find_first_day("removed"), answer=find_first_day("answered", "countered", "reply")
    )
    by_kind: dict[str, list[tuple[date, date | None, date | None]]] = {}
    for kind, sent_on, removed_on, answered_on, is_refuted in rows.values_list(
        "kind", "on", "gone", "answer", "refuted"
    ):
        by_kind.setdefault(kind, []).append((sent_on, None if is_refuted else removed_on, answered_on))
    return [_summarise_kind(kind, by_kind[kind]) for kind in Notice.Kind.values if kind in by_kind]


def _summarise_kind(kind: str, rows: list[tuple[date, date | None, date | None]]) -> NoticeOutcome:
    removal_days = [max(0, (day - sent_on).days) for sent_on, day, _ in rows if day is not None]
    reply_days = [max(0, (day - sent_on).days) for sent_on, _, day in rows if day is not None]
    medians = [median_low(days) if days else None for days in (removal_days, reply_days)]
    return NoticeOutcome(kind, len(rows), len(removal_days), len(reply_days), *medians)

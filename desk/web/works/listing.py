"""The list of an owner's works: searched, filtered, and what each card says."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from desk.texts import ownership
from desk.web.common.access import member_page, number_in, page_of, said, show
from registry.models import Flood, Owner, OwnershipRemark, Work
from registry.works import works as searching

ONLY = (
    ("", _("All")),
    (searching.Only.DOUBTFUL, _("Something speaks against them")),
    (searching.Only.UNSAFE, _("Can't be matched safely")),
    (searching.Only.SEEN, _("Seen somewhere")),
    (searching.Only.AUTHORLESS, _("Without an author")),
    (searching.Only.HELD, _("Held back")),
    (searching.Only.RELATED, _("Belong together")),
)


@dataclass(frozen=True, slots=True)
class Card:
    """A work as a list shows it."""

    work: Work
    cases: int
    held: bool
    doubts: list[str]  # what speaks against it and nobody has answered


def with_cards(rows: QuerySet[Work]) -> QuerySet[Work]:
    """Works with what their cards read, in few queries."""
    doubts = OwnershipRemark.objects.filter(answered_at=None)
    return rows.prefetch_related("pictures", "conflicts", Prefetch("remarks", doubts, to_attr="doubts"))


def cards_of(rows: Iterable[Work]) -> list[Card]:
    """The cards of works from :func:`with_cards`."""
    works = list(rows)
    counts = searching.case_counts(works)
    held = set(Flood.in_force().filter(work__in=works).values_list("work", flat=True))
    return [Card(row, counts.get(row.pk, 0), row.pk in held, ownership.in_short(row)) for row in works]


@member_page
def works(request: HttpRequest, owner: Owner) -> HttpResponse:
    """The owner's works, newest first: searched, and those only that need something."""
    words, only = said(request.GET.get("q", "")), request.GET.get("only", "")
    upload = number_in(request.GET.get("upload"))
    page = page_of(request, with_cards(searching.search(owner, words, only, upload)))
    values = {"page": page, "cards": cards_of(page), "q": words, "only": only, "choices": ONLY, "upload": upload}
    return show(request, owner, "web/works.html", values)

"""Queries for cases and pictures, limited to one owner."""

from collections.abc import Iterable

from django.db.models import Count, F, Q

from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.accounts.scoped import make_number_lookup, make_owner_query
from registry.cases.models import Case, CaseSighting, Flood
from registry.crawls.models import Watch
from registry.pictures.models import Picture
from registry.pictures.scoped import find_hidden_pictures

list_owner_cases = make_owner_query(Case, "work", "owner", order="number")


def count_by_watch(watches: Iterable[Watch]) -> dict[int, tuple[int, int]]:
    """Count the owner's cases found by each watch, and those that need a decision, by the watch's primary key."""
    own_cases = {"case__owner": F("sighting__crawl__watch__owner"), "case__is_related": False}
    sightings = CaseSighting.objects.filter(sighting__crawl__watch__in=[row.pk for row in watches], **own_cases)
    waiting_count = Count("case", filter=Q(case__is_pending=True), distinct=True)
    counts = sightings.values("sighting__crawl__watch").annotate(
        cases=Count("case", distinct=True), waiting=waiting_count
    )
    return {row["sighting__crawl__watch"]: (row["cases"], row["waiting"]) for row in counts.order_by()}


def get_picture(owner: Owner, digest: Digest) -> Picture:
    """Return the picture with the given digest; raises ``NotFoundError`` if the owner may not see it."""
    row = Picture.objects.filter(digest=digest).first()
    if row is None or not can_see_picture(owner, row):
        raise NotFoundError(Sentence("Picture not found."))
    return row


def can_see_picture(owner: Owner, picture: Picture) -> bool:
    """Return True if the owner may see a picture.

    It must belong to one of the owner's works or cases, match a work on hold, or have been proposed as a work. A
    picture that a member reported as illegal is hidden from all members.
    """
    if find_hidden_pictures(owner, [picture]):
        return False
    in_works = picture.work_pictures.filter(work__owner=owner).exists()
    in_cases = picture.sightings.filter(case_sightings__case__owner=owner)
    proposals = picture.proposals.filter(owner=owner)
    return in_works or in_cases.exists() or proposals.exists() or _matches_held_work(owner, picture)


def _matches_held_work(owner: Owner, picture: Picture) -> bool:
    """Return True if a picture matches a work on hold, so that members can review its matches."""
    held_works = Flood.list_active().filter(work__owner=owner).values("work")
    matches = picture.matches_as_found.exclude(decision="none").filter(registered__work_pictures__work__in=held_works)
    return matches.exists() and picture.sightings.filter(Q(private_to=None) | Q(private_to=owner)).exists()


get_case = make_number_lookup(list_owner_cases, "case")

"""Queries for cases and pictures that are limited to one owner."""

from collections.abc import Iterable

from django.db.models import Count, F, Q

from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.accounts.scoped import number_lookup, rows_of_owner
from registry.cases.models import Case, CaseSighting, Flood
from registry.crawls.models import Watch
from registry.pictures.models import Picture
from registry.pictures.scoped import find_hidden

cases = rows_of_owner(Case, "work", "owner", order="number")


def count_by_watch(watches: Iterable[Watch]) -> dict[int, tuple[int, int]]:
    """Count the owner's cases that each watch has found, and those still waiting, by the watch's primary key."""
    own_cases = {"case__owner": F("sighting__crawl__watch__owner"), "case__resembles": False}
    sightings = CaseSighting.objects.filter(sighting__crawl__watch__in=[row.pk for row in watches], **own_cases)
    waiting_count = Count("case", filter=Q(case__waits=True), distinct=True)
    counts = sightings.values("sighting__crawl__watch").annotate(
        cases=Count("case", distinct=True), waiting=waiting_count
    )
    return {row["sighting__crawl__watch"]: (row["cases"], row["waiting"]) for row in counts.order_by()}


def picture(owner: Owner, digest: Digest) -> Picture:
    """Return a picture that the owner may see; raises ``NotFoundError`` for others."""
    row = Picture.objects.filter(digest=digest).first()
    if row is None or not may_see_picture(owner, row):
        raise NotFoundError(Sentence("Picture not found."))
    return row


def may_see_picture(owner: Owner, picture: Picture) -> bool:
    """Return True if the owner may see a picture.

    It must belong to one of the owner's works, cases or held works, or have been proposed as a work. A picture that a
    member reported as illegal is hidden from all members.
    """
    if find_hidden(owner, [picture]):
        return False
    in_works = picture.work_pictures.filter(work__owner=owner).exists()
    in_cases = picture.sightings.filter(case_sightings__case__owner=owner)
    proposed = picture.proposals.filter(owner=owner)
    return in_works or in_cases.exists() or proposed.exists() or _is_in_held_works(owner, picture)


def _is_in_held_works(owner: Owner, picture: Picture) -> bool:
    """Return True if a picture matches a held work, so that members can see what they decide about."""
    held_works = Flood.in_force().filter(work__owner=owner).values("work")
    matched = picture.matches_as_found.exclude(decision="none").filter(registered__work_pictures__work__in=held_works)
    return matched.exists() and picture.sightings.filter(Q(private_to=None) | Q(private_to=owner)).exists()


case = number_lookup(cases, "case")

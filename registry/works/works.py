"""Searching among an owner's works, and what a list of them shows beside each."""

from collections.abc import Iterable
from enum import StrEnum

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery

from registry.accounts import scoped
from registry.models import Case, Flood, Owner, OwnershipRemark, RegistrationConflict, Sighting, UploadFile, Work
from registry.works.relations import living


class Only(StrEnum):
    """Which works are asked for."""

    DOUBTFUL = "doubtful"
    UNSAFE = "unsafe"
    SEEN = "seen"
    AUTHORLESS = "authorless"
    HELD = "held"
    RELATED = "related"


def opened_works() -> QuerySet[Work]:
    """The works that everybody may see now. Whatever strangers ask looks at these, and at no others."""
    return Work.objects.filter(removed_at=None).exclude(opened_at=None)


def search(of: Owner, words: str = "", only: str = "", upload: int | None = None) -> QuerySet[Work]:
    """The owner's works, newest first, in which all of these words stand: title, author, holder, file or number.

    Parts of words count. ``only`` is an :class:`Only`, or nothing; ``upload`` the number of the one that brought them.
    """
    rows = scoped.works(of).order_by("-number")
    for word in words.lower().split()[:10]:
        number = Q(number=int(word)) if word.isascii() and word.isdecimal() and len(word) < 10 else Q(pk__in=[])
        rows = rows.filter(Q(words__contains=word) | number)
    remarked = OwnershipRemark.objects.filter(answered_at=None).values("work")
    which: dict[str, Q] = {
        Only.DOUBTFUL: Q(pk__in=remarked) | Q(pk__in=RegistrationConflict.objects.values("work")),
        Only.UNSAFE: ~Q(low_information=[]),
        Only.SEEN: Q(_has(Case)),
        Only.HELD: Q(pk__in=Flood.in_force().values("work")),
        Only.AUTHORLESS: Q(author=""),
        Only.RELATED: Q(pk__in=living().values("work")) | Q(pk__in=living().values("other")),
    }
    rows = rows.filter(which.get(only, Q()))
    if upload is not None:
        rows = rows.filter(_has(UploadFile, upload__owner=of, upload__number=upload, outcome="registered"))
    return rows


def case_counts(works: Iterable[Work]) -> dict[int, int]:
    """How many cases each of these works has, by primary key; those without any are left out."""
    rows = Case.objects.filter(work__in=[work.pk for work in works]).order_by().values_list("work")
    return dict(rows.annotate(count=Count("pk")))


def seen_in(cases: QuerySet[Case]) -> QuerySet[Case]:
    """Cases, newest first, each with when one of its pictures was seen first and last."""
    seen = Sighting.objects.filter(case_sightings__case=OuterRef("pk"))
    first = Subquery(seen.order_by("first_seen").values("first_seen")[:1])
    last = Subquery(seen.order_by("-last_seen").values("last_seen")[:1])
    return cases.annotate(first_seen=first, last_seen=last).order_by("-number")


def _has(model: type[Case | UploadFile], **which: object) -> Exists:
    return Exists(model.objects.filter(work=OuterRef("pk"), **which))

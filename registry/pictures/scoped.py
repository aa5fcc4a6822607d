"""Pictures that are hidden from an owner's members."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from exhibit.digests import Digest
from registry.accounts.models import Owner
from registry.pictures.models import BytesState, Picture, PictureReport


def find_hidden_pictures(owner: Owner, pictures: Iterable[Picture]) -> set[int]:
    """Return the primary keys of the given pictures that are hidden from all members of the owner."""
    return set(
        Picture.objects.filter(build_hidden_filter(owner), pk__in=[picture.pk for picture in pictures]).values_list(
            "pk", flat=True
        )
    )


def build_hidden_filter(owner: Owner, path: str = "") -> Q:
    """Return a filter for hidden pictures: reported as illegal, or purged.

    ``path`` is the lookup that leads to the picture, such as ``found__``.
    """
    reported_pictures = PictureReport.objects.filter(owner=owner, picture=OuterRef(f"{path}pk"))
    return Q(**{f"{path}bytes_state": BytesState.PURGED}) | Q(Exists(reported_pictures))


def list_reported_digests(owner: Owner, since: datetime | None = None) -> list[Digest]:
    """Return digests of pictures that members reported as illegal and about which the operator has not decided."""
    rows = PictureReport.objects.filter(owner=owner).exclude(picture__bytes_state=BytesState.PURGED).order_by("pk")
    rows = rows if since is None else rows.filter(reported_at__gt=since)
    return list(rows.values_list("picture__digest", flat=True))

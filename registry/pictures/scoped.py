"""Pictures that are hidden from an owner's members."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from exhibit.digests import Digest
from registry.accounts.models import Owner
from registry.pictures.models import BytesState, Picture, PictureReport


def find_hidden(owner: Owner, pictures: Iterable[Picture]) -> set[int]:
    """Return those of the pictures (primary keys) that are hidden from all members."""
    return set(
        Picture.objects.filter(is_hidden(owner), pk__in=[picture.pk for picture in pictures]).values_list(
            "pk", flat=True
        )
    )


def is_hidden(owner: Owner, path: str = "") -> Q:
    """Return a condition for hidden pictures: reported as illegal, or purged.

    ``path`` is the lookup that leads to the picture, such as ``found__``.
    """
    reported = PictureReport.objects.filter(owner=owner, picture=OuterRef(f"{path}pk"))
    return Q(**{f"{path}bytes_state": BytesState.PURGED}) | Q(Exists(reported))


def list_reported(owner: Owner, since: datetime | None = None) -> list[Digest]:
    """Return digests of pictures that members reported as illegal and that are not purged: the operator decides."""
    rows = PictureReport.objects.filter(owner=owner).exclude(picture__bytes_state=BytesState.PURGED).order_by("pk")
    rows = rows if since is None else rows.filter(reported_at__gt=since)
    return list(rows.values_list("picture__digest", flat=True))

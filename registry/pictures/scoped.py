"""Which pictures are hidden from an owner's members."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from exhibit.digests import Digest
from registry.accounts.models import Owner
from registry.pictures.models import BytesState, Picture, PictureReport


def hidden_among(of: Owner, pictures: Iterable[Picture]) -> set[int]:
    """Those of some pictures (primary keys) that no member sees."""
    return set(
        Picture.objects.filter(is_hidden(of), pk__in=[picture.pk for picture in pictures]).values_list("pk", flat=True)
    )


def is_hidden(of: Owner, path: str = "") -> Q:
    """Whether no member sees a picture: it is reported as illegal, or purged. The path leads to it, as ``found__``."""
    reported = PictureReport.objects.filter(owner=of, picture=OuterRef(f"{path}pk"))
    return Q(**{f"{path}bytes_state": BytesState.PURGED}) | Q(Exists(reported))


def reported(of: Owner, since: datetime | None = None) -> list[Digest]:
    """Digests of the pictures that a member reported as illegal and that are still here: the operator decides."""
    rows = PictureReport.objects.filter(owner=of).exclude(picture__bytes_state=BytesState.PURGED).order_by("pk")
    rows = rows if since is None else rows.filter(reported_at__gt=since)
    return list(rows.values_list("picture__digest", flat=True))

"""Release of a flood's matches after a member has opened it, by processing its pictures again."""

from collections.abc import Sequence

from django.db import transaction

from registry.cases import opening
from registry.cases.models import Flood
from registry.db import steps
from registry.db.claimable import UNFINISHED
from registry.matches.match_storage import lock_pictures
from registry.pictures.models import Picture
from registry.services.services import Services


def release_floods(services: Services, ids: Sequence[int]) -> None:
    """Queue the pictures of opened floods again, so that their cases are opened as usual.

    The works are no longer on hold at this point.
    """
    for pk in steps.claim(Flood, ids, services.stale_after):
        with steps.guard_processing(Flood, [pk]):
            work = Flood.objects.select_related("work").get(pk=pk).work
            pictures = sorted({candidate.found_picture for candidate in opening.list_held_candidates(work)})
            with transaction.atomic():
                lock_pictures(pictures)
                Picture.objects.filter(pk__in=pictures).exclude(state__in=UNFINISHED).update(
                    **steps.build_reset_columns()
                )
                steps.finish(Flood, [pk])
            services.enqueue(Picture, pictures)

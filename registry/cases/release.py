"""Release of a flood's matches after a person has opened it: its pictures are processed again."""

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
    """Queue the pictures that floods held back again; their step opens the cases as usual.

    The floods are over at this point, so that new matches are no longer held back.
    """
    for pk in steps.claim(Flood, ids, services.stale_after):
        with steps.processing(Flood, [pk]):
            work = Flood.objects.select_related("work").get(pk=pk).work
            pictures = sorted({matter.found_picture for matter in opening.list_held_back(work)})
            with transaction.atomic():
                lock_pictures(pictures)
                Picture.objects.filter(pk__in=pictures).exclude(state__in=UNFINISHED).update(**steps.reset_columns())
                steps.finish(Flood, [pk])
            services.enqueue(Picture, pictures)

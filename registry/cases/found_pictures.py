"""Found pictures of a case whose work is registered by fingerprints only."""

from django.db.models import F

from exhibit.digests import Digest
from exhibit.errors import WrongUseError
from registry.cases.models import Case
from registry.pictures import scoped
from registry.services.services import Services

MAX_LOOKED_AT = 20
"""Maximum number of found pictures returned for comparison, the most recently seen first."""


def load_found_pictures(services: Services, case: Case, digest: Digest) -> dict[str, bytes]:
    """Return a case's found pictures by URL, for a caller who has the work's file with the declared digest.

    Raises:
        WrongUseError: The file has another digest, or the work's picture is stored here.
        NotFoundError: The bytes of a found picture are lost.
    """
    stated_digests = list(case.work.work_pictures.exclude(stated=None).values_list("stated", flat=True))
    if digest not in stated_digests:
        mismatch = (
            f"The file has the digest {digest}; {', '.join(map(str, stated_digests))} was "
            f"stated of work {case.work.number}."
        )
        stored_here = f"The picture of work {case.work.number} is here: case {case.number} shows the pair."
        raise WrongUseError(mismatch if stated_digests else stored_here)
    rows = case.case_sightings.select_related("sighting__picture").order_by(
        F("sighting__last_seen").desc(nulls_last=True), "pk"
    )
    urls = {row.sighting.picture: row.sighting.image_url for row in rows}
    hidden_ids = scoped.find_hidden(case.owner, urls)
    visible = [picture for picture in urls if picture.pk not in hidden_ids][:MAX_LOOKED_AT]
    return {urls[picture]: services.blobs.get(picture.digest) for picture in visible}

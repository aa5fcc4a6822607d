"""Found pictures of a case whose work is registered by fingerprints only."""

from django.db.models import F

from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from registry.cases.models import Case
from registry.pictures import scoped
from registry.services.services import Services

MAX_LOADED_PICTURES = 20
"""Maximum number of found pictures returned for comparison, the most recently seen first."""


def load_found_pictures(services: Services, case: Case, digest: Digest) -> dict[str, bytes]:
    """Load a case's found pictures by image URL, for a caller who has the work's file.

    ``digest`` is the digest of that file, which must be the one declared for the work.

    Raises:
        InvalidRequestError: The digest is not the declared one, or the work's picture is stored in this installation.
        NotFoundError: The bytes of a found picture are missing.
    """
    stated_digests = list(case.work.work_pictures.exclude(stated=None).values_list("stated", flat=True))
    if digest not in stated_digests:
        mismatch_message = (
            f"The file has the digest {digest}; {', '.join(map(str, stated_digests))} was "
            f"declared for work {case.work.number}."
        )
        stored_message = (
            f"The picture of work {case.work.number} is stored here. See both pictures in case {case.number}."
        )
        raise InvalidRequestError(mismatch_message if stated_digests else stored_message)
    rows = case.case_sightings.select_related("sighting__picture").order_by(
        F("sighting__last_seen").desc(nulls_last=True), "pk"
    )
    urls = {row.sighting.picture: row.sighting.image_url for row in rows}
    hidden_ids = scoped.find_hidden_pictures(case.owner, urls)
    visible_pictures = [picture for picture in urls if picture.pk not in hidden_ids][:MAX_LOADED_PICTURES]
    return {urls[picture]: services.blobs.get(picture.digest) for picture in visible_pictures}

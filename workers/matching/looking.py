"""An owner's own look at what fingerprints found: the picture is compared where it comes from, and isn't kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from exhibit.digests import Digest
from exhibit.errors import WrongUseError
from exhibit.types import Decision, Verification
from indexer.draw.draw import View, draw
from indexer.draw.pair import Pair
from indexer.picture.features import extract
from indexer.search.search import compare_alone
from registry.accounts import scoped
from registry.models import Case
from workers.services.wiring import Services
from workers.texts.sentences import words_of

MAX_PICTURES = 20
"""Found pictures of a case that are compared, those seen last."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A found picture, and what its comparison with the owner's says."""

    image_url: str
    found: bytes
    compared: Verification
    sentences: tuple[str, ...]


def look(services: Services, case: Case, data: bytes) -> list[Seen]:
    """Compare the owner's picture with what its stated fingerprints found in a case; the likest first.

    Raises ``WrongUseError`` where the work's picture is held here, or is another file than the stated one,
    ``UnreadablePictureError``, and ``NotFoundError`` where a found picture's bytes are gone.
    """
    stated = list(case.work.work_pictures.exclude(stated=None).values_list("stated", flat=True))
    if not stated:
        raise WrongUseError(f"The picture of work {case.work.number} is here: case {case.number} shows the pair.")
    if (digest := Digest.of(data)) not in stated:
        told = f"The file has the digest {digest}; what was stated of work {case.work.number} is {stated[0]}."
        raise WrongUseError(told, hint="Bring the very file of which the fingerprints were made.")
    own = extract(data, services.limits)
    rows = case.case_sightings.select_related("sighting__picture").order_by("-sighting__last_seen", "pk")
    found = {row.sighting.picture: row.sighting.image_url for row in rows}
    hidden = scoped.hidden_among(case.owner, found)
    seen = []
    for picture, url in [(picture, url) for picture, url in found.items() if picture.pk not in hidden][:MAX_PICTURES]:
        copy = services.blobs.get(picture.digest)
        compared = compare_alone(extract(copy, services.limits), lambda copy=copy: copy, own, services.limits)
        seen.append(Seen(url, copy, compared, words_of(compared)))
    return sorted(seen, key=lambda one: list(Decision).index(one.compared.decision))


def drawn_beside(services: Services, data: bytes, seen: Sequence[Seen]) -> bytes | None:
    """The owner's picture beside the likest found one, a JPEG; ``None`` where no two can be laid onto each other."""
    laid = next((one for one in seen if one.compared.transform is not None), None)
    return None if laid is None else draw(View.SIDE_BY_SIDE, Pair.of(laid.found, data, laid.compared, services.limits))

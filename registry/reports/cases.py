"""A case as shown in a report: its facts, and its images on demand."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache, partial

from evidence.documents.report.facts import PlaceStanding, ReportCase
from evidence.facts.case import CaseFacts, PictureFacts
from exhibit.digests import Digest
from indexer.draw.draw import View
from indexer.draw.pair import MAX_SIDE
from registry.bundles.bundles import sealed_case, sealed_facts
from registry.bundles.documents import LazyPictures
from registry.bundles.drawings import kept_drawing
from registry.bundles.facts import Gathered, gather
from registry.bundles.models import Bundle
from registry.bundles.picture_usage import reported_files
from registry.bundles.proofs import witnesses_of
from registry.cases import recaptures
from registry.cases.models import Case
from registry.crawls.models import Sighting
from registry.log.proofs import sequence_of
from registry.pictures import scoped
from registry.services.services import Services


@dataclass(frozen=True, slots=True)
class ShownCase:
    """A case in a report, with the images that its facts name."""

    case: ReportCase
    pictures: Mapping[str, bytes]


def shown_case(services: Services, case: Case, language: str, side: int = MAX_SIDE) -> ShownCase:
    """Return the last sealed content, or the current facts if nothing is sealed or the decision has changed since.

    Unsealed drawings are made in the size in which they are shown: ``side`` pixels on the longer side.
    """
    bundle = case.bundles.exclude(seal_digest=None).order_by("-number").first()
    if bundle is None:
        return _present(services, case, None, language, side)
    sealed = sealed_case(services, bundle)
    facts = sealed_facts(services, sealed)
    if (facts.decision.decision, facts.decision.at) != (case.decision, case.decided_at):
        return _present(services, case, bundle, language, side)
    hidden = reported_files(services, case.owner, sealed, facts)
    pictures = {
        file.path: partial(services.blobs.get, file.sha256)
        for file in sealed.manifest.files
        if file.media_type.startswith("image/") and "/capture-" not in file.path and file.path not in hidden
    }
    proofs = bundle.seal_digest, sequence_of(bundle.submission_id), witnesses_of(bundle)
    return ShownCase(ReportCase(facts, *proofs, standings=_standings(case)), LazyPictures(pictures))


def _present(services: Services, case: Case, sealed: Bundle | None, language: str, side: int) -> ShownCase:
    """Return the current facts, with the seal of an earlier decision if there is one."""
    gathered = gather(services, case, bundle=0, language=language, sealed=False)
    hidden = scoped.reported(case.owner)
    pictures = LazyPictures(
        {**_originals(services, gathered.facts, hidden), **_drawn(services, gathered, hidden, side)}
    )
    if sealed is None:
        return ShownCase(ReportCase(gathered.facts, None, None, ()), pictures)
    proofs = sealed.seal_digest, sequence_of(sealed.submission_id), witnesses_of(sealed)
    return ShownCase(ReportCase(gathered.facts, *proofs, earlier=True), pictures)


def _standings(case: Case) -> tuple[PlaceStanding, ...]:
    """Return the state of the places at their last visits."""
    last = recaptures.standings(case.captures.all()).values()
    addresses = Sighting.objects.in_bulk([visit.sighting_id for _, visit in last])
    standings = []
    for standing, visit in last:
        assert visit.finished_at is not None
        place = addresses[visit.sighting_id]
        standings.append(PlaceStanding(place.page_url, place.image_url, str(standing), visit.finished_at))
    return tuple(standings)


def _originals(services: Services, facts: CaseFacts, hidden: Collection[Digest]) -> dict[str, Callable[[], bytes]]:
    images: list[PictureFacts] = [*facts.work.pictures, *(sighting.picture for sighting in facts.sightings)]
    return {
        picture.file: partial(services.blobs.get, picture.digest) for picture in images if picture.digest not in hidden
    }


def _drawn(
    services: Services, gathered: Gathered, hidden: Collection[Digest], side: int
) -> dict[str, Callable[[], bytes]]:
    """Return functions that draw an unsealed case's images. Each image is drawn once for all languages."""
    return {
        path: cache(partial(kept_drawing, services, row, View(role), side))
        for match, row in zip(gathered.facts.matches, gathered.matches, strict=True)
        if match.picture not in hidden and match.work_picture not in hidden
        for role, path in match.drawings.items()
    }

"""A case as shown in a report: its facts, and its images on demand."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache, partial

from evidence.documents.report.facts import PlaceStanding, ReportCase
from evidence.facts.case import CaseFacts, PictureFacts
from exhibit.digests import Digest
from indexer.draw.draw import View
from indexer.draw.pair import MAX_SIDE
from registry.bundles.bundles import load_sealed_case, load_sealed_facts
from registry.bundles.documents import LazyPictures
from registry.bundles.drawings import load_drawing
from registry.bundles.facts import GatheredFacts, gather_facts
from registry.bundles.models import Bundle
from registry.bundles.picture_usage import reported_files
from registry.bundles.proofs import timestamps_of
from registry.cases import recaptures
from registry.cases.models import Case
from registry.crawls.models import Sighting
from registry.log.proofs import get_sequence
from registry.pictures import scoped
from registry.services.services import Services


@dataclass(frozen=True, slots=True)
class CaseContent:
    """A case in a report, with the images that its facts name."""

    case: ReportCase
    pictures: Mapping[str, bytes]


def load_case_content(services: Services, case: Case, language: str, side: int = MAX_SIDE) -> CaseContent:
    """Return the last sealed content, or the current facts if nothing is sealed or the decision has changed since.

    Unsealed drawings are made in the size in which they are shown: ``side`` pixels on the longer side.
    """
    bundle = case.bundles.exclude(seal_digest=None).order_by("-number").first()
    if bundle is None:
        return _load_current_content(services, case, None, language, side)
    sealed_content = load_sealed_case(services, bundle)
    facts = load_sealed_facts(services, sealed_content)
    if (facts.decision.decision, facts.decision.at) != (case.decision, case.decided_at):
        return _load_current_content(services, case, bundle, language, side)
    hidden_files = reported_files(services, case.owner, sealed_content, facts)
    pictures = {
        file.path: partial(services.blobs.get, file.sha256)
        for file in sealed_content.manifest.files
        if file.media_type.startswith("image/") and "/capture-" not in file.path and file.path not in hidden_files
    }
    proofs = bundle.seal_digest, get_sequence(bundle.submission_id), timestamps_of(bundle)
    return CaseContent(ReportCase(facts, *proofs, standings=_list_standings(case)), LazyPictures(pictures))


def _load_current_content(
    services: Services, case: Case, sealed_bundle: Bundle | None, language: str, side: int
) -> CaseContent:
    """Return the current facts, with the seal of an earlier decision if there is one."""
    gathered = gather_facts(services, case, bundle=0, language=language, for_sealing=False)
    hidden_digests = scoped.list_reported(case.owner)
    pictures = LazyPictures(
        {
            **_make_original_loaders(services, gathered.facts, hidden_digests),
            **_make_drawing_loaders(services, gathered, hidden_digests, side),
        }
    )
    if sealed_bundle is None:
        return CaseContent(ReportCase(gathered.facts, None, None, ()), pictures)
    proofs = sealed_bundle.seal_digest, get_sequence(sealed_bundle.submission_id), timestamps_of(sealed_bundle)
    return CaseContent(ReportCase(gathered.facts, *proofs, earlier=True), pictures)


def _list_standings(case: Case) -> tuple[PlaceStanding, ...]:
    """Return the state of the places at their last visits."""
    last = recaptures.standings(case.captures.all()).values()
    addresses = Sighting.objects.in_bulk([visit.sighting_id for _, visit in last])
    standings = []
    for standing, visit in last:
        assert visit.finished_at is not None
        place = addresses[visit.sighting_id]
        standings.append(PlaceStanding(place.page_url, place.image_url, str(standing), visit.finished_at))
    return tuple(standings)


def _make_original_loaders(
    services: Services, facts: CaseFacts, hidden_digests: Collection[Digest]
) -> dict[str, Callable[[], bytes]]:
    images: list[PictureFacts] = [*facts.work.pictures, *(sighting.picture for sighting in facts.sightings)]
    return {
        picture.file: partial(services.blobs.get, picture.digest)
        for picture in images
        if picture.digest not in hidden_digests
    }


def _make_drawing_loaders(
    services: Services, gathered: GatheredFacts, hidden_digests: Collection[Digest], side: int
) -> dict[str, Callable[[], bytes]]:
    """Return functions that draw an unsealed case's images. Each image is drawn once for all languages."""
    return {
        path: cache(partial(load_drawing, services, row, View(role), side))
        for match, row in zip(gathered.facts.matches, gathered.matches, strict=True)
        if match.picture not in hidden_digests and match.work_picture not in hidden_digests
        for role, path in match.drawings.items()
    }

"""A case as shown in a report: its facts, and its images on demand."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache, partial

from evidence.documents.report.facts import PageStatus, ReportCase
from evidence.facts.case import CaseFacts, PictureFacts
from exhibit.digests import Digest
from indexer.draw.draw import View
from indexer.draw.pair import MAX_SIDE
from registry.bundles.bundles import load_sealed_case, load_sealed_facts
from registry.bundles.documents import LazyPictures
from registry.bundles.drawings import load_drawing
from registry.bundles.facts import GatheredFacts, gather_facts
from registry.bundles.models import Bundle
from registry.bundles.picture_usage import list_reported_paths
from registry.bundles.proofs import list_bundle_timestamps
from registry.cases import recaptures
from registry.cases.models import Case
from registry.crawls.models import Sighting
from registry.log.proofs import get_sequence
from registry.pictures import scoped
from registry.services.services import Services


@dataclass(frozen=True, slots=True)
class CaseContent:
    """A case in a report, with the images to which its facts refer."""

    case: ReportCase
    pictures: Mapping[str, bytes]


def load_case_content(services: Services, case: Case, language: str, side: int = MAX_SIDE) -> CaseContent:
    """Return the last sealed content, or the current facts if nothing is sealed or the decision has changed since.

    Unsealed drawings are generated at the size at which they are shown: ``side`` pixels on the longer side.
    """
    bundle = case.bundles.exclude(seal_digest=None).order_by("-number").first()
    if bundle is None:
        return _load_current_content(services, case, None, language, side)
    sealed_content = load_sealed_case(services, bundle)
    facts = load_sealed_facts(services, sealed_content)
    if (facts.decision.decision, facts.decision.at) != (case.decision, case.decided_at):
        return _load_current_content(services, case, bundle, language, side)
    hidden_files = list_reported_paths(services, case.owner, sealed_content, facts)
    pictures = {
        file.path: partial(services.blobs.get, file.sha256)
        for file in sealed_content.manifest.files
        if file.media_type.startswith("image/") and "/capture-" not in file.path and file.path not in hidden_files
    }
    proofs = bundle.seal_digest, get_sequence(bundle.submission_id), list_bundle_timestamps(bundle)
    return CaseContent(ReportCase(facts, *proofs, standings=_list_place_states(case)), LazyPictures(pictures))


def _load_current_content(
    services: Services, case: Case, sealed_bundle: Bundle | None, language: str, side: int
) -> CaseContent:
    """Return the current facts, with the seal of an earlier decision if there is one."""
    gathered_facts = gather_facts(services, case, bundle=0, language=language, for_sealing=False)
    hidden_digests = scoped.list_reported_digests(case.owner)
    pictures = LazyPictures(
        {
            **_make_original_loaders(services, gathered_facts.facts, hidden_digests),
            **_make_drawing_loaders(services, gathered_facts, hidden_digests, side),
        }
    )
    if sealed_bundle is None:
        return CaseContent(ReportCase(gathered_facts.facts, None, None, ()), pictures)
    proofs = sealed_bundle.seal_digest, get_sequence(sealed_bundle.submission_id), list_bundle_timestamps(sealed_bundle)
    return CaseContent(ReportCase(gathered_facts.facts, *proofs, earlier=True), pictures)


def _list_place_states(case: Case) -> tuple[PageStatus, ...]:
    """Return the state of each page and image URL at the last visit."""
    last_visits = recaptures.find_place_states(case.captures.all()).values()
    sightings = Sighting.objects.in_bulk([visit.sighting_id for _, visit in last_visits])
    place_states = []
    for state, visit in last_visits:
        assert visit.finished_at is not None
        sighting = sightings[visit.sighting_id]
        place_states.append(PageStatus(sighting.page_url, sighting.image_url, str(state), visit.finished_at))
    return tuple(place_states)


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

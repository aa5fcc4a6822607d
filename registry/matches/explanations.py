"""Explanations of why a search finds or misses a registered work, and storage of such pairs for measurements."""

from exhibit.digests import Digest
from exhibit.errors import RefusedError
from exhibit.sentences import Sentence
from exhibit.types import Verification
from indexer.calibration.filed_pairs import FiledPairs, Judgement
from indexer.draw.draw import View, draw
from indexer.draw.pair import Pair
from indexer.picture.features import Features
from indexer.search.explanation import Explanation, explain
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.ports import get_descriptors, get_indexes
from registry.matches.identify import WorksSubset, list_pictures
from registry.matches.registered_works import load_registered_features
from registry.pictures.blocklist import find_blocked_digests
from registry.services.services import Services
from registry.works.models import Work


def explain_search(services: Services, work: Work, data: bytes) -> Explanation[int]:
    """Search the owner's works for a picture, and explain why the search finds or misses this work.

    The explanation refers to pictures by primary key.

    Raises:
        IntegrityError: Files are damaged.
        ServiceMissingError: The search takes too long.
    """
    get_descriptors(services).refresh()
    get_indexes(services).refresh(Collection.WORKS)
    originals = {picture.pk: load_registered_features(services, picture.digest) for picture in work.pictures.all()}
    owner_works, serving = WorksSubset(services, list_pictures(work.owner)), get_descriptors(services).serving

    def resolve(found_features: Features, verifications: dict[int, Verification]) -> dict[int, Verification]:
        return owner_works.resolve_series(found_features, lambda: data, verifications)

    return explain(data, originals, owner_works, services.limits, serving, resolve)


def list_preceding_works(work: Work, explanation: Explanation[int]) -> list[int]:
    """Return the numbers of the works that ranked before the requested one."""
    works = Work.objects.filter(owner=work.owner, removed_at=None, pictures__in=explanation.works_before).exclude(
        pk=work.pk
    )
    return sorted(set(works.values_list("number", flat=True)))


def store_pair(
    services: Services,
    work: Work,
    explanation: Explanation[int],
    copy: bytes,
    judgement: Judgement,
    *,
    name: str,
    by: str,
) -> None:
    """Store a pair for measurements; raises ``RefusedError`` if it cannot be read or is blocked by the operator."""
    if find_blocked_digests([Digest.from_bytes(copy)]):
        raise RefusedError(Sentence("The operator's blocklist contains these bytes."), reason="blocked")
    original, description = (
        _load_original(services, work, explanation),
        f"{work.owner.slug} work {work.number} / {name}",
    )
    FiledPairs(services.config.data_dir).add(original, copy, judgement, explanation, picture_names=description, by=by)


def draw_alignment(services: Services, work: Work, explanation: Explanation[int], copy: bytes) -> bytes:
    """Return a JPEG of both pictures side by side with their alignment; empty if the copy cannot be read."""
    if (verification := explanation.examined) is None:
        return b""
    return draw(
        View.SIDE_BY_SIDE,
        Pair.from_verification(copy, _load_original(services, work, explanation), verification, services.limits),
    )


def _load_original(services: Services, work: Work, explanation: Explanation[int]) -> bytes:
    """Return the bytes of the work's picture that passed the most stages of the search."""
    return services.blobs.get(work.pictures.get(pk=explanation.original).digest)

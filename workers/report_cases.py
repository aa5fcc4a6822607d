"""One case as a report shows it: its facts, and its pictures when they are asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from evidence.documents import ReportCase
from evidence.facts import CaseFacts, PictureFacts
from indexer.draw import View, draw
from indexer.draw_pair import Pair
from registry.models import Bundle, Case, LogEntry, Match
from workers.bundles import sealed_case, sealed_facts
from workers.drawings import pair_of
from workers.facts import Gathered, gather
from workers.lazy_pictures import LazyPictures
from workers.proofs import witnesses_of
from workers.wiring import House


@dataclass(frozen=True, slots=True)
class ShownCase:
    """A case in a report, with the pictures that its facts name."""

    case: ReportCase
    pictures: Mapping[str, bytes]


def shown_case(house: House, case: Case, language: str) -> ShownCase:
    """What was sealed last, or the facts of now where nothing is sealed or the decision is another since."""
    bundle = case.bundles.exclude(seal_digest=None).order_by("-number").first()
    if bundle is None or case.decision != Case.Decision.CONFIRMED:
        gathered = gather(house, case, bundle=0, language=language, sealed=False)
        pictures = {**_originals(house, gathered.facts), **_drawn(house, gathered)}
        return ShownCase(ReportCase(gathered.facts, None, None, ()), LazyPictures(pictures))
    sealed = sealed_case(house, bundle)
    facts = sealed_facts(house, sealed)
    pictures = {
        file.path: partial(house.blobs.get, file.sha256)
        for file in sealed.manifest.files
        if file.media_type.startswith("image/") and "/capture-" not in file.path
    }
    shown = ReportCase(facts, bundle.seal_digest, _sequence(bundle), witnesses_of(bundle))
    return ShownCase(shown, LazyPictures(pictures))


def _sequence(bundle: Bundle) -> int | None:
    entry = LogEntry.objects.filter(submission=bundle.submission_id).first()
    return None if entry is None else entry.sequence


def _originals(house: House, facts: CaseFacts) -> dict[str, Callable[[], bytes]]:
    named: list[PictureFacts] = [*facts.work.pictures, *(one.picture for one in facts.sightings)]
    return {one.file: partial(house.blobs.get, one.digest) for one in named}


def _drawn(house: House, gathered: Gathered) -> dict[str, Callable[[], bytes]]:
    """The drawings of a case that isn't sealed; those of one match are made from the same two pictures."""
    made: dict[str, Callable[[], bytes]] = {}
    for one, row in zip(gathered.facts.matches, gathered.matches, strict=True):
        pair = _Pair(house, row)
        made.update({path: partial(pair.drawn, View(role)) for role, path in one.drawings.items()})
    return made


class _Pair:
    """A match's pictures, decoded when the first drawing is asked for."""

    def __init__(self, house: House, match: Match) -> None:
        self._house = house
        self._match = match
        self._pair: Pair | None = None

    def drawn(self, view: View) -> bytes:
        """One drawing; raises ``NotFoundError`` when the bytes of a picture aren't here any more."""
        if self._pair is None:
            self._pair = pair_of(self._house, self._match)
        return draw(view, self._pair)

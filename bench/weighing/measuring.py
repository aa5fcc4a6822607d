"""Measurement of all pairs. Results are saved line by line, so that an interrupted run can continue."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from bench import exposures
from bench.common import Progress
from bench.matching.registered import RegisteredWorks
from bench.matching.results import ResultStore, read_results
from bench.matching.roles import PhotoRoles, assign_roles, run_queries
from bench.matching.run import QuerySelection
from bench.queries import list_photos
from bench.weighing import pairs, questions
from bench.weighing.pairs import MeasuredQuery, Pair, PairKind, parse_measured_query
from bench.weighing.questions import LookAlikeList, MeasurementQuery
from exhibit.errors import InvalidRequestError
from indexer.compare.figures import Figures, add_pieces, compute_initial_figures, measure_alignments
from indexer.compare.geometry import CachedMatches
from indexer.compare.nearest_hash import find_nearest_hash
from indexer.layout.information import COMPOSITION_REASONS
from indexer.picture.features import Features, extract
from indexer.picture.spaces import DESCRIPTOR, PIPELINE, ROOTSIFT
from indexer.search.candidates import Candidate

DEFAULT_DATA_DESCRIPTION = "pictures of one's own"
ABOUT_NAME, RESULTS_NAME = "about.json", "answers.jsonl"
MAX_DISTANCE = 2.0
"""Maximum of 1 − cosine for works proposed by a descriptor. It includes all works."""
MAX_NEAREST_VECTORS = 8
"""Number of nearest vectors from which works are proposed, because a work has several vectors."""

PIECE_MEASUREMENTS = ("cover", "roughness", "pieces_in_place", "pieces_excess", "pieces_dense", "pieces_another")
"""Measurements of the pieces, which do not depend on the alignment of the whole."""


@dataclass(frozen=True, slots=True)
class MeasurementDescription:
    """Description of the measurement, for the provenance of the weights."""

    made: str  # Date on which the measurement started, ISO 8601.
    pipeline: str
    data: str  # Description of the pictures.
    command: str  # With names of folders, without their paths.
    seed: int


@dataclass(frozen=True, slots=True)
class MeasurementPlan:
    """Selection of the pictures to measure.

    Attributes:
        choice: Selection of photographs: numbers of works, unrelated photos and pairs under one overlay, and the seed.
        singles: Number of listed edits per work, and of primitives at each of two strengths; both are used in rotation.
        chains: Number of random chains of each kind per work.
        data: Description of the pictures.
    """

    choice: QuerySelection
    singles: int
    chains: int
    data: str = DEFAULT_DATA_DESCRIPTION

    @property
    def command(self) -> str:
        """Command to repeat the measurement, with names of folders, without their paths."""
        choice, folders = self.choice, self.choice.folders
        folders_by_role = {"photos": choice.photos, **asdict(folders), "lookalikes": (choice.lookalikes,)}
        names_by_role = {role: [path.name for path in paths if path] for role, paths in folders_by_role.items()}
        counts = {
            "works": choice.works,
            "each": choice.each,
            "most-unrelated": choice.most_unrelated,
            "overlays": choice.overlays,
            "pages": choice.pages,
            "singles": self.singles,
            "chains": self.chains,
            "seed": choice.seed,
        }
        options = [["--" + role, *names] for role, names in names_by_role.items() if names]
        options += [[f"--{name}", str(count)] for name, count in counts.items()]
        return shlex.join(["python", "-m", "bench", "weighing", *chain.from_iterable(options)])


def measure(plan: MeasurementPlan, out: Path, jobs: int = 1) -> None:
    """Measure every pair that has not been measured yet.

    Args:
        plan: Selection of the pictures.
        out: Folder for the measurements.
        jobs: Number of processes.
    """
    choice = plan.choice
    photo_roles = assign_roles(list_photos(*choice.photos), choice.works, choice.seed, choice.folders)
    photo_roles = replace(photo_roles, unrelated=photo_roles.unrelated[: choice.most_unrelated])
    look_alikes = LookAlikeList.from_folder(choice.lookalikes)
    results = ResultStore(
        out / "pairs", [asdict(choice), plan.singles, plan.chains, _read_query_code()], parse_measured_query
    )
    if not (results.folder / ABOUT_NAME).exists():
        about = _describe(plan, photo_roles, look_alikes)
        (results.folder / ABOUT_NAME).write_text(json.dumps(asdict(about), indent=2) + "\n", encoding="utf-8")
    files = [*photo_roles.works, *map(Path, look_alikes.scenes)]
    registered = RegisteredWorks(files, results.folder, Progress("pictures registered", len(files)))
    task = partial(measure_query, registered=registered, files=[str(path) for path in files], look_alikes=look_alikes)
    run_queries(
        "pictures",
        _generate_queries(plan, photo_roles, look_alikes),
        _estimate_queries(plan, photo_roles, look_alikes),
        results,
        task,
        jobs,
    )


def load_measurements(out: Path) -> tuple[MeasurementDescription, list[Pair]]:
    """Return the saved measurements.

    Raises:
        InvalidRequestError: There are no measurements.
    """
    folder = next((file.parent for file in out.glob(f"pairs/*/{RESULTS_NAME}")), None)
    if folder is None:
        raise InvalidRequestError(
            f"No pairs were measured in {out}.", hint="`python -m bench weighing --photos FOLDER …` measures them."
        )
    about = MeasurementDescription(**json.loads((folder / ABOUT_NAME).read_text(encoding="utf-8")))
    return about, [pair for entry in read_results(folder / RESULTS_NAME, parse_measured_query) for pair in entry.pairs]


def measure_query(
    query: MeasurementQuery, registered: RegisteredWorks, files: list[str], look_alikes: LookAlikeList
) -> MeasuredQuery:
    """Measure a found picture with each registered picture of its query."""
    features = extract(query.data)
    measured_pairs = [
        _measure_pair(query, query.kind, features, path, registered.features(files.index(path)), look_alikes)
        for path in query.registered
    ]
    if query.alone:
        path, data = query.alone
        measured_pairs.append(_measure_pair(query, query.kind, features, path, extract(data), look_alikes))
    for number in _list_proposed_works(features, registered, query.proposal_count):
        path = files[number]
        kind = look_alikes.find_kind(query.photo, path)
        if path not in (query.photo, *query.registered) and kind is not None:
            other = _measure_pair(query, kind, features, path, registered.features(number), look_alikes)
            measured_pairs.append(other and replace(other, family="", primitives=()))
    return MeasuredQuery(query.photo, query.edit, tuple(pair for pair in measured_pairs if pair is not None))


def _measure_pair(
    query: MeasurementQuery,
    kind: PairKind,
    found_features: Features,
    path: str,
    registered_features: Features,
    look_alikes: LookAlikeList,
) -> Pair | None:
    """Measure a pair. Returns None for a flat work, for which the product computes no odds."""
    if registered_features.is_flat:
        return None
    name = Path(path).name
    return Pair(
        kind=kind,
        registered=name,
        scene=look_alikes.scenes.get(path, name),
        composed=not COMPOSITION_REASONS.isdisjoint(registered_features.low_information),
        ways=_measure_alignments(found_features, registered_features),
        family=query.family,
        primitives=query.primitives,
    )


def _measure_alignments(found_features: Features, registered: Features) -> tuple[Figures, ...]:
    """Return the measurements of each alignment of the whole pictures, including those of the pieces."""
    nearest, matches = find_nearest_hash(found_features, registered), CachedMatches(found_features, registered)
    alignments = list(measure_alignments(found_features, registered, nearest, matches))
    if not alignments:
        return (compute_initial_figures(nearest, registered, matches),)
    pieces = add_pieces(found_features, registered, matches, alignments[0]).figures
    piece_figures = {name: getattr(pieces, name) for name in PIECE_MEASUREMENTS}
    return tuple(replace(alignment.figures, **piece_figures) for alignment in alignments)


def _list_proposed_works(found_features: Features, registered: RegisteredWorks, count: int) -> list[int]:
    """Return the ``count`` best works by descriptor and by votes each, regardless of the score."""
    if not count:
        return []
    hits = registered.descriptors.search(
        np.stack(list(found_features.embeddings.values())), k=MAX_NEAREST_VECTORS, within=MAX_DISTANCE
    )
    nearest_hits = sorted(chain.from_iterable(hits), key=lambda hit: hit.distance)
    descriptor_candidates = [Candidate(DESCRIPTOR.id, hit.number, hit.distance) for hit in nearest_hits]
    votes = registered.votes.votes(found_features.local.descriptors)[:count]
    vote_candidates = [Candidate(ROOTSIFT.id, vote.number, 0.0) for vote in votes]
    owners = registered.owners([*descriptor_candidates, *vote_candidates])
    by_descriptor = dict.fromkeys(owners[candidate.space, candidate.number] for candidate in descriptor_candidates)
    return list(
        dict.fromkeys(
            [
                *list(by_descriptor)[:count],
                *(owners[candidate.space, candidate.number] for candidate in vote_candidates),
            ]
        )
    )


def _generate_queries(
    plan: MeasurementPlan, photo_roles: PhotoRoles, look_alikes: LookAlikeList
) -> Iterator[MeasurementQuery]:
    choice, seed = plan.choice, plan.choice.seed
    yield from questions.generate_unrelated(photo_roles.unrelated, photo_roles.neighbours, choice.each, seed)
    yield from questions.generate_look_alikes(look_alikes, photo_roles.neighbours, seed)
    yield from questions.generate_exposures(photo_roles.works, seed)
    if len(photo_roles.unrelated) > 1:
        yield from questions.generate_overlay_queries(
            photo_roles.unrelated, photo_roles.neighbours, (choice.overlays, choice.pages), seed
        )
    yield from questions.generate_copies(photo_roles, seed, plan.singles, plan.chains)


def _estimate_queries(plan: MeasurementPlan, photo_roles: PhotoRoles, look_alikes: LookAlikeList) -> int:
    """Estimate the number of queries. There are fewer if copies show too little of a work or scenes are contested."""
    choice = plan.choice
    copies = len(photo_roles.works) * (3 * plan.singles + 2 * plan.chains)
    exposure_count = 2 * len(exposures.EXPOSURES) * min(questions.EXPOSURE_WORKS, len(photo_roles.works))
    other_count = choice.overlays + choice.pages + (2 + questions.EDITS_PER_LOOK_ALIKE) * len(look_alikes.scenes)
    return copies + exposure_count + other_count + len(photo_roles.unrelated) * (1 + choice.each)


def _describe(plan: MeasurementPlan, photo_roles: PhotoRoles, look_alikes: LookAlikeList) -> MeasurementDescription:
    counts = (
        f"{len(photo_roles.works):,} works, {len(photo_roles.unrelated):,} strangers, "
        f"{len(look_alikes.scenes):,} look-alikes"
    )
    today = datetime.now(UTC).date().isoformat()
    return MeasurementDescription(today, PIPELINE, f"{plan.data}: {counts}", plan.command, plan.choice.seed)


def _read_query_code() -> list[str]:
    """Return the code of the queries, in addition to the code that is covered by the result store."""
    modules = (exposures, questions, pairs)
    own_source = Path(__file__).read_text(encoding="utf-8")
    return [own_source, *(Path(str(module.__file__)).read_text(encoding="utf-8") for module in modules)]

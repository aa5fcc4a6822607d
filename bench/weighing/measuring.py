"""Measurement of all pairs, saved line by line so that an interrupted run can continue."""

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
from bench.matching.answers import Answers, lines
from bench.matching.registered import Registered
from bench.matching.roles import Roles, roles, run_queries
from bench.matching.run import Choice
from bench.queries import photos_in
from bench.weighing import pairs, questions
from bench.weighing.pairs import Kind, MeasuredQuery, Pair, measured_from
from bench.weighing.questions import LookAlikes, Question
from exhibit.errors import WrongUseError
from indexer.compare.figures import Figures, add_pieces, compute_initial_figures, measure_alignments
from indexer.compare.geometry import CachedMatches
from indexer.compare.nearest_hash import find_nearest_hash
from indexer.layout.information import COMPOSED
from indexer.picture.features import Features, extract
from indexer.picture.spaces import DESCRIPTOR, PIPELINE, ROOTSIFT
from indexer.search.candidates import Candidate

PICTURES = "pictures of one's own"
ABOUT, LINES = "about.json", "answers.jsonl"
ANY_DISTANCE = 2.0
"""Maximum 1 − cosine for works proposed by a descriptor: all of them, however far."""
NEAREST = 8
"""Vectors examined for the works that a descriptor proposes, because a work has several."""

OF_PIECES = ("cover", "roughness", "pieces_in_place", "pieces_excess", "pieces_dense", "pieces_another")
"""Measurements of the pieces, which do not depend on the alignment of the whole."""


@dataclass(frozen=True, slots=True)
class About:
    """Description of the measurement, for the provenance of the weights."""

    made: str  # day on which measuring began, ISO 8601
    pipeline: str
    data: str  # description of the pictures
    command: str  # with names of folders, without their paths
    seed: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Selection of the pictures to measure.

    Attributes:
        choice: Photographs, which of them are works, numbers of unrelated photos and of pairs under one overlay, the
            seed.
        singles: Number of listed edits of each work, and of primitives at each of two strengths; both used in turns.
        chains: Number of random chains of both kinds for each work.
        data: Description of the pictures.
    """

    choice: Choice
    singles: int
    chains: int
    data: str = PICTURES

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


def measure(plan: Plan, out: Path, jobs: int = 1) -> None:
    """Measure every pair that has not been measured yet.

    Args:
        plan: Selection of the pictures.
        out: Folder for the measurements.
        jobs: Number of processes.
    """
    choice = plan.choice
    parts = roles(photos_in(*choice.photos), choice.works, choice.seed, choice.folders)
    parts = replace(parts, unrelated=parts.unrelated[: choice.most_unrelated])
    alike = LookAlikes.from_folder(choice.lookalikes)
    answers = Answers(out / "pairs", [asdict(choice), plan.singles, plan.chains, _code()], measured_from)
    if not (answers.folder / ABOUT).exists():
        about = _about(plan, parts, alike)
        (answers.folder / ABOUT).write_text(json.dumps(asdict(about), indent=2) + "\n", encoding="utf-8")
    files = [*parts.works, *map(Path, alike.scenes)]
    registered = Registered(files, answers.folder, Progress("pictures registered", len(files)))
    task = partial(measure_query, registered=registered, files=[str(path) for path in files], alike=alike)
    run_queries("pictures", _queries(plan, parts, alike), _count(plan, parts, alike), answers, task, jobs)


def load_measurements(out: Path) -> tuple[About, list[Pair]]:
    """Return the saved measurements. Raises ``WrongUseError`` if there are none."""
    folder = next((file.parent for file in out.glob(f"pairs/*/{LINES}")), None)
    if folder is None:
        raise WrongUseError(
            f"No pairs were measured in {out}.", hint="`python -m bench weighing --photos FOLDER …` measures them."
        )
    about = About(**json.loads((folder / ABOUT).read_text(encoding="utf-8")))
    return about, [pair for entry in lines(folder / LINES, measured_from) for pair in entry.pairs]


def measure_query(query: Question, registered: Registered, files: list[str], alike: LookAlikes) -> MeasuredQuery:
    """Measure a found picture against each picture that it is to be compared with."""
    features = extract(query.data)
    beside = [
        _pair(query, query.kind, features, path, registered.features(files.index(path)), alike)
        for path in query.registered
    ]
    if query.alone:
        path, data = query.alone
        beside.append(_pair(query, query.kind, features, path, extract(data), alike))
    for number in _proposed_works(features, registered, query.proposal_count):
        path = files[number]
        kind = alike.kind(query.photo, path)
        if path not in (query.photo, *query.registered) and kind is not None:
            other = _pair(query, kind, features, path, registered.features(number), alike)
            beside.append(other and replace(other, family="", primitives=()))
    return MeasuredQuery(query.photo, query.edit, tuple(pair for pair in beside if pair is not None))


def _pair(
    query: Question, kind: Kind, found_features: Features, path: str, registered_features: Features, alike: LookAlikes
) -> Pair | None:
    """Measure a pair. Returns None for a flat work, which the product does not weigh."""
    if registered_features.is_flat:
        return None
    name = Path(path).name
    return Pair(
        kind=kind,
        registered=name,
        scene=alike.scenes.get(path, name),
        composed=not COMPOSED.isdisjoint(registered_features.low_information),
        ways=_ways(found_features, registered_features),
        glance=_glance(found_features.glance, registered_features),
        family=query.family,
        primitives=query.primitives,
    )


def _ways(found_features: Features, registered: Features) -> tuple[Figures, ...]:
    """Return the measurements of each alignment of the whole pictures, each with those of the pieces."""
    nearest, matches = find_nearest_hash(found_features, registered), CachedMatches(found_features, registered)
    alignments = list(measure_alignments(found_features, registered, nearest, matches))
    if not alignments:
        return (compute_initial_figures(nearest, registered, matches),)
    pieces = add_pieces(found_features, registered, matches, alignments[0]).figures
    piece_figures = {name: getattr(pieces, name) for name in OF_PIECES}
    return tuple(replace(way.figures, **piece_figures) for way in alignments)


def _glance(found_features: Features, registered: Features) -> tuple[Figures, ...]:
    return (
        compute_initial_figures(
            find_nearest_hash(found_features, registered), registered, CachedMatches(found_features, registered)
        ),
    )


def _proposed_works(found_features: Features, registered: Registered, count: int) -> list[int]:
    """Return the works proposed by the descriptor and by the most votes, ``count`` each, however weak."""
    if not count:
        return []
    hits = registered.descriptors.search(
        np.stack(list(found_features.embeddings.values())), k=NEAREST, within=ANY_DISTANCE
    )
    near = sorted(chain.from_iterable(hits), key=lambda hit: hit.distance)
    described = [Candidate(DESCRIPTOR.id, hit.number, hit.distance) for hit in near]
    votes = registered.votes.votes(found_features.quick.descriptors)[:count]
    voted = [Candidate(ROOTSIFT.id, vote.number, 0.0) for vote in votes]
    owners = registered.owners([*described, *voted])
    by_descriptor = dict.fromkeys(owners[candidate.space, candidate.number] for candidate in described)
    return list(
        dict.fromkeys(
            [*list(by_descriptor)[:count], *(owners[candidate.space, candidate.number] for candidate in voted)]
        )
    )


def _queries(plan: Plan, parts: Roles, alike: LookAlikes) -> Iterator[Question]:
    choice, seed = plan.choice, plan.choice.seed
    yield from questions.of_strangers(parts.unrelated, parts.neighbours, choice.each, seed)
    yield from questions.of_look_alikes(alike, parts.neighbours, seed)
    yield from questions.of_made_exposures(parts.works, seed)
    if len(parts.unrelated) > 1:
        yield from questions.under_overlays(parts.unrelated, parts.neighbours, (choice.overlays, choice.pages), seed)
    yield from questions.copies(parts, seed, plan.singles, plan.chains)


def _count(plan: Plan, parts: Roles, alike: LookAlikes) -> int:
    """Estimate the number of queries: some works leave too little to change, and some scenes are contested."""
    choice = plan.choice
    copies = len(parts.works) * (3 * plan.singles + 2 * plan.chains)
    exposure_count = 2 * len(exposures.EXPOSURES) * min(questions.EXPOSURE_WORKS, len(parts.works))
    beside = choice.overlays + choice.pages + (2 + questions.EDITS_PER_LOOK_ALIKE) * len(alike.scenes)
    return copies + exposure_count + beside + len(parts.unrelated) * (1 + choice.each)


def _about(plan: Plan, parts: Roles, alike: LookAlikes) -> About:
    counts = f"{len(parts.works):,} works, {len(parts.unrelated):,} strangers, {len(alike.scenes):,} look-alikes"
    today = datetime.now(UTC).date().isoformat()
    return About(today, PIPELINE, f"{plan.data}: {counts}", plan.command, plan.choice.seed)


def _code() -> list[str]:
    """Return the code of the queries, in addition to the code covered by the answers' own state."""
    modules = (exposures, questions, pairs)
    own_source = Path(__file__).read_text(encoding="utf-8")
    return [own_source, *(Path(str(module.__file__)).read_text(encoding="utf-8") for module in modules)]

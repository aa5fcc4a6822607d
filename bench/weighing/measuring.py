"""Measuring all pairs, kept line by line: a run that was stopped goes on."""

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
from bench.edited import photos_in
from bench.matching.answers import Answers, lines
from bench.matching.questions import Roles, answered, roles
from bench.matching.registered import Registered
from bench.matching.run import Choice
from bench.weighing import pairs, questions
from bench.weighing.pairs import Kind, Measured, Pair, measured_from
from bench.weighing.questions import LookAlikes, Question
from exhibit.errors import WrongUseError
from indexer.compare.figures import Figures, begun, in_pieces, ways
from indexer.compare.geometry import Remembered
from indexer.compare.nearest_hash import nearest_hash
from indexer.layout.information import COMPOSED
from indexer.picture.features import Features, extract
from indexer.picture.spaces import DESCRIPTOR, PIPELINE, ROOTSIFT
from indexer.search.candidates import Candidate

PICTURES = "pictures of one's own"
ABOUT, LINES = "about.json", "answers.jsonl"
ANY_DISTANCE = 2.0
"""1 − cosine within which a descriptor names works: all of them, however far."""
NEAREST = 8
"""Vectors that are looked at for the works that a descriptor names; a work has several."""

OF_PIECES = ("cover", "roughness", "pieces_in_place", "pieces_excess", "pieces_dense", "pieces_another")
"""Figures of the pieces, which lie as they lie, however the whole is laid."""


@dataclass(frozen=True, slots=True)
class About:
    """What was measured, for the provenance of what is fitted to it."""

    made: str  # day on which measuring began, ISO 8601
    pipeline: str
    data: str  # the pictures, in words
    command: str  # with the names of folders, without their paths
    seed: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Which pictures are measured.

    Attributes:
        choice: photographs, which of them are works, how many strangers and pairs under one overlay, and the seed.
        singles: listed edits of each work, and primitives in each of two strengths; both come in turns.
        chains: random chains of each work, of each of both kinds.
        data: what the pictures are, in words.
    """

    choice: Choice
    singles: int
    chains: int
    data: str = PICTURES

    @property
    def command(self) -> str:
        """How they are measured again; folders without their paths."""
        choice, folders = self.choice, self.choice.folders
        given = {"photos": choice.photos, **asdict(folders), "lookalikes": (choice.lookalikes,)}
        named = {role: [path.name for path in paths if path] for role, paths in given.items()}
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
        told = [["--" + role, *names] for role, names in named.items() if names]
        told += [[f"--{name}", str(count)] for name, count in counts.items()]
        return shlex.join(["python", "-m", "bench", "weighing", *chain.from_iterable(told)])


def measure(plan: Plan, out: Path, jobs: int = 1) -> None:
    """Measure every pair that isn't measured yet.

    Args:
        plan: which pictures.
        out: folder in which measurements are kept.
        jobs: processes that measure.
    """
    choice = plan.choice
    parts = roles(photos_in(*choice.photos), choice.works, choice.seed, choice.folders)
    parts = replace(parts, unrelated=parts.unrelated[: choice.most_unrelated])
    alike = LookAlikes.listed(choice.lookalikes)
    answers = Answers(out / "pairs", [asdict(choice), plan.singles, plan.chains, _code()], measured_from)
    if not (answers.folder / ABOUT).exists():
        about = _about(plan, parts, alike)
        (answers.folder / ABOUT).write_text(json.dumps(asdict(about), indent=2) + "\n", encoding="utf-8")
    files = [*parts.works, *map(Path, alike.scenes)]
    registered = Registered(files, answers.folder, Progress("pictures registered", len(files)))
    task = partial(measured, registered=registered, files=[str(path) for path in files], alike=alike)
    answered("pictures", _asked(plan, parts, alike), _count(plan, parts, alike), answers, task, jobs)


def kept(out: Path) -> tuple[About, list[Pair]]:
    """What was measured. Raises ``WrongUseError`` where nothing was."""
    folder = next((file.parent for file in out.glob(f"pairs/*/{LINES}")), None)
    if folder is None:
        raise WrongUseError(
            f"No pairs were measured in {out}.", hint="`python -m bench weighing --photos FOLDER …` measures them."
        )
    about = About(**json.loads((folder / ABOUT).read_text(encoding="utf-8")))
    return about, [pair for one in lines(folder / LINES, measured_from) for pair in one.pairs]


def measured(asked: Question, registered: Registered, files: list[str], alike: LookAlikes) -> Measured:
    """Every figure of a found picture beside each that it is to be measured with."""
    found = extract(asked.data)
    beside = [
        _pair(asked, asked.kind, found, path, registered.features(files.index(path)), alike)
        for path in asked.registered
    ]
    if asked.alone:
        path, data = asked.alone
        beside.append(_pair(asked, asked.kind, found, path, extract(data), alike))
    for number in _named(found, registered, asked.named):
        path = files[number]
        kind = alike.kind(asked.photo, path)
        if path not in (asked.photo, *asked.registered) and kind is not None:
            other = _pair(asked, kind, found, path, registered.features(number), alike)
            beside.append(other and replace(other, family="", primitives=()))
    return Measured(asked.photo, asked.edit, tuple(pair for pair in beside if pair is not None))


def _pair(
    asked: Question, kind: Kind, found: Features, path: str, registered: Features, alike: LookAlikes
) -> Pair | None:
    """Nothing of a flat work: the product doesn't weigh what its figures are."""
    if registered.is_flat:
        return None
    name = Path(path).name
    return Pair(
        kind=kind,
        registered=name,
        scene=alike.scenes.get(path, name),
        composed=not COMPOSED.isdisjoint(registered.low_information),
        ways=_ways(found, registered),
        glance=_glance(found.glance, registered),
        family=asked.family,
        primitives=asked.primitives,
    )


def _ways(found: Features, registered: Features) -> tuple[Figures, ...]:
    """Each way in which the one can be laid on the other as a whole, each with the figures of the pieces."""
    nearest, matches = nearest_hash(found, registered), Remembered(found, registered)
    laid = list(ways(found, registered, nearest, matches))
    if not laid:
        return (begun(nearest, registered, matches),)
    pieces = in_pieces(found, registered, matches, laid[0]).figures
    told = {name: getattr(pieces, name) for name in OF_PIECES}
    return tuple(replace(way.figures, **told) for way in laid)


def _glance(found: Features, registered: Features) -> tuple[Figures, ...]:
    return (begun(nearest_hash(found, registered), registered, Remembered(found, registered)),)


def _named(found: Features, registered: Registered, count: int) -> list[int]:
    """The works that the descriptor and the most votes name, so many each, however little speaks for them."""
    if not count:
        return []
    hits = registered.descriptors.search(np.stack(list(found.embeddings.values())), k=NEAREST, within=ANY_DISTANCE)
    near = sorted(chain.from_iterable(hits), key=lambda hit: hit.distance)
    described = [Candidate(DESCRIPTOR.id, hit.number, hit.distance) for hit in near]
    votes = registered.votes.votes(found.quick.descriptors)[:count]
    voted = [Candidate(ROOTSIFT.id, vote.number, 0.0) for vote in votes]
    owners = registered.owners([*described, *voted])
    by_descriptor = dict.fromkeys(owners[one.space, one.number] for one in described)
    return list(dict.fromkeys([*list(by_descriptor)[:count], *(owners[one.space, one.number] for one in voted)]))


def _asked(plan: Plan, parts: Roles, alike: LookAlikes) -> Iterator[Question]:
    choice, seed = plan.choice, plan.choice.seed
    yield from questions.of_strangers(parts.unrelated, parts.others, choice.each, seed)
    yield from questions.of_look_alikes(alike, parts.others, seed)
    yield from questions.of_made_exposures(parts.works, seed)
    if len(parts.unrelated) > 1:
        yield from questions.under_overlays(parts.unrelated, parts.others, (choice.overlays, choice.pages), seed)
    yield from questions.copies(parts, seed, plan.singles, plan.chains)


def _count(plan: Plan, parts: Roles, alike: LookAlikes) -> int:
    """How many there are about: some works leave too little to change, some scenes are contested."""
    choice = plan.choice
    copies = len(parts.works) * (3 * plan.singles + 2 * plan.chains)
    made = 2 * len(exposures.EXPOSURES) * min(questions.MADE_OF, len(parts.works))
    beside = choice.overlays + choice.pages + (2 + questions.ON_LOOK_ALIKES) * len(alike.scenes)
    return copies + made + beside + len(parts.unrelated) * (1 + choice.each)


def _about(plan: Plan, parts: Roles, alike: LookAlikes) -> About:
    counts = f"{len(parts.works):,} works, {len(parts.unrelated):,} strangers, {len(alike.scenes):,} look-alikes"
    today = datetime.now(UTC).date().isoformat()
    return About(today, PIPELINE, f"{plan.data}: {counts}", plan.command, plan.choice.seed)


def _code() -> list[str]:
    """The code that asks, beside what the answers' own state covers."""
    modules = (exposures, questions, pairs)
    here = Path(__file__).read_text(encoding="utf-8")
    return [here, *(Path(str(module.__file__)).read_text(encoding="utf-8") for module in modules)]

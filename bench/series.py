"""Photographs of one scene at another moment: how often is one taken for a copy of the other?

Three sources: groups that a list names (``groups.csv``), the nearest neighbours among many photographs, and exposures
that are made (:mod:`bench.exposures`). In each scene every picture is registered and every one asked, as it is and
in the light edits that crawled pictures have. The same answers tell what becomes of it when works of one scene are
known as a series: with the very picture that was asked among the works, and without it.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from bench.edited import opened
from bench.exposures import EXPOSURES
from bench.matching.look import Look
from bench.matching.peers import peers
from bench.matching.processes import each
from bench.matching.retrievers import FAR, Retriever
from bench.primitives.canvas import Chance
from bench.progress import Progress
from bench.table import Row, Titled
from exhibit.files.delimited import records
from exhibit.types import Decision, Verification
from indexer.edits import apply
from indexer.picture.features import extract
from indexer.picture.spaces import WHOLE
from indexer.search.search import compare
from indexer.search.series import relation_of, told_apart

EDITS = ("none", "jpeg70", "resize50", "crop85")
"""As a site shows what it found: as it is, saved again, smaller, or with its edges cut off."""
LEFT_OUT = frozenset({"logo_look_alike", "low_information_pattern"})
"""Kinds of the list that show no scene."""
NEIGHBOURS, WITHIN = 2, 0.35
"""Of each photograph among many, so many are looked at, within 1 − cosine of their descriptors."""
FOUND = "found: neighbours among many"
ALL = "**all**"
QUALITY = 92
ONE_PHOTOGRAPH = Path(__file__).with_name("one_photograph.csv")
"""Pairs among the neighbours that a person saw to be one photograph: those are true copies."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Pictures of one scene, no two of which are copies; each with a name and what gives its bytes."""

    kind: str
    name: str
    exposures: tuple[tuple[str, Callable[[], bytes]], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of an asked picture and a registered one of the same scene.

    Attributes:
        kind: of the scene.
        scene: its name.
        found: the exposure that was asked.
        edit: how.
        registered: the exposure that it was compared with; the same one where a copy is asked.
        said: the comparison of the pair, as the product makes it.
        bits: distance by peer.
    """

    kind: str
    scene: str
    found: str
    edit: str
    registered: str
    said: Verification
    bits: dict[str, float]

    @property
    def is_copy(self) -> bool:
        """Whether the registered picture is the one that was asked."""
        return self.found == self.registered

    @property
    def pair(self) -> tuple[str, str, frozenset[str]]:
        """Both exposures, whichever was asked."""
        return self.kind, self.scene, frozenset({self.found, self.registered})


def measure(
    photos: Sequence[Path], groups: Path | None, bases: int, seed: int, out: Path, jobs: int
) -> Iterator[Titled]:
    """Ask everything; the answers are kept as ``series.jsonl``.

    Args:
        photos: among which neighbours are looked for, and of which scenes are made.
        groups: folder with ``groups.csv`` (file, group, kind), or ``None``.
        bases: photographs of which scenes are made.
        seed: of everything that is left to chance.
        out: folder for the answers.
        jobs: processes that ask.
    """
    scenes = [*(listed(groups) if groups else ()), *neighbours(photos, jobs), *made(photos, bases, seed)]
    progress = Progress("scenes", len(scenes))
    answers: list[Answer] = []
    for number, found in enumerate(each(asked, scenes, jobs), start=1):
        answers += found
        progress(number)
    out.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(asdict(answer)) for answer in answers)
    (out / "series.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    yield "series", "Other photographs of one scene (counts are false alarms)", by_kind(answers)
    yield "series-known", "The same, known as a series", as_series(answers)
    yield "series-peers", "Copies that are found without any such alarm", beside(answers)
    yield "series-named", "Certain, one by one", named(answers)


def listed(folder: Path) -> Iterator[Scene]:
    """The scenes that a list names."""
    rows = [row for row in records(folder / "groups.csv") if row["kind"] not in LEFT_OUT]
    members: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        members[f"listed: {row['kind']}", row["group"]].append(row["file"])
    for (kind, group), files in members.items():
        yield Scene(kind, group, tuple((name, (folder / name).read_bytes) for name in files))


def neighbours(photos: Sequence[Path], jobs: int) -> Iterator[Scene]:
    """Pairs of photographs whose descriptors lie near one another, less those that are one photograph."""
    if len(photos) < 2:
        return
    progress, rows = Progress("photographs described", len(photos)), []
    for vector in each(_described, photos, jobs):
        rows.append(vector)
        progress(len(rows))
    apart = 1 - np.stack(rows) @ np.stack(rows).T
    np.fill_diagonal(apart, FAR)
    same = {frozenset((row["file_a"], row["file_b"])) for row in records(ONE_PHOTOGRAPH)}
    known: set[frozenset[int]] = set()
    for place, near in enumerate(np.argsort(apart, axis=1)[:, :NEIGHBOURS]):
        for other in near.tolist():
            pair = frozenset({place, other})
            if apart[place, other] <= WITHIN and pair not in known:
                known.add(pair)
                names = [photos[number].name for number in sorted(pair)]
                if frozenset(names) not in same:
                    files = tuple((photos[number].name, photos[number].read_bytes) for number in sorted(pair))
                    yield Scene(FOUND, " / ".join(names), files)


def _described(path: Path) -> np.ndarray:
    return extract(path.read_bytes()).embeddings[WHOLE]


def made(photos: Sequence[Path], bases: int, seed: int) -> Iterator[Scene]:
    """Three exposures of each of some photographs, for each kind; the first of a shelf is made as the others are."""
    rng = np.random.default_rng(seed)
    for place in rng.permutation(len(photos))[:bases].tolist():
        path = photos[place]
        for kind in EXPOSURES:
            names = [f"{path.name} {number}" for number in range(3)]
            yield Scene(kind, path.name, tuple((name, partial(_exposure, path, kind, name, seed)) for name in names))


def _exposure(path: Path, kind: str, name: str, seed: int) -> bytes:
    pixels = np.asarray(opened(path))
    chance = Chance(np.random.default_rng([seed, *f"{kind} {name}".encode()]), 0.5, ())
    first = name.endswith(" 0") and "shelf" not in kind
    file = BytesIO()
    Image.fromarray(pixels if first else EXPOSURES[kind](pixels, chance)).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def asked(scene: Scene) -> list[Answer]:
    """Every exposure in every edit, compared with every exposure as it is."""
    looks = [(name, Look(data())) for name, data in scene.exposures]
    bits = peers()
    for peer in bits:
        for _, look in looks:
            peer.register(look)
    return [
        answer for name, look in looks for edit in EDITS for answer in _answers(scene, name, look, edit, looks, bits)
    ]


def _answers(
    scene: Scene, name: str, look: Look, edit: str, looks: Sequence[tuple[str, Look]], bits: Sequence[Retriever]
) -> Iterator[Answer]:
    data = look.data if edit == "none" else apply(edit, look.image, [], len(name)).data
    found = Look(data)
    distances = {peer.name: peer.distances(found) for peer in bits}
    for place, (other, registered) in enumerate(looks):
        said = compare(found.features, registered.features)
        apart = {peer: float(found_bits[place]) for peer, found_bits in distances.items()}
        yield Answer(scene.kind, scene.name, name, edit, other, said, apart)


def by_kind(answers: Iterable[Answer]) -> list[Row]:
    """What is said of pictures that aren't copies, by kind of scene, the last row of all."""
    rows: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        if not answer.is_copy:
            rows[answer.kind].append(answer)
    return [_row(kind, asked) for kind, asked in _with_all(rows)]


def _with_all(rows: dict[str, list[Answer]]) -> list[tuple[str, list[Answer]]]:
    return [*sorted(rows.items()), (ALL, [answer for answers in rows.values() for answer in answers])]


def _row(kind: str, asked: Sequence[Answer]) -> Row:
    certain = _certain(asked)
    return {
        "kind": kind,
        "pairs": len({answer.pair for answer in asked}),
        "pictures asked": len(asked),
        "certain": len(certain),
        "certain: pairs": len({answer.pair for answer in certain}),
        "review": sum(answer.said.decision is Decision.REVIEW for answer in asked),
        **{
            f"{peer.name} ≤ {peer.usual}": sum(answer.bits[peer.name] <= (peer.usual or 0) for answer in asked)
            for peer in peers()
        },
    }


def _certain(answers: Iterable[Answer]) -> list[Answer]:
    return [answer for answer in answers if answer.said.decision is Decision.CERTAIN]


def as_series(answers: Sequence[Answer]) -> list[Row]:
    """What is certain when all works of a scene are one owner's, and when all but the one that was asked are."""
    whole, without = known_as_series(answers), known_as_series([answer for answer in answers if not answer.is_copy])
    rows: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        rows[answer.kind].append(answer)
    told: list[Row] = []
    for kind, asked in _with_all(rows):
        certain = [_certain(some) for some in (asked, _of(kind, whole), _of(kind, without))]
        row: dict[str, object] = {"kind": kind}
        for name, some in zip(("each alone", "as a series", "series without its own"), certain, strict=True):
            row[f"others certain: {name}"] = sum(not answer.is_copy for answer in some)
        for name, some in zip(("each alone", "as a series"), certain, strict=False):
            row[f"copies certain: {name}"] = sum(answer.is_copy for answer in some)
        told.append(row | {"copies": sum(answer.is_copy for answer in asked)})
    return told


def _of(kind: str, answers: Iterable[Answer]) -> list[Answer]:
    return [answer for answer in answers if kind in (answer.kind, ALL)]


def known_as_series(answers: Sequence[Answer]) -> list[Answer]:
    """The same answers as a search gives them that knows which works are a series.

    That is found as at registration: of two exposures as they are the later one is compared with the earlier one.
    """
    related = {
        answer.pair: relation_of(answer.said)
        for answer in answers
        if answer.edit == "none" and answer.found > answer.registered
    }
    asked: dict[tuple[str, ...], dict[str, Answer]] = defaultdict(dict)
    for answer in answers:
        asked[answer.kind, answer.scene, answer.found, answer.edit][answer.registered] = answer
    return [
        replace(same[work], said=said)
        for (kind, scene, *_), same in asked.items()
        for work, said in told_apart(
            {work: answer.said for work, answer in same.items()},
            lambda work: [other for other in same if related.get((kind, scene, frozenset({work, other}))) == "series"],  # noqa: B023 - called here
        ).items()
    ]


def beside(answers: Sequence[Answer]) -> list[Row]:
    """Copies in the light edits that each finds, a peer with its limit below the nearest picture that is no copy."""
    copies = [answer for answer in answers if answer.is_copy and answer.edit != "none"]
    others = [answer for answer in answers if not answer.is_copy]
    rows: list[Row] = [
        {
            "who": f"Exhibit, {decision}",
            "copies": len(copies),
            "found": _share(answer.said.decision is decision for answer in copies),
        }
        for decision in (Decision.CERTAIN, Decision.REVIEW)
    ]
    for peer in peers():
        least = min((answer.bits[peer.name] for answer in others), default=FAR)
        found = _share(answer.bits[peer.name] < least for answer in copies)
        rows.append({"who": f"{peer.name} < {least:.0f} bits", "copies": len(copies), "found": found})
    return rows


def named(answers: Iterable[Answer]) -> list[Row]:
    """The pairs that were taken for copies, with the edits in which they were."""
    edits: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for answer in answers:
        if not answer.is_copy and answer.said.decision is Decision.CERTAIN:
            edits[answer.kind, answer.scene, answer.found, answer.registered].append(answer.edit)
    return [
        {"kind": kind, "found": found, "taken for": registered, "edits": ", ".join(names)}
        for (kind, _, found, registered), names in sorted(edits.items())
    ]


def _share(truths: Iterable[bool]) -> str:
    values = list(truths)
    return f"{np.mean(values):.3f}".removeprefix("0") if values else "–"

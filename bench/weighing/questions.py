"""Found pictures: copies of works, unrelated photos, other photographs of one scene, pairs under one overlay.

All are made with the code of the other benchmarks. Each query is sent to the process that measures it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from bench import exposures
from bench.matching import compositions
from bench.matching.peers import LoadedPicture
from bench.matching.roles import Roles
from bench.primitives import FAMILIES
from bench.queries import Query, copy_of, open_photo, overlay_pairs, unrelated_queries
from bench.weighing.pairs import CHAINS, EDITS, Kind
from exhibit.files.delimited import records
from indexer.edits import EDITS as EVERY_EDIT, OVERLAYS, PAGES, apply

LIGHT = ("jpeg70", "resize50", "crop85")
"""Edits applied to other exposures, used in turns."""
EXPOSURE_WORKS = 30
"""Works from which exposures are made."""
EDITS_PER_LOOK_ALIKE = 2
"""Edits of each look-alike, as a copy of itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A found picture, and the pictures to compare it with.

    Attributes:
        kind: Its relation to those.
        photo: Path of the source photo.
        edit: Name of the edit.
        data: Bytes of its file.
        registered: Paths of registered pictures.
        alone: Path of a photo, and bytes of a picture made from it that is registered only for this query.
        named: Number of works each proposed by descriptor and votes, which are also measured.
        family: Family of a copy.
        primitives: Primitives used to make a copy.
    """

    kind: Kind
    photo: str
    edit: str
    data: bytes
    registered: tuple[str, ...] = ()
    alone: tuple[str, bytes] | None = None
    proposal_count: int = 0
    family: str = ""
    primitives: tuple[str, ...] = ()

    @property
    def question(self) -> tuple[str, str]:
        """Identity of the query."""
        return self.photo, self.edit


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """Pictures sorted by scene in a list.

    Attributes:
        scenes: Scene name of each picture, by path.
        contested: Scenes whose pictures may count as copies; they are not compared with each other.
    """

    scenes: Mapping[str, str]
    contested: frozenset[str] = frozenset()

    @classmethod
    def from_folder(cls, folder: Path | None) -> "LookAlikes":
        """Read a folder with ``groups.csv`` (file, group, kind, expected); empty without a folder."""
        rows = list(records(folder / "groups.csv")) if folder else []
        contested = frozenset(row["group"] for row in rows if row["expected"] == "ambiguous")
        return cls({str(folder / row["file"]): row["group"] for row in rows if folder}, contested)

    def kind(self, photo: str, registered: str) -> Kind | None:
        """Return the relation of two different pictures, or ``None`` if it is unknown.

        It is contested within some scenes, and the list does not state what pictures of different scenes share.
        """
        if photo not in self.scenes or registered not in self.scenes:
            return Kind.STRANGER
        scene = self.scenes[photo]
        return None if scene != self.scenes[registered] or scene in self.contested else Kind.EXPOSURE

    def same_scene(self, photo: str) -> tuple[str, ...]:
        """Return the other pictures of its scene."""
        return tuple(path for path in self.scenes if path != photo and self.kind(photo, path) is Kind.EXPOSURE)


def copies(parts: Roles, seed: int, singles: int, chains: int) -> Iterator[Question]:
    """Yield each work in listed edits, in single primitives at two strengths, and in random chains of both kinds."""
    yield from _edited_copies(parts.works, parts.neighbours, singles, seed)
    for question in compositions.questions(parts, seed, singles, chains):
        name, _, primitives = question.edit.partition(": ")
        family = name.partition(",")[0]
        yield _copy(question, family if family in FAMILIES else CHAINS, tuple(primitives.split(" + ")))


def of_strangers(photos: Sequence[Path], neighbours: Sequence[Path], each: int, seed: int) -> Iterator[Question]:
    """Yield unrelated pictures, plain and edited, each with the works that are proposed for it."""
    for question in unrelated_queries(photos, neighbours, each, seed):
        yield Question(Kind.STRANGER, question.photo, question.edit, question.data, proposal_count=2)


def of_look_alikes(alike: LookAlikes, neighbours: Sequence[Path], seed: int) -> Iterator[Question]:
    """Yield look-alikes against others of their scene, plain and lightly edited, and against themselves as copies."""
    around, light = [open_photo(path) for path in neighbours], cycle(LIGHT)
    for photo in alike.scenes:
        beside = alike.same_scene(photo)
        if beside:
            yield Question(Kind.EXPOSURE, photo, "none", Path(photo).read_bytes(), beside)
            edited = copy_of(Path(photo), open_photo(Path(photo)), next(light), around, seed)
            yield Question(Kind.EXPOSURE, photo, f"beside others: {edited.edit}", edited.data, beside)
    yield from _edited_copies([Path(photo) for photo in alike.scenes], neighbours, EDITS_PER_LOOK_ALIKE, seed)


def of_made_exposures(works: Sequence[Path], seed: int) -> Iterator[Question]:
    """Yield exposures made from works, each lightly edited, against the first of its scene."""
    light = cycle(LIGHT)
    for scene in exposures.make_scenes(works, EXPOSURE_WORKS, seed):
        (_, first), *further = scene.exposures
        for name, data in further:
            edit = next(light)
            edited = apply(edit, LoadedPicture(data()).image, [], seed)
            yield Question(
                Kind.GENERATED, scene.name, f"{scene.kind} {name}: {edit}", edited.data, alone=(scene.name, first())
            )


def under_overlays(
    photos: Sequence[Path], neighbours: Sequence[Path], counts: tuple[int, int], seed: int
) -> Iterator[Question]:
    """Yield pairs of unrelated photos under the same marks, and in the same page, ``counts`` of each."""
    for place, (overlays, count) in enumerate(zip((OVERLAYS, PAGES), counts, strict=True)):
        for number, pair in enumerate(overlay_pairs(photos, neighbours, overlays, count, seed + place)):
            name = f"{pair.overlay} {number} over {pair.photos[0]}"
            yield Question(
                Kind.OVERLAY, pair.photos[1], name, pair.found_data, alone=(pair.photos[0], pair.registered_data)
            )


def _edited_copies(works: Iterable[Path], neighbours: Sequence[Path], count: int, seed: int) -> Iterator[Question]:
    """Yield each picture in ``count`` listed edits, which are used in turns."""
    around, edits = [open_photo(path) for path in neighbours], cycle(EVERY_EDIT)
    for path in works:
        picture = open_photo(path)
        for _ in range(min(count, len(EVERY_EDIT))):
            yield _copy(copy_of(path, picture, next(edits), around, seed), EDITS)


def _copy(query: Query, family: str, primitives: tuple[str, ...] = ()) -> Question:
    return Question(
        Kind.COPY,
        query.photo,
        query.edit,
        query.data,
        (query.work,),
        proposal_count=1,
        family=family,
        primitives=primitives,
    )

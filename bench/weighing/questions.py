"""Queries of the measurement: copies of works, unrelated photos, other exposures of a scene, pairs under one overlay.

They are created with the code of the other benchmarks, and sent to the processes that measure them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from bench import exposures
from bench.matching import compositions
from bench.matching.peers import LoadedPicture
from bench.matching.roles import PhotoRoles
from bench.primitives import FAMILIES
from bench.queries import Query, generate_overlay_pairs, generate_unrelated_queries, make_copy_query, open_photo
from bench.weighing.pairs import CHAINS_FAMILY, EDITS_FAMILY, PairKind
from exhibit.files.delimited import read_records
from indexer.edits import EDITS as EVERY_EDIT, OVERLAYS, PAGES, apply

LIGHT_EDITS = ("jpeg70", "resize50", "crop85")
"""Light edits of other exposures, used in turns."""
EXPOSURE_WORKS = 30
"""Number of works from which exposures are simulated."""
EDITS_PER_LOOK_ALIKE = 2
"""Number of edits of each look-alike, which are copies of it."""


@dataclass(frozen=True, slots=True, eq=False)
class MeasurementQuery:
    """A found picture, and the pictures to compare it with.

    Attributes:
        kind: Relation of the found picture to them.
        photo: Path of the source photo.
        edit: Name of the edit.
        data: Bytes of its file.
        registered: Paths of registered pictures.
        alone: Path of a photo, and bytes of a picture made from it, which is registered only for this query.
        proposal_count: Number of works proposed by the descriptor, and by votes, that are also measured.
        family: Family of a copy.
        primitives: Primitives used to make a copy.
    """

    kind: PairKind
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
class LookAlikeList:
    """Pictures sorted by scene in a list.

    Attributes:
        scenes: Scene name of each picture, by path.
        contested: Scenes whose pictures may count as copies; they are not compared with each other.
    """

    scenes: Mapping[str, str]
    contested: frozenset[str] = frozenset()

    @classmethod
    def from_folder(cls, folder: Path | None) -> "LookAlikeList":
        """Read a folder with ``groups.csv`` (file, group, kind, expected); empty without a folder."""
        rows = list(read_records(folder / "groups.csv")) if folder else []
        contested = frozenset(row["group"] for row in rows if row["expected"] == "ambiguous")
        return cls({str(folder / row["file"]): row["group"] for row in rows if folder}, contested)

    def find_kind(self, photo: str, registered: str) -> PairKind | None:
        """Return the relation of two different pictures, or ``None`` if it is unknown.

        The relation is unknown within contested scenes, and between scenes of the list.
        """
        if photo not in self.scenes or registered not in self.scenes:
            return PairKind.UNRELATED
        scene = self.scenes[photo]
        return None if scene != self.scenes[registered] or scene in self.contested else PairKind.EXPOSURE

    def list_same_scene(self, photo: str) -> tuple[str, ...]:
        """Return the other pictures of the same scene."""
        return tuple(path for path in self.scenes if path != photo and self.find_kind(photo, path) is PairKind.EXPOSURE)


def generate_copies(photo_roles: PhotoRoles, seed: int, singles: int, chains: int) -> Iterator[MeasurementQuery]:
    """Yield copies of each work by listed edits, by primitives at two strengths, and by random chains of both kinds."""
    yield from _generate_edited_copies(photo_roles.works, photo_roles.neighbours, singles, seed)
    for query in compositions.generate_queries(photo_roles, seed, singles, chains):
        name, _, primitives = query.edit.partition(": ")
        family = name.partition(",")[0]
        yield _make_copy_query(query, family if family in FAMILIES else CHAINS_FAMILY, tuple(primitives.split(" + ")))


def generate_unrelated(
    photos: Sequence[Path], neighbours: Sequence[Path], edits_per_photo: int, seed: int
) -> Iterator[MeasurementQuery]:
    """Yield unrelated pictures, unchanged and edited, each with the works that are proposed for it."""
    for query in generate_unrelated_queries(photos, neighbours, edits_per_photo, seed):
        yield MeasurementQuery(PairKind.UNRELATED, query.photo, query.edit, query.data, proposal_count=2)


def generate_look_alikes(
    look_alikes: LookAlikeList, neighbours: Sequence[Path], seed: int
) -> Iterator[MeasurementQuery]:
    """Yield look-alikes for comparison with others of their scene, unchanged and lightly edited, and copies of them."""
    neighbour_pictures, light_edits = [open_photo(path) for path in neighbours], cycle(LIGHT_EDITS)
    for photo in look_alikes.scenes:
        same_scene = look_alikes.list_same_scene(photo)
        if same_scene:
            yield MeasurementQuery(PairKind.EXPOSURE, photo, "none", Path(photo).read_bytes(), same_scene)
            edited = make_copy_query(Path(photo), open_photo(Path(photo)), next(light_edits), neighbour_pictures, seed)
            yield MeasurementQuery(PairKind.EXPOSURE, photo, f"beside others: {edited.edit}", edited.data, same_scene)
    yield from _generate_edited_copies(
        [Path(photo) for photo in look_alikes.scenes], neighbours, EDITS_PER_LOOK_ALIKE, seed
    )


def generate_exposures(works: Sequence[Path], seed: int) -> Iterator[MeasurementQuery]:
    """Yield lightly edited simulated exposures of works for comparison with the first exposure of the scene."""
    light_edits = cycle(LIGHT_EDITS)
    for scene in exposures.make_scenes(works, EXPOSURE_WORKS, seed):
        (_, first), *other_exposures = scene.exposures
        for name, data in other_exposures:
            edit = next(light_edits)
            edited = apply(edit, LoadedPicture(data()).image, [], seed)
            yield MeasurementQuery(
                PairKind.SIMULATED, scene.name, f"{scene.kind} {name}: {edit}", edited.data, alone=(scene.name, first())
            )


def generate_overlay_queries(
    photos: Sequence[Path], neighbours: Sequence[Path], counts: tuple[int, int], seed: int
) -> Iterator[MeasurementQuery]:
    """Yield pairs of unrelated photos under the same overlay and in the same page. ``counts`` are both numbers."""
    for index, (overlays, count) in enumerate(zip((OVERLAYS, PAGES), counts, strict=True)):
        for number, pair in enumerate(generate_overlay_pairs(photos, neighbours, overlays, count, seed + index)):
            name = f"{pair.overlay} {number} over {pair.photos[0]}"
            yield MeasurementQuery(
                PairKind.OVERLAY, pair.photos[1], name, pair.found_data, alone=(pair.photos[0], pair.registered_data)
            )


def _generate_edited_copies(
    works: Iterable[Path], neighbours: Sequence[Path], count: int, seed: int
) -> Iterator[MeasurementQuery]:
    """Yield each picture in ``count`` listed edits, which are used in rotation."""
    neighbour_pictures, edits = [open_photo(path) for path in neighbours], cycle(EVERY_EDIT)
    for path in works:
        picture = open_photo(path)
        for _ in range(min(count, len(EVERY_EDIT))):
            yield _make_copy_query(make_copy_query(path, picture, next(edits), neighbour_pictures, seed), EDITS_FAMILY)


def _make_copy_query(query: Query, family: str, primitives: tuple[str, ...] = ()) -> MeasurementQuery:
    return MeasurementQuery(
        PairKind.COPY,
        query.photo,
        query.edit,
        query.data,
        (query.work,),
        proposal_count=1,
        family=family,
        primitives=primitives,
    )

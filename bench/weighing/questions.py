"""The pictures that are found: copies of works, strangers, other photographs of one scene, strangers under one overlay.

All are made by what the other benchmarks ask with; each question travels to the process that measures it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from bench import exposures
from bench.edited import Asked, copy_of, opened, overlay_pairs, strangers
from bench.matching import compositions
from bench.matching.peers import Look
from bench.matching.questions import Roles
from bench.primitives import FAMILIES
from bench.weighing.pairs import CHAINS, EDITS, Kind
from exhibit.files.delimited import records
from indexer.edits import EDITS as EVERY_EDIT, OVERLAYS, PAGES, apply

LIGHT = ("jpeg70", "resize50", "crop85")
"""Edits in which other exposures are found, in turns."""
MADE_OF = 30
"""Works of which exposures are made."""
ON_LOOK_ALIKES = 2
"""Edits of each look-alike, as a copy of itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A found picture, and what it is measured beside.

    Attributes:
        kind: what it is to those.
        photo: path of what it was made of.
        edit: how.
        data: bytes of its file.
        registered: paths of registered pictures.
        alone: path and bytes of a picture that is registered for this question only: made of the photo at that path.
        named: works that descriptor and votes each name, which are measured besides.
        family: of a copy.
        primitives: of which a copy was made.
    """

    kind: Kind
    photo: str
    edit: str
    data: bytes
    registered: tuple[str, ...] = ()
    alone: tuple[str, bytes] | None = None
    named: int = 0
    family: str = ""
    primitives: tuple[str, ...] = ()

    @property
    def question(self) -> tuple[str, str]:
        """Identity."""
        return self.photo, self.edit


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """Pictures that a list sorts by scene.

    Attributes:
        scenes: the name of each picture's, by its path.
        contested: scenes whose pictures may count as copies: they aren't measured beside one another.
    """

    scenes: Mapping[str, str]
    contested: frozenset[str] = frozenset()

    @classmethod
    def listed(cls, folder: Path | None) -> "LookAlikes":
        """Those of a folder with ``groups.csv``: file, group, kind, expected; none without a folder."""
        rows = list(records(folder / "groups.csv")) if folder else []
        contested = frozenset(row["group"] for row in rows if row["expected"] == "ambiguous")
        return cls({str(folder / row["file"]): row["group"] for row in rows if folder}, contested)

    def kind(self, photo: str, registered: str) -> Kind | None:
        """What two different pictures are to each other; ``None`` where that isn't known.

        It is contested within some scenes; and of pictures of two scenes the list doesn't say what these share.
        """
        if photo not in self.scenes or registered not in self.scenes:
            return Kind.STRANGER
        scene = self.scenes[photo]
        return None if scene != self.scenes[registered] or scene in self.contested else Kind.EXPOSURE

    def beside(self, photo: str) -> tuple[str, ...]:
        """The other pictures of its scene."""
        return tuple(path for path in self.scenes if path != photo and self.kind(photo, path) is Kind.EXPOSURE)


def copies(parts: Roles, seed: int, singles: int, chains: int) -> Iterator[Question]:
    """Each work in some listed edits, in some primitives alone in two strengths, and in random chains of both kinds."""
    yield from _edited(parts.works, parts.others, singles, seed)
    for asked in compositions.questions(parts, seed, singles, chains):
        name, _, primitives = asked.edit.partition(": ")
        family = name.partition(",")[0]
        yield _copy(asked, family if family in FAMILIES else CHAINS, tuple(primitives.split(" + ")))


def of_strangers(photos: Sequence[Path], others: Sequence[Path], each: int, seed: int) -> Iterator[Question]:
    """Pictures of others, as they are and edited, each beside the works that are named for it."""
    for asked in strangers(photos, others, each, seed):
        yield Question(Kind.STRANGER, asked.photo, asked.edit, asked.data, named=2)


def of_look_alikes(alike: LookAlikes, others: Sequence[Path], seed: int) -> Iterator[Question]:
    """Look-alikes beside the others of their scene, as they are and lightly edited, and beside themselves as copies."""
    around, light = [opened(path) for path in others], cycle(LIGHT)
    for photo in alike.scenes:
        beside = alike.beside(photo)
        if beside:
            yield Question(Kind.EXPOSURE, photo, "none", Path(photo).read_bytes(), beside)
            made = copy_of(Path(photo), opened(Path(photo)), next(light), around, seed)
            yield Question(Kind.EXPOSURE, photo, f"beside others: {made.edit}", made.data, beside)
    yield from _edited([Path(photo) for photo in alike.scenes], others, ON_LOOK_ALIKES, seed)


def of_made_exposures(works: Sequence[Path], seed: int) -> Iterator[Question]:
    """Exposures made of works, each lightly edited beside the first of its scene."""
    light = cycle(LIGHT)
    for scene in exposures.made(works, MADE_OF, seed):
        (_, first), *further = scene.exposures
        for name, data in further:
            edit = next(light)
            made = apply(edit, Look(data()).image, [], seed)
            yield Question(
                Kind.MADE, scene.name, f"{scene.kind} {name}: {edit}", made.data, alone=(scene.name, first())
            )


def under_overlays(
    photos: Sequence[Path], others: Sequence[Path], counts: tuple[int, int], seed: int
) -> Iterator[Question]:
    """Two strangers under the same marks, and in the same page, so many of each."""
    for place, (overlays, count) in enumerate(zip((OVERLAYS, PAGES), counts, strict=True)):
        for number, pair in enumerate(overlay_pairs(photos, others, overlays, count, seed + place)):
            name = f"{pair.overlay} {number} over {pair.photos[0]}"
            yield Question(Kind.OVERLAY, pair.photos[1], name, pair.found, alone=(pair.photos[0], pair.registered))


def _edited(works: Iterable[Path], others: Sequence[Path], count: int, seed: int) -> Iterator[Question]:
    """Each picture in so many of the listed edits, which come in turns."""
    around, edits = [opened(path) for path in others], cycle(EVERY_EDIT)
    for path in works:
        picture = opened(path)
        for _ in range(min(count, len(EVERY_EDIT))):
            yield _copy(copy_of(path, picture, next(edits), around, seed), EDITS)


def _copy(asked: Asked, family: str, primitives: tuple[str, ...] = ()) -> Question:
    return Question(
        Kind.COPY, asked.photo, asked.edit, asked.data, (asked.work,), named=1, family=family, primitives=primitives
    )

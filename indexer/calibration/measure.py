"""Measure photographs for a calibration: edits of a photograph are its copies, other photographs are not.

Every photograph is searched for among all others, exactly as a found picture is searched for among works; its nearest
matches are the hardest negatives available. In addition, some photographs are edited and compared with themselves, and
each of these and its nearest neighbour are compared under the same overlay.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exhibit.digests import Digest
from exhibit.errors import ExhibitError, WrongUseError
from exhibit.pictures.decode import decode
from exhibit.types import Decision, Space, Verification
from indexer import edits
from indexer.calibration.probability import MIN_PHOTOGRAPHS, Sample
from indexer.picture.descriptor import BUILT_IN, Descriptor, DescriptorFile
from indexer.picture.features import Features, compute_work_fingerprints, extract
from indexer.picture.spaces import PHASH, PIPELINE, ROOTSIFT, STORED_LOCAL_FEATURES, WHOLE
from indexer.search.cache import FeatureCache
from indexer.search.candidates import Candidate, map_owners
from indexer.search.folders import Progress, Skipped, list_files
from indexer.search.processes import run_in_processes
from indexer.search.search import compare, find_works
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.rows import to_rows
from indexer.votes.index import VoteIndex

NEAREST, OVERLAY = "nearest", "overlay"
NEIGHBOUR_COUNT = 2
"""Other photographs placed beside or behind an edited one."""
EDITED_SIDE = 1280
"""Long side, in pixels, at which a photograph is decoded for editing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of edited photographs and edits."""

    edited: int = 300  # maximum number of edited photographs; all are searched for
    edits_each: int = 8  # edits of each; all edits are used in turn over the photographs
    seed: int = 1  # seed of the edits


@dataclass(frozen=True, slots=True)
class Photograph:
    """A file of the folder. Files that show the same picture belong to one group, and count once."""

    path: str  # relative to the folder
    digest: Digest  # of its bytes
    group: str  # identity of the picture: hexadecimal digest of the first of its files
    hash: bytes  # perceptual hash, 32 bytes


@dataclass(frozen=True, slots=True)
class Scene:
    """Data that a process needs to measure photographs."""

    folder: Path
    scratch: Path
    photographs: tuple[Photograph, ...]
    plan: Plan
    network: DescriptorFile | None = None

    @property
    def descriptor(self) -> Descriptor:
        """The configured network, or the built-in one."""
        return BUILT_IN if self.network is None else self.network.descriptor()

    @property
    def identity(self) -> str:
        """Identity of all inputs of the measurements, including the source of the measuring and editing code."""
        photographs = [[photograph.digest.hex, photograph.group] for photograph in self.photographs]
        edit_sources = sorted(Path(edits.__file__).parent.glob("*.py"))
        sources = Digest.of(b"".join(path.read_bytes() for path in (Path(__file__), *edit_sources)))
        text = json.dumps([PIPELINE, self.descriptor.space.id, sources.hex, dataclasses.asdict(self.plan), photographs])
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def select_edited(self) -> frozenset[int]:
        """Return the edited photographs: the first of each group, ordered by digest, so that any may be among them."""
        first = {photograph.group: number for number, photograph in reversed(list(enumerate(self.photographs)))}
        candidates = sorted(first.values(), key=lambda number: self.photographs[number].digest.hex)
        return frozenset(candidates[: self.plan.edited])


def read_photographs(
    folder: Path, scratch: Path, same: Sequence[Sequence[str]], descriptor: Descriptor, progress: Progress
) -> tuple[list[Photograph], list[Skipped]]:
    """Read every picture of a folder once and store its features, which later runs reuse.

    Args:
        folder: Folder of photographs.
        scratch: Folder that stores the features.
        same: Groups of paths that show the same picture.
        descriptor: The network.
        progress: Receives the progress.

    Returns:
        The photographs, each file's bytes once, sorted by path, and the files that could not be read.

    Raises:
        WrongUseError: It is not a folder, a group names a file that does not exist, or there are too few photographs.
    """
    paths = list_files(folder)
    if unknown := sorted({path for group in same for path in group} - set(paths)):
        raise WrongUseError(f"{unknown[0]} isn't a file below {folder}.")
    cache = FeatureCache(scratch, 1, descriptor=descriptor)
    files_by_digest, skipped = dict[Digest, tuple[str, bytes]](), list[Skipped]()
    for done, path in enumerate(paths, 1):
        try:
            data = (folder / path).read_bytes()
            features = cache.get(digest := Digest.of(data), lambda data=data: data)  # type: ignore[misc]
            files_by_digest.setdefault(digest, (path, features.hashes[WHOLE]))
        except (ExhibitError, OSError) as error:
            skipped.append(Skipped(path, str(error)))
        progress("reading", done, len(paths))
    groups = {path: number for number, group in enumerate(same) for path in group}
    first: dict[int, str] = {}
    photographs = []
    for digest, (path, perceptual) in files_by_digest.items():
        group = digest.hex if path not in groups else first.setdefault(groups[path], digest.hex)
        photographs.append(Photograph(path, digest, group, perceptual))
    require_enough_photographs(folder, len({photograph.group for photograph in photographs}))
    return photographs, skipped


def require_enough_photographs(folder: Path, count: int) -> None:
    """Raise ``WrongUseError`` if there are too few photographs for a calibration."""
    if count < MIN_PHOTOGRAPHS:
        hint = f"At least {MIN_PHOTOGRAPHS} are needed; some thousand make a useful calibration."
        raise WrongUseError(f"{folder} holds {count} different photographs.", hint=hint)


def measure(scene: Scene, jobs: int, progress: Progress) -> list[Sample]:
    """Measure every photograph with ``jobs`` processes, or continue an interrupted run."""
    path = scene.scratch / f"measured-{scene.identity}.jsonl"
    done = _load_measurements(path)
    remaining = [number for number in range(len(scene.photographs)) if number not in done]
    progress("measuring", len(done), len(scene.photographs))
    for number, samples in run_in_processes(jobs, (_create_bench, scene), _measure_photograph, remaining):
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([number, [_sample_to_dict(sample) for sample in samples]]) + "\n")
        done[number] = samples
        progress("measuring", len(done), len(scene.photographs))
    return [sample for number in sorted(done) for sample in done[number]]


def _create_bench(scene: Scene) -> "Bench":
    return Bench(scene)


def _measure_photograph(bench: "Bench", number: int) -> tuple[int, list[Sample]]:
    return number, bench.measure(number)


class Bench:
    """The photographs, with indexes for one process."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.space = scene.descriptor.space
        self.cache = FeatureCache(scene.scratch, 512, descriptor=scene.descriptor)
        self.edited_numbers = scene.select_edited()
        rows = [
            (number, fingerprint)
            for number, photograph in enumerate(scene.photographs)
            for fingerprint in compute_work_fingerprints(photograph.digest, self.features(number))
        ]
        self.vectors, self.owners = {}, {}
        for space in (PHASH, self.space):
            space_rows = [(number, fingerprint.vector) for number, fingerprint in rows if fingerprint.space == space.id]
            self.vectors[space.id] = to_rows(space, [vector for _, vector in space_rows])
            self.owners[space.id] = [number for number, _ in space_rows]
        self.votes = VoteIndex(scene.scratch / "votes")
        self.owners[ROOTSIFT.id] = list(range(len(scene.photographs)))
        numbers = self.owners[ROOTSIFT.id]
        sets = [self.features(number).local.descriptors[:STORED_LOCAL_FEATURES] for number in numbers]
        self.votes.upsert(np.array(numbers, np.int64), sets)

    def index_without(self, space: Space, excluded_rows: NDArray[np.int64]) -> FaissIndex:
        """Return an in-memory index of the vectors in a space, without those in the hidden rows."""
        index = FaissIndex(space, self.scene.scratch / space.name)
        rows = np.setdiff1d(np.arange(len(self.vectors[space.id])), excluded_rows)
        index.upsert(rows, self.vectors[space.id][rows])
        return index

    def data(self, number: int) -> bytes:
        """Return the bytes of a photograph."""
        return (self.scene.folder / self.scene.photographs[number].path).read_bytes()

    def features(self, number: int) -> Features:
        """Return the features of a photograph."""
        return self.cache.get(self.scene.photographs[number].digest, lambda: self.data(number))

    def measure(self, number: int) -> list[Sample]:
        """Search for a photograph among the others and, if it is selected, compare its edits."""
        photograph = self.scene.photographs[number]
        matches = find_works(self.features(number), lambda: self.data(number), OtherPhotographs(self, photograph.group))
        samples = [
            Sample(
                photograph.group, False, NEAREST, verification, (photograph.path, self.scene.photographs[other].path)
            )
            for other, verification in matches
        ]
        if number not in self.edited_numbers:
            return samples
        return [
            *samples,
            *self._compare_edits(number),
            *self._compare_overlaid(number, [other for other, _ in matches]),
        ]

    def _compare_edits(self, number: int) -> Iterator[Sample]:
        plan, names = self.scene.plan, tuple(edits.EDITS)
        group = self.scene.photographs[number].group
        turn = int(group[:8], 16)
        for place in range(plan.edits_each):
            name = names[(turn * plan.edits_each + place) % len(names)]
            data = edits.apply(name, self._picture(number), self._neighbours(number), plan.seed + turn).data
            comparison = compare(extract(data), self.features(number))
            yield Sample(group, True, name, comparison, (self.scene.photographs[number].path,))

    def _compare_overlaid(self, number: int, nearest: Sequence[int]) -> Iterator[Sample]:
        """Compare the photograph and its nearest neighbour under the same words or marks."""
        if not nearest:
            return
        group = self.scene.photographs[number].group
        turn = int(group[:8], 16)
        name = edits.OVERLAYS[turn % len(edits.OVERLAYS)]
        first, second = (
            edits.apply(
                name, self._picture(photograph_number), self._neighbours(number), self.scene.plan.seed + turn
            ).data
            for photograph_number in (number, nearest[0])
        )
        files = (self.scene.photographs[number].path, self.scene.photographs[nearest[0]].path)
        yield Sample(group, False, f"{OVERLAY} {name}", compare(extract(first), extract(second)), files)

    def _picture(self, number: int) -> Image.Image:
        return Image.fromarray(decode(self.data(number), at_least=EDITED_SIDE).pixels)

    def _neighbours(self, number: int) -> list[Image.Image]:
        count = len(self.scene.photographs)
        return [self._picture((number + step) % count) for step in range(1, NEIGHBOUR_COUNT + 1)]


class OtherPhotographs:
    """All photographs that show another picture. Implements ``indexer.search.search.Works``.

    Photographs of the same picture are hidden while the indexes are searched, as they would displace others among the
    nearest.
    """

    def __init__(self, bench: Bench, group: str) -> None:
        self._bench = bench
        group_numbers = [
            number for number, photograph in enumerate(bench.scene.photographs) if photograph.group == group
        ]
        rows = {space: np.flatnonzero(np.isin(owners, group_numbers)) for space, owners in bench.owners.items()}
        self.hashes, self.descriptors = (bench.index_without(space, rows[space.id]) for space in (PHASH, bench.space))
        self.votes = bench.votes.exclude(rows[ROOTSIFT.id])

    def owners(self, candidates: Iterable[Candidate]) -> Mapping[tuple[str, int], int]:
        """Return the photograph to which each candidate's vector belongs."""
        return map_owners(candidates, self._bench.owners)

    def features(self, work: int) -> Features:
        """Return the features of a photograph."""
        return self._bench.features(work)


def _load_measurements(path: Path) -> dict[int, list[Sample]]:
    """Read the measurements of an earlier run, a line per photograph; an incomplete last line is removed."""
    if not path.exists():
        return {}
    *lines, rest = path.read_bytes().split(b"\n")
    if rest:
        os.truncate(path, path.stat().st_size - len(rest))
    return {number: [_sample_from_dict(sample) for sample in samples] for number, samples in map(json.loads, lines)}


_TRANSFORM_FIELDS = {"transform", "further", "pieces", "probability", "calibration"}
_STORED_FIELDS = {field.name for field in dataclasses.fields(Verification)} - _TRANSFORM_FIELDS
"""Stored fields of a comparison: its measurements, without transforms."""


def _sample_to_dict(sample: Sample) -> dict[str, Any]:
    figures = {name: getattr(sample.verification, name) for name in sorted(_STORED_FIELDS)}
    return {**dataclasses.asdict(sample), "verification": figures}


def _sample_from_dict(data: dict[str, Any]) -> Sample:
    figures = data.pop("verification")
    figures |= {"decision": Decision(figures["decision"]), "reasons": tuple(figures["reasons"])}
    verification = Verification(**figures, transform=None, probability=None)
    return Sample(**{**data, "files": tuple(data["files"])}, verification=verification)

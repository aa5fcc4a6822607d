"""Measurement of photographs for a calibration: edits of a photograph are its copies; other photographs are not.

Every photograph is searched for among all others, exactly as a found picture is searched for among works. Its nearest
matches are the hardest negatives available. In addition, some photographs are edited and compared with themselves, and
each of them is compared with its nearest neighbour while both carry the same overlay.
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
from exhibit.errors import ExhibitError, InvalidRequestError
from exhibit.pictures.decode import decode
from exhibit.types import Decision, Space, Verification
from indexer import edits
from indexer.calibration.probability import MIN_PHOTOGRAPHS, Sample
from indexer.picture.descriptor import BUILT_IN, Descriptor, DescriptorFile
from indexer.picture.features import Features, compute_work_fingerprints, extract
from indexer.picture.spaces import PHASH, PIPELINE, ROOTSIFT, STORED_LOCAL_FEATURES, WHOLE
from indexer.search.cache import FeatureCache
from indexer.search.candidates import Candidate, map_owners
from indexer.search.comparison import PictureComparison, compare_pictures
from indexer.search.folders import Progress, Skipped, list_files
from indexer.search.processes import run_in_processes
from indexer.search.search import find_works
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.rows import to_rows
from indexer.votes.index import VoteIndex

NEAREST_KIND, OVERLAY_KIND = "nearest", "overlay"
NEIGHBOUR_COUNT = 2
"""Number of other photographs available for placement beside or behind an edited one."""
EDITED_SIDE = 1280
"""Long side, in pixels, at which a photograph is decoded for editing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of edited photographs and edits."""

    edited: int = 300  # maximum number of edited photographs; all photographs are searched for, edited or not
    edits_each: int = 8  # edits per photograph; successive photographs use the edits in turn
    seed: int = 1  # seed of the edits


@dataclass(frozen=True, slots=True)
class Photograph:
    """Photograph in the folder. Files that show the same picture form one group, which counts once."""

    path: str  # relative to the folder
    digest: Digest  # of its bytes
    group: str  # identity of the picture: hexadecimal digest of the first of its files
    hash: bytes  # perceptual hash, 32 bytes


@dataclass(frozen=True, slots=True)
class MeasurementContext:
    """Inputs that each process needs to measure photographs."""

    folder: Path
    scratch: Path
    photographs: tuple[Photograph, ...]
    plan: Plan
    network: DescriptorFile | None = None

    @property
    def descriptor(self) -> Descriptor:
        """The configured model, or the built-in one."""
        return BUILT_IN if self.network is None else self.network.create_descriptor()

    @property
    def identity(self) -> str:
        """Identity of all inputs of the measurements, including the source code that measures and edits."""
        photographs = [[photograph.digest.hex, photograph.group] for photograph in self.photographs]
        edit_sources = sorted(Path(edits.__file__).parent.glob("*.py"))
        sources = Digest.from_bytes(b"".join(path.read_bytes() for path in (Path(__file__), *edit_sources)))
        text = json.dumps([PIPELINE, self.descriptor.space.id, sources.hex, dataclasses.asdict(self.plan), photographs])
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def select_edited(self) -> frozenset[int]:
        """Select the photographs to edit: the first of each group, in order of digest, which is an arbitrary order."""
        first = {photograph.group: number for number, photograph in reversed(list(enumerate(self.photographs)))}
        candidates = sorted(first.values(), key=lambda number: self.photographs[number].digest.hex)
        return frozenset(candidates[: self.plan.edited])


def read_photographs(
    folder: Path,
    scratch: Path,
    same_picture_groups: Sequence[Sequence[str]],
    descriptor: Descriptor,
    progress: Progress,
) -> tuple[list[Photograph], list[Skipped]]:
    """Read every picture of a folder once and store its features for later runs.

    Args:
        folder: Folder of photographs.
        scratch: Folder that stores the features.
        same_picture_groups: Groups of paths that show the same picture.
        descriptor: The model.
        progress: Receives the progress.

    Returns:
        The photographs, sorted by path and without duplicate files, and the files that could not be read.

    Raises:
        InvalidRequestError: The path is not a folder, a group names a missing file, or there are too few photographs.
    """
    paths = list_files(folder)
    if unknown_paths := sorted({path for group in same_picture_groups for path in group} - set(paths)):
        raise InvalidRequestError(f"{unknown_paths[0]} is not a file in {folder}.")
    cache = FeatureCache(scratch, 1, descriptor=descriptor)
    files_by_digest, skipped_files = dict[Digest, tuple[str, bytes]](), list[Skipped]()
    for finished_count, path in enumerate(paths, 1):
        try:
            data = (folder / path).read_bytes()
            features = cache.get(digest := Digest.from_bytes(data), lambda data=data: data)  # type: ignore[misc]
            files_by_digest.setdefault(digest, (path, features.hashes[WHOLE]))
        except (ExhibitError, OSError) as error:
            skipped_files.append(Skipped(path, str(error)))
        progress("reading", finished_count, len(paths))
    groups = {path: number for number, group in enumerate(same_picture_groups) for path in group}
    first: dict[int, str] = {}
    photographs = []
    for digest, (path, perceptual_hash) in files_by_digest.items():
        group = digest.hex if path not in groups else first.setdefault(groups[path], digest.hex)
        photographs.append(Photograph(path, digest, group, perceptual_hash))
    require_enough_photographs(folder, len({photograph.group for photograph in photographs}))
    return photographs, skipped_files


def require_enough_photographs(folder: Path, count: int) -> None:
    """Raise ``InvalidRequestError`` if the folder has too few photographs for a calibration."""
    if count < MIN_PHOTOGRAPHS:
        hint = f"At least {MIN_PHOTOGRAPHS} are required. A useful calibration requires several thousand."
        raise InvalidRequestError(f"{folder} contains {count} different photographs.", hint=hint)


def measure(context: MeasurementContext, jobs: int, progress: Progress) -> list[Sample]:
    """Measure every photograph with ``jobs`` processes, or continue an interrupted run."""
    path = context.scratch / f"measured-{context.identity}.jsonl"
    finished_count = _load_measurements(path)
    remaining = [number for number in range(len(context.photographs)) if number not in finished_count]
    progress("measuring", len(finished_count), len(context.photographs))
    for number, samples in run_in_processes(jobs, (_create_bench, context), _measure_photograph, remaining):
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([number, [_sample_to_dict(sample) for sample in samples]]) + "\n")
        finished_count[number] = samples
        progress("measuring", len(finished_count), len(context.photographs))
    return [sample for number in sorted(finished_count) for sample in finished_count[number]]


def _create_bench(context: MeasurementContext) -> "Bench":
    return Bench(context)


def _measure_photograph(bench: "Bench", number: int) -> tuple[int, list[Sample]]:
    return number, bench.measure(number)


class Bench:
    """Photographs of the folder and the indexes that search them, for one process."""

    def __init__(self, context: MeasurementContext) -> None:
        self.scene = context
        self.space = context.descriptor.space
        self.cache = FeatureCache(context.scratch, 512, descriptor=context.descriptor)
        self.edited_numbers = context.select_edited()
        rows = [
            (number, fingerprint)
            for number, photograph in enumerate(context.photographs)
            for fingerprint in compute_work_fingerprints(photograph.digest, self.load_features(number))
        ]
        self.vectors, self.owners = {}, {}
        for space in (PHASH, self.space):
            space_rows = [(number, fingerprint.vector) for number, fingerprint in rows if fingerprint.space == space.id]
            self.vectors[space.id] = to_rows(space, [vector for _, vector in space_rows])
            self.owners[space.id] = [number for number, _ in space_rows]
        self.votes = VoteIndex(context.scratch / "votes")
        self.owners[ROOTSIFT.id] = list(range(len(context.photographs)))
        numbers = self.owners[ROOTSIFT.id]
        sets = [self.load_features(number).local.descriptors[:STORED_LOCAL_FEATURES] for number in numbers]
        self.votes.upsert(np.array(numbers, np.int64), sets)

    def build_index_without(self, space: Space, excluded_rows: NDArray[np.int64]) -> FaissIndex:
        """Build an in-memory index of the vectors in a space, without the excluded rows."""
        index = FaissIndex(space, self.scene.scratch / space.name)
        rows = np.setdiff1d(np.arange(len(self.vectors[space.id])), excluded_rows)
        index.upsert(rows, self.vectors[space.id][rows])
        return index

    def read_bytes(self, number: int) -> bytes:
        """Return the bytes of a photograph."""
        return (self.scene.folder / self.scene.photographs[number].path).read_bytes()

    def load_features(self, number: int) -> Features:
        """Return the features of a photograph."""
        return self.cache.get(self.scene.photographs[number].digest, lambda: self.read_bytes(number))

    def measure(self, number: int) -> list[Sample]:
        """Search for a photograph among the others. For ``edited_numbers``, also compare edits and overlays."""
        photograph = self.scene.photographs[number]
        matches = find_works(
            self.load_features(number), lambda: self.read_bytes(number), OtherPhotographs(self, photograph.group)
        )
        samples = [
            Sample(
                photograph.group,
                False,
                NEAREST_KIND,
                verification,
                (photograph.path, self.scene.photographs[other].path),
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
        first_edit = int(group[:8], 16)
        for edit_index in range(plan.edits_each):
            name = names[(first_edit * plan.edits_each + edit_index) % len(names)]
            data = edits.apply(
                name, self._decode_picture(number), self._decode_neighbours(number), plan.seed + first_edit
            ).data
            comparison = PictureComparison(extract(data), lambda: data).compare(  # noqa: B023 - called within this round
                self.load_features(number)
            )
            yield Sample(group, True, name, comparison, (self.scene.photographs[number].path,))

    def _compare_overlaid(self, number: int, nearest: Sequence[int]) -> Iterator[Sample]:
        """Compare the photograph with its nearest neighbour after the same text or mark was added to both."""
        if not nearest:
            return
        group = self.scene.photographs[number].group
        first_overlay = int(group[:8], 16)
        name = edits.OVERLAYS[first_overlay % len(edits.OVERLAYS)]
        first, second = (
            edits.apply(
                name,
                self._decode_picture(photograph_number),
                self._decode_neighbours(number),
                self.scene.plan.seed + first_overlay,
            ).data
            for photograph_number in (number, nearest[0])
        )
        files = (self.scene.photographs[number].path, self.scene.photographs[nearest[0]].path)
        yield Sample(group, False, f"{OVERLAY_KIND} {name}", compare_pictures(second, first), files)

    def _decode_picture(self, number: int) -> Image.Image:
        return Image.fromarray(decode(self.read_bytes(number), at_least=EDITED_SIDE).pixels)

    def _decode_neighbours(self, number: int) -> list[Image.Image]:
        count = len(self.scene.photographs)
        return [self._decode_picture((number + step) % count) for step in range(1, NEIGHBOUR_COUNT + 1)]


class OtherPhotographs:
    """All photographs that show another picture. Implements ``indexer.search.search.Works``.

    The indexes exclude photographs of the same picture, because these would take the place of other photographs among
    the nearest hits.
    """

    def __init__(self, bench: Bench, group: str) -> None:
        self._bench = bench
        group_numbers = [
            number for number, photograph in enumerate(bench.scene.photographs) if photograph.group == group
        ]
        rows = {space: np.flatnonzero(np.isin(owners, group_numbers)) for space, owners in bench.owners.items()}
        self.hashes, self.descriptors = (
            bench.build_index_without(space, rows[space.id]) for space in (PHASH, bench.space)
        )
        self.votes = bench.votes.exclude(rows[ROOTSIFT.id])

    def owners(self, candidates: Iterable[Candidate]) -> Mapping[tuple[str, int], int]:
        """Return the photograph to which each candidate's vector belongs."""
        return map_owners(candidates, self._bench.owners)

    def features(self, work: int) -> Features:
        """Return the features of a photograph."""
        return self._bench.load_features(work)


def _load_measurements(path: Path) -> dict[int, list[Sample]]:
    """Read the measurements of an earlier run, one line per photograph, and remove an incomplete last line."""
    if not path.exists():
        return {}
    *lines, incomplete_line = path.read_bytes().split(b"\n")
    if incomplete_line:
        os.truncate(path, path.stat().st_size - len(incomplete_line))
    return {number: [_sample_from_dict(sample) for sample in samples] for number, samples in map(json.loads, lines)}


_TRANSFORM_FIELDS = {"transform", "further", "pieces", "probability", "calibration"}
_STORED_FIELDS = {field.name for field in dataclasses.fields(Verification)} - _TRANSFORM_FIELDS
"""Fields of a comparison that are stored: its measurements without the transforms."""


def _sample_to_dict(sample: Sample) -> dict[str, Any]:
    measurements = {name: getattr(sample.verification, name) for name in sorted(_STORED_FIELDS)}
    return {**dataclasses.asdict(sample), "verification": measurements}


def _sample_from_dict(data: dict[str, Any]) -> Sample:
    measurements = data.pop("verification")
    measurements |= {"decision": Decision(measurements["decision"]), "reasons": tuple(measurements["reasons"])}
    verification = Verification(**measurements, transform=None, probability=None)
    return Sample(**{**data, "files": tuple(data["files"])}, verification=verification)

"""Search among a hundred thousand works: candidates, decisions, times and index sizes.

The product's code searches for real works in 34 edits among 1,000, 10,000 and 100,000 works. Queries are in random
order, so that a part of them represents all.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.common import Progress, Row, save_rows
from bench.matching.peers import LoadedPicture
from bench.matching.roles import PhotoRoles
from bench.queries import Query, make_copy_query, open_photo
from bench.retrieval import HashStatistics, generate_entries, measure_hash_statistics
from bench.retroactive import mix_descriptors
from exhibit.digests import Digest
from exhibit.ports import VectorIndex
from exhibit.types import Decision, Untyped
from indexer.edits import DESIGN
from indexer.picture.features import Features
from indexer.picture.local_features import to_unit_rows
from indexer.picture.spaces import DESCRIPTOR, PHASH, STORED_LOCAL_FEATURES, TRIMMED, WHOLE
from indexer.search.cache import FeatureCache
from indexer.search.candidates import (
    BACKGROUND_RANKS,
    Candidate,
    find_descriptor_candidates,
    find_hash_candidates,
    find_vote_candidates,
    interleave,
    iterate_distinct,
)
from indexer.search.search import find_works
from indexer.vectors.faiss_index import Batch, FaissIndex
from indexer.votes.codec import SAMPLES_PER_LIST, choose_list_count, load_shipped_codec, train_codec
from indexer.votes.index import VoteIndex
from indexer.votes.rows import Contents, ListCodes

SEED = 12
SWAPPED_FRACTION = 0.5
"""Fraction of the bytes of a code that are replaced by those of another code. Of the tried values from 1/8 to 3/4, 1/2
is closest to the random votes of real photographs: 12% below them for 80 photographs expanded to 640.
"""


class PhotoCollection:
    """Real photographs with their features.

    Args:
        files: One file for each photograph.
        folder: Cache folder for features.
    """

    def __init__(self, files: Sequence[Path], folder: Path) -> None:
        self._files = files
        self._digests = [Digest.from_bytes(path.read_bytes()) for path in files]
        self._cache = FeatureCache(folder)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, number: int) -> Features:
        return self._cache.get(self._digests[number], self._files[number].read_bytes)


@dataclass(frozen=True, slots=True)
class WorkCrowd:
    """A set of registered works, the first of which are real. Implements ``indexer.search.search.Works``.

    Attributes:
        count: Number of works.
        real_photos: Photographs of the real works.
        query_count: Number of real works that are searched for. The others are the sources of the generated works.
        hashes: Index; numbers are positions, plus ``count`` for hashes inside borders.
        descriptors: Index; numbers are positions.
        votes: Index; numbers are positions.
        folder: Folder with one folder for each index.
    """

    count: int
    real_photos: PhotoCollection
    query_count: int
    hashes: VectorIndex
    descriptors: VectorIndex
    votes: VoteIndex
    folder: Path

    def owners(self, candidates: Iterable[Candidate]) -> Mapping[tuple[str, int], int]:
        """Return the work that each candidate's vector belongs to."""
        return {(candidate.space, candidate.number): candidate.number % self.count for candidate in candidates}

    def features(self, work: int) -> Features:
        """Return the features of a work, or of the photograph from which it was generated."""
        return self.real_photos[
            work if work < len(self.real_photos) else get_source_number(work, len(self.real_photos), self.query_count)
        ]

    def compute_megabytes(self, index: str) -> float:
        """Return the size of an index's files in 10⁶ bytes."""
        return sum(path.stat().st_size for path in (self.folder / index).iterdir()) / 1e6


def get_source_number(work: int, real_count: int, query_count: int) -> int:
    """Return the number of the photograph whose local features a generated work has. It is never one of the queries."""
    return query_count + (work - real_count) % (real_count - query_count)


def make_crowd(
    count: int,
    real_photos: PhotoCollection,
    query_count: int,
    hash_changes: HashStatistics,
    folder: Path,
    codec: Untyped = None,
) -> WorkCrowd:
    """Write the three indexes of a crowd of works.

    Args:
        count: Number of works.
        real_photos: Photographs. The first ones are searched for.
        query_count: Number of photographs that are searched for.
        hash_changes: Changes of hashes by edits.
        folder: Empty or missing folder.
        codec: Codec of the votes; by default the product's for this number of works.
    """
    generated_count = count - len(real_photos)
    descriptors = np.stack([real_photos[number].embeddings[WHOLE] for number in range(len(real_photos))])
    FaissIndex(PHASH, folder / "hashes").replace(_generate_hashes(count, real_photos, hash_changes), count)
    mixtures = mix_descriptors(descriptors[query_count:], generated_count, SEED)
    FaissIndex(DESCRIPTOR, folder / "descriptors").replace(_number_batches(descriptors, mixtures), count)
    _write_votes(count, real_photos, query_count, folder / "votes", codec)
    return open_crowd(count, real_photos, query_count, folder)


def open_crowd(count: int, real_photos: PhotoCollection, query_count: int, folder: Path) -> WorkCrowd:
    """Open the indexes written by :func:`make_crowd`."""
    return WorkCrowd(
        count=count,
        real_photos=real_photos,
        query_count=query_count,
        hashes=FaissIndex(PHASH, folder / "hashes"),
        descriptors=FaissIndex(DESCRIPTOR, folder / "descriptors"),
        votes=VoteIndex(folder / "votes"),
        folder=folder,
    )


def _generate_hashes(count: int, real_photos: PhotoCollection, hash_changes: HashStatistics) -> Iterator[Batch]:
    stored = [real_photos[number].hashes for number in range(len(real_photos))]
    whole_hashes = np.array([np.frombuffer(entry[WHOLE], np.uint8) for entry in stored])
    yield from _number_batches(
        whole_hashes, (rows for _, rows in generate_entries(hash_changes, count - len(real_photos)))
    )
    trimmed_numbers = [number for number, entry in enumerate(stored) if TRIMMED in entry]
    if trimmed_numbers:
        trimmed_hashes = np.array([np.frombuffer(stored[number][TRIMMED], np.uint8) for number in trimmed_numbers])
        yield count + np.array(trimmed_numbers), trimmed_hashes


def _number_batches(first: NDArray[Any], batches: Iterable[NDArray[Any]]) -> Iterator[Batch]:
    """Yield batches of rows with their positions."""
    start = 0
    for rows in (first, *batches):
        if len(rows):
            yield np.arange(start, start + len(rows)), rows
        start += len(rows)


def _write_votes(count: int, real_photos: PhotoCollection, query_count: int, folder: Path, codec: Untyped) -> None:
    """Write the local features of all works as one segment."""
    local_features = [
        real_photos[number].local.descriptors[:STORED_LOCAL_FEATURES] for number in range(len(real_photos))
    ]
    source_features, sizes = (
        local_features[query_count:],
        np.array([len(descriptors) for descriptors in local_features[query_count:]]),
    )
    used_codec = _choose_codec(count, source_features) if codec is None else codec
    coded_parts = [_encode(used_codec, local_features)]
    work_ids = [np.repeat(np.arange(len(real_photos)), [len(descriptors) for descriptors in local_features])]
    lists, codes = _encode(used_codec, source_features)
    for start in range(len(real_photos), count, len(source_features)):
        works = np.arange(start, min(start + len(source_features), count))
        work_ids.append(np.repeat(works, sizes[: len(works)]))
        variants = mix_codes(lists, codes, np.random.default_rng([SEED, start]))
        coded_parts.append((lists[: len(work_ids[-1])], variants[: len(work_ids[-1])]))
    list_contents = _group_by_list(
        used_codec.nlist, np.concatenate(work_ids), *map(np.concatenate, zip(*coded_parts, strict=True))
    )
    VoteIndex(folder).write_segments([Contents(used_codec, np.arange(count), list_contents)], count)


def _encode(codec: Untyped, local_features: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return list and code of each local feature."""
    rows = to_unit_rows(np.concatenate(local_features))
    return codec.quantizer.search(rows, 1)[1].ravel(), codec.pq.compute_codes(rows)


def _group_by_list(
    count: int, work_ids: NDArray[np.int64], lists: NDArray[np.int64], codes: NDArray[np.uint8]
) -> Iterator[ListCodes]:
    """Yield the content of each list."""
    order, list_ends = np.argsort(lists, kind="stable"), np.cumsum(np.bincount(lists, minlength=count))
    return ((work_ids[rows], codes[rows]) for rows in np.split(order, list_ends[:-1]))


def _choose_codec(work_count: int, local_features: Sequence[NDArray[np.uint8]]) -> Any:  # noqa: ANN401 - FAISS has no types
    lists, descriptors = choose_list_count(work_count), np.concatenate(local_features)
    if lists == load_shipped_codec().nlist:
        return load_shipped_codec()
    return train_codec(descriptors[:: max(1, len(descriptors) // (lists * SAMPLES_PER_LIST))], lists)


def mix_codes(lists: NDArray[np.int64], codes: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the codes, with some bytes of each replaced by those of another code in the same list.

    Args:
        lists: List number of each code.
        codes: Original codes.
        rng: Random number generator.
    """
    by_list, sizes = np.argsort(lists, kind="stable"), np.bincount(lists)
    starts = np.cumsum(sizes) - sizes
    partners = by_list[starts[lists] + (rng.random(len(codes)) * sizes[lists]).astype(np.int64)]
    is_swapped = rng.random(codes.shape) < SWAPPED_FRACTION
    return np.where(is_swapped, codes[partners], codes)


MIN_WORKS = 1_000
"""Number of works of the smallest crowd, all of which are real."""
EDITED_PHOTOS = 20
"""Number of photographs whose edits show which bits of hashes change."""
SAVE_INTERVAL = 20
"""Number of queries after which the measurements are saved."""
HASH_SEARCH, VOTE_SEARCH, DESCRIPTOR_SEARCH, COMBINED_SEARCH = (
    "hash",
    "local votes",
    "descriptor",
    "together, as compared",
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Result of one crowd for one copy.

    Attributes:
        edit: Edit of the copy.
        retrieved_by: Searches that list its work among the candidates to compare.
        milliseconds: CPU time, by step.
        decision: Decision on its work.
        compared_count: Number of works with which it was compared.
        wrong_matches: Number of other works that it matched, with any decision.
        random_vote_weight: Median weight of the votes for other works.
    """

    edit: str
    retrieved_by: frozenset[str]
    milliseconds: dict[str, float]
    decision: Decision
    compared_count: int
    wrong_matches: int
    random_vote_weight: float


def measure(roles: PhotoRoles, max_works: int, seed: int, out: Path) -> Iterator[tuple[str, str, list[Row]]]:
    """Run all queries.

    Args:
        roles: Photographs by role: works, neighbours of copies, and sources of the crowd.
        max_works: Number of works of the largest crowd.
        seed: Seed of the edits and of the order.
        out: Folder for features and indexes, and for intermediate results.

    Yields:
        File name, title and rows of each table.
    """
    sources = random.Random(seed).sample(roles.distractors, min(len(roles.distractors), MIN_WORKS - len(roles.works)))
    real_photos = _load_photographs([*roles.works, *sources], out / "crowd" / "features")
    hash_changes = measure_hash_statistics(sources, EDITED_PHOTOS)
    sizes = [size for power in range(3, 10) if (size := 10**power) <= max_works]
    crowds = [
        make_crowd(size, real_photos, len(roles.works), hash_changes, out / "crowd" / str(size)) for size in sizes
    ]
    results: list[list[QueryResult]] = []
    progress = Progress("copies searched", len(roles.works) * len(DESIGN))
    for query in _make_queries(roles, seed):
        picture, work = LoadedPicture(query.data), roles.works.index(Path(query.work))
        results.append([_run_query(query.edit, picture, work, crowd) for crowd in crowds])
        progress(len(results))
        if len(results) % SAVE_INTERVAL == 0:
            save_rows(out, "crowd", _build_table(crowds, results))
    yield "crowd", "Copies found among many works", _build_table(crowds, results)


def _load_photographs(files: Sequence[Path], folder: Path) -> PhotoCollection:
    photos = PhotoCollection(files, folder)
    progress = Progress("works measured", len(photos))
    for number in range(len(photos)):
        photos[number]
        progress(number + 1)
    return photos


def _make_queries(roles: PhotoRoles, seed: int) -> Iterator[Query]:
    neighbours = [open_photo(path) for path in roles.neighbours]
    order = list(product(roles.works, DESIGN))
    random.Random(seed).shuffle(order)
    return (make_copy_query(path, open_photo(path), edit, neighbours, seed) for path, edit in order)


def _run_query(edit: str, picture: LoadedPicture, work: int, crowd: WorkCrowd) -> QueryResult:
    features, milliseconds = picture.features, dict[str, float]()

    def measure_step(step: str, action: Callable[[], T]) -> T:
        started = time.process_time()
        result = action()
        milliseconds[step] = (time.process_time() - started) * 1000
        return result

    def list_works(candidates: Sequence[Candidate]) -> list[int]:
        owners = crowd.owners(candidates)
        return list(iterate_distinct(candidates, lambda candidate: owners[candidate.space, candidate.number]))

    features.local, features.embeddings  # noqa: B018 - computed before the clock starts
    hash_candidates = measure_step(HASH_SEARCH, lambda: find_hash_candidates([features], crowd.hashes)[0])
    vote_candidates = measure_step(
        VOTE_SEARCH, lambda: [] if features.is_icon else find_vote_candidates(features.local, crowd.votes)
    )
    descriptor_candidates = measure_step(
        DESCRIPTOR_SEARCH, lambda: [] if features.is_icon else find_descriptor_candidates(features, crowd.descriptors)
    )
    combined_works = [
        *list_works(hash_candidates),
        *list_works(list(interleave(vote_candidates, descriptor_candidates))),
    ]
    works_by_search = {
        HASH_SEARCH: list_works(hash_candidates),
        VOTE_SEARCH: list_works(vote_candidates),
        DESCRIPTOR_SEARCH: list_works(descriptor_candidates),
        COMBINED_SEARCH: combined_works,
    }
    verifications = dict(measure_step("everything", lambda: find_works(features, lambda: picture.data, crowd)))
    decisions = {key: verification.decision for key, verification in verifications.items()}
    return QueryResult(
        edit=edit,
        retrieved_by=frozenset(retriever for retriever, works in works_by_search.items() if work in works),
        milliseconds=milliseconds,
        decision=decisions.pop(work, Decision.NONE),
        compared_count=len(verifications),
        wrong_matches=sum(verification is not Decision.NONE for verification in decisions.values()),
        random_vote_weight=float(
            np.median([vote.weight for vote in crowd.votes.votes(features.local.descriptors)[BACKGROUND_RANKS]] or [0])
        ),
    )


def _build_table(crowds: Sequence[WorkCrowd], results: Sequence[Sequence[QueryResult]]) -> list[Row]:
    """Return one row per measurement, with one column per crowd."""
    columns = [
        _build_column(crowd, [crowd_results[index] for crowd_results in results]) for index, crowd in enumerate(crowds)
    ]
    return [
        {
            "what": measurement,
            **{f"{crowd.count:,} works": column[measurement] for crowd, column in zip(crowds, columns, strict=True)},
        }
        for measurement in columns[0]
    ]


def _build_column(crowd: WorkCrowd, results: Sequence[QueryResult]) -> dict[str, object]:
    retrievers = (HASH_SEARCH, VOTE_SEARCH, DESCRIPTOR_SEARCH)
    steps = (*retrievers, "everything")
    return {
        "copies searched": len(results),
        **{
            f"work named: {retriever}": _format_fraction(
                retriever in query_result.retrieved_by for query_result in results
            )
            for retriever in (*retrievers, COMBINED_SEARCH)
        },
        "found for certain": _format_fraction(query_result.decision is Decision.CERTAIN for query_result in results),
        "found, of any grade": _format_fraction(query_result.decision is not Decision.NONE for query_result in results),
        "copies taken for another work as well": sum(query_result.wrong_matches > 0 for query_result in results),
        "works compared, mean": float(np.mean([query_result.compared_count for query_result in results])),
        "votes by chance, median weight": float(
            np.median([query_result.random_vote_weight for query_result in results])
        ),
        **{
            f"ms: {step}": float(np.mean([query_result.milliseconds[step] for query_result in results]))
            for step in steps
        },
        "lists of the votes": crowd.votes.codec.nlist,
        **{f"MB: {index}": crowd.compute_megabytes(index) for index in ("hashes", "descriptors", "votes")},
    }


def _format_fraction(conditions: Iterator[bool]) -> str:
    values = list(conditions)
    return f"{np.mean(values):.3f}".removeprefix("0") if values else "–"

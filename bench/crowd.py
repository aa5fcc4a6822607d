"""Search among a hundred thousand works: are copies still found? Candidates, decisions, times and index sizes.

Real works in the 34 edits of the design are searched for by the product's own code, among a thousand works and ten and
a hundred times as many. Queries come in random order, so that a part of them represents all.
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
from bench.matching.roles import Roles
from bench.queries import Query, copy_of, open_photo
from bench.retrieval import HashStatistics, entries_of, real_hashes
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
from indexer.votes.codec import SAMPLES_PER_LIST, choose_list_count, shipped_codec, train_codec
from indexer.votes.index import VoteIndex
from indexer.votes.rows import Codes, Contents

SEED = 12
SWAPPED_SHARE = 0.5
"""Share of the bytes of a code that are taken from another one. Of an eighth to three quarters, tried on 80 photographs
expanded to 640, a half comes closest to the random votes of 640 real photographs, and stays 12% below them.
"""


class Photographs:
    """Real photographs with their features.

    Args:
        files: One file for each photograph.
        folder: Cache folder for features.
    """

    def __init__(self, files: Sequence[Path], folder: Path) -> None:
        self._files = files
        self._digests = [Digest.of(path.read_bytes()) for path in files]
        self._cache = FeatureCache(folder)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, number: int) -> Features:
        return self._cache.get(self._digests[number], self._files[number].read_bytes)


@dataclass(frozen=True, slots=True)
class Crowd:
    """A number of registered works, the first of them real. Implements ``indexer.search.search.Works``.

    Attributes:
        count: Number of works.
        real: The first works.
        asked: How many of those are searched for; the rest of the crowd is generated from the others.
        hashes: Index; numbers are positions, plus ``count`` for hashes inside borders.
        descriptors: Index; numbers are positions.
        votes: Index; numbers are positions.
        folder: Folder with one folder for each index.
    """

    count: int
    real: Photographs
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
        return self.real[work if work < len(self.real) else source_of(work, len(self.real), self.query_count)]

    def megabytes(self, index: str) -> float:
        """Return the size of an index's files in 10⁶ bytes."""
        return sum(path.stat().st_size for path in (self.folder / index).iterdir()) / 1e6


def source_of(work: int, real: int, query_count: int) -> int:
    """Return the photograph whose local features a generated work has: never one that is searched for."""
    return query_count + (work - real) % (real - query_count)


def make_crowd(
    count: int, real: Photographs, query_count: int, hash_changes: HashStatistics, folder: Path, codec: Untyped = None
) -> Crowd:
    """Write the three indexes of a crowd of works.

    Args:
        count: Number of works.
        real: Photographs; the first ones are searched for.
        query_count: Number of those.
        hash_changes: Changes of hashes by edits.
        folder: Empty or missing folder.
        codec: Codec of the votes; by default the product's for this number of works.
    """
    generated = count - len(real)
    descriptors = np.stack([real[number].embeddings[WHOLE] for number in range(len(real))])
    FaissIndex(PHASH, folder / "hashes").replace(_hashes(count, real, hash_changes), count)
    mixtures = mix_descriptors(descriptors[query_count:], generated, SEED)
    FaissIndex(DESCRIPTOR, folder / "descriptors").replace(_number_batches(descriptors, mixtures), count)
    _write_votes(count, real, query_count, folder / "votes", codec)
    return open_crowd(count, real, query_count, folder)


def open_crowd(count: int, real: Photographs, query_count: int, folder: Path) -> Crowd:
    """Open the indexes written by :func:`make_crowd`."""
    return Crowd(
        count=count,
        real=real,
        query_count=query_count,
        hashes=FaissIndex(PHASH, folder / "hashes"),
        descriptors=FaissIndex(DESCRIPTOR, folder / "descriptors"),
        votes=VoteIndex(folder / "votes"),
        folder=folder,
    )


def _hashes(count: int, real: Photographs, hash_changes: HashStatistics) -> Iterator[Batch]:
    stored = [real[number].hashes for number in range(len(real))]
    whole = np.array([np.frombuffer(entry[WHOLE], np.uint8) for entry in stored])
    yield from _number_batches(whole, (rows for _, rows in entries_of(hash_changes, count - len(real))))
    trimmed = [number for number, entry in enumerate(stored) if TRIMMED in entry]
    if trimmed:
        inside = np.array([np.frombuffer(stored[number][TRIMMED], np.uint8) for number in trimmed])
        yield count + np.array(trimmed), inside


def _number_batches(first: NDArray[Any], further: Iterable[NDArray[Any]]) -> Iterator[Batch]:
    """Yield batches of rows with their positions."""
    start = 0
    for rows in (first, *further):
        if len(rows):
            yield np.arange(start, start + len(rows)), rows
        start += len(rows)


def _write_votes(count: int, real: Photographs, query_count: int, folder: Path, codec: Untyped) -> None:
    """Write the local features of all works as one segment."""
    local = [real[number].local.descriptors[:STORED_LOCAL_FEATURES] for number in range(len(real))]
    made_of, sizes = local[query_count:], np.array([len(descriptors) for descriptors in local[query_count:]])
    used_codec = _codec(count, made_of) if codec is None else codec
    coded = [_encode(used_codec, local)]
    work_ids = [np.repeat(np.arange(len(real)), [len(descriptors) for descriptors in local])]
    lists, codes = _encode(used_codec, made_of)
    for start in range(len(real), count, len(made_of)):
        works = np.arange(start, min(start + len(made_of), count))
        work_ids.append(np.repeat(works, sizes[: len(works)]))
        variants = mix_codes(lists, codes, np.random.default_rng([SEED, start]))
        coded.append((lists[: len(work_ids[-1])], variants[: len(work_ids[-1])]))
    every = _by_list(used_codec.nlist, np.concatenate(work_ids), *map(np.concatenate, zip(*coded, strict=True)))
    VoteIndex(folder).write_segments([Contents(used_codec, np.arange(count), every)], count)


def _encode(codec: Untyped, local: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return list and code of each local feature."""
    rows = to_unit_rows(np.concatenate(local))
    return codec.quantizer.search(rows, 1)[1].ravel(), codec.pq.compute_codes(rows)


def _by_list(
    count: int, work_ids: NDArray[np.int64], lists: NDArray[np.int64], codes: NDArray[np.uint8]
) -> Iterator[Codes]:
    """Yield the content of each list."""
    order, ends = np.argsort(lists, kind="stable"), np.cumsum(np.bincount(lists, minlength=count))
    return ((work_ids[rows], codes[rows]) for rows in np.split(order, ends[:-1]))


def _codec(works: int, local: Sequence[NDArray[np.uint8]]) -> Any:  # noqa: ANN401 - FAISS has no types
    lists, every = choose_list_count(works), np.concatenate(local)
    if lists == shipped_codec().nlist:
        return shipped_codec()
    return train_codec(every[:: max(1, len(every) // (lists * SAMPLES_PER_LIST))], lists)


def mix_codes(lists: NDArray[np.int64], codes: NDArray[np.uint8], chance: np.random.Generator) -> NDArray[np.uint8]:
    """Return codes in their order, with some bytes of each replaced by those of another code in the same list.

    Args:
        lists: List number of each code.
        codes: Original codes.
        chance: Random numbers.
    """
    by_list, sizes = np.argsort(lists, kind="stable"), np.bincount(lists)
    starts = np.cumsum(sizes) - sizes
    mates = by_list[starts[lists] + (chance.random(len(codes)) * sizes[lists]).astype(np.int64)]
    takes = chance.random(codes.shape) < SWAPPED_SHARE
    return np.where(takes, codes[mates], codes)


FEWEST = 1_000
"""Works of the smallest crowd, all of them real."""
EDITED = 20
"""Photographs whose edits determine which bits of hashes change."""
KEPT_EVERY = 20
"""Number of queries after which the measurements are saved."""
HASH, VOTES, DESCRIBED, TOGETHER = "hash", "local votes", "descriptor", "together, as compared"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """Result of one crowd for one copy.

    Attributes:
        edit: Edit of the copy.
        named: Searches that list its work among the candidates to compare.
        milliseconds: CPU time, by step.
        decision: Decision on its work.
        compared: Number of works that it was compared with.
        others: Number of other works that it was taken for, as certain or for review.
        chance: Weight of random votes, median of the works after the first.
    """

    edit: str
    retrieved_by: frozenset[str]
    milliseconds: dict[str, float]
    decision: Decision
    compared_count: int
    wrong_matches: int
    chance: float


def measure(parts: Roles, most: int, seed: int, out: Path) -> Iterator[tuple[str, str, list[Row]]]:
    """Run all queries.

    Args:
        parts: Photographs by role: works, neighbours of copies, and sources of the crowd.
        most: Works of the largest crowd.
        seed: Seed of the edits and of the order.
        out: Folder for features and indexes, and for intermediate results.

    Yields:
        Name of the file, title, rows.
    """
    sources = random.Random(seed).sample(parts.distractors, min(len(parts.distractors), FEWEST - len(parts.works)))
    real = _load_photographs([*parts.works, *sources], out / "crowd" / "features")
    hash_changes = real_hashes(sources, EDITED)
    sizes = [size for power in range(3, 10) if (size := 10**power) <= most]
    crowds = [make_crowd(size, real, len(parts.works), hash_changes, out / "crowd" / str(size)) for size in sizes]
    answers: list[list[Answer]] = []
    progress = Progress("copies asked", len(parts.works) * len(DESIGN))
    for question in _questions(parts, seed):
        look, work = LoadedPicture(question.data), parts.works.index(Path(question.work))
        answers.append([_answer(question.edit, look, work, crowd) for crowd in crowds])
        progress(len(answers))
        if len(answers) % KEPT_EVERY == 0:
            save_rows(out, "crowd", _table(crowds, answers))
    yield "crowd", "Copies found among many works", _table(crowds, answers)


def _load_photographs(files: Sequence[Path], folder: Path) -> Photographs:
    real = Photographs(files, folder)
    progress = Progress("works measured", len(real))
    for number in range(len(real)):
        real[number]
        progress(number + 1)
    return real


def _questions(parts: Roles, seed: int) -> Iterator[Query]:
    around = [open_photo(path) for path in parts.neighbours]
    order = list(product(parts.works, DESIGN))
    random.Random(seed).shuffle(order)
    return (copy_of(path, open_photo(path), edit, around, seed) for path, edit in order)


def _answer(edit: str, look: LoadedPicture, work: int, crowd: Crowd) -> Answer:
    features, milliseconds = look.features, dict[str, float]()

    def timed(step: str, does: Callable[[], T]) -> T:
        began = time.process_time()
        result = does()
        milliseconds[step] = (time.process_time() - began) * 1000
        return result

    def list_works(candidates: Sequence[Candidate]) -> list[int]:
        owners = crowd.owners(candidates)
        return list(iterate_distinct(candidates, lambda candidate: owners[candidate.space, candidate.number]))

    features.quick, features.embeddings  # noqa: B018 - computed before the clock starts
    by_hash = timed(HASH, lambda: find_hash_candidates([features], crowd.hashes)[0])
    votes = timed(VOTES, lambda: [] if features.is_icon else find_vote_candidates(features.quick, crowd.votes))
    described = timed(
        DESCRIBED, lambda: [] if features.is_icon else find_descriptor_candidates(features, crowd.descriptors)
    )
    turns = [*list_works(by_hash), *list_works(list(interleave(votes, described)))]
    by_whom = {HASH: list_works(by_hash), VOTES: list_works(votes), DESCRIBED: list_works(described), TOGETHER: turns}
    verifications = dict(timed("everything", lambda: find_works(features, lambda: look.data, crowd)))
    decisions = {key: verification.decision for key, verification in verifications.items()}
    return Answer(
        edit=edit,
        retrieved_by=frozenset(retriever for retriever, works in by_whom.items() if work in works),
        milliseconds=milliseconds,
        decision=decisions.pop(work, Decision.NONE),
        compared_count=len(verifications),
        wrong_matches=sum(verification is not Decision.NONE for verification in decisions.values()),
        chance=float(
            np.median([vote.weight for vote in crowd.votes.votes(features.quick.descriptors)[BACKGROUND_RANKS]] or [0])
        ),
    )


def _table(crowds: Sequence[Crowd], answers: Sequence[Sequence[Answer]]) -> list[Row]:
    """Return one row for each measurement, one column for each crowd."""
    columns = [_column(crowd, [each[place] for each in answers]) for place, crowd in enumerate(crowds)]
    return [
        {
            "what": what,
            **{f"{crowd.count:,} works": column[what] for crowd, column in zip(crowds, columns, strict=True)},
        }
        for what in columns[0]
    ]


def _column(crowd: Crowd, answers: Sequence[Answer]) -> dict[str, object]:
    retrievers = (HASH, VOTES, DESCRIBED)
    steps = (*retrievers, "everything")
    return {
        "copies asked": len(answers),
        **{
            f"work named: {retriever}": _share(retriever in answer.retrieved_by for answer in answers)
            for retriever in (*retrievers, TOGETHER)
        },
        "found for certain": _share(answer.decision is Decision.CERTAIN for answer in answers),
        "found, of any grade": _share(answer.decision is not Decision.NONE for answer in answers),
        "copies taken for another work as well": sum(answer.wrong_matches > 0 for answer in answers),
        "works compared, mean": float(np.mean([answer.compared_count for answer in answers])),
        "votes by chance, median weight": float(np.median([answer.chance for answer in answers])),
        **{f"ms: {step}": float(np.mean([answer.milliseconds[step] for answer in answers])) for step in steps},
        "lists of the votes": crowd.votes.codec.nlist,
        **{f"MB: {index}": crowd.megabytes(index) for index in ("hashes", "descriptors", "votes")},
    }


def _share(truths: Iterator[bool]) -> str:
    values = list(truths)
    return f"{np.mean(values):.3f}".removeprefix("0") if values else "–"

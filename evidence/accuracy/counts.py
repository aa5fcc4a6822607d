"""Counts of false alarms signed by installations, and the totals of several of them.

A file is canonical JSON: a statement, the log's key as in a trust list, and the Ed25519 signature over the statement's
own canonical JSON. The signature proves only who made the statement, and that the statement is unchanged.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

import numpy as np

from evidence.accuracy.error_rates import DECISION_CLASSES
from evidence.formats.codec import Bytes32, Canonical, FormatError, from_plain, parse_canonical, to_plain
from evidence.keys.ed25519 import is_valid_signature
from evidence.log.append_only import Log
from evidence.log.notes import parse_verifier_key
from exhibit.comparison.calibration import FalseAlarmBound
from exhibit.digests import Digest
from exhibit.entries import encode_canonical
from exhibit.errors import IntegrityError, InvalidRequestError
from exhibit.types import Count, Decision, Number

SAME_PICTURE_DISTANCE = 40  # maximum distance, of 256 bits, between perceptual hashes of two files of one photograph
T = TypeVar("T", bound=Canonical)


@dataclass(frozen=True, slots=True)
class CountedPicture:
    """A photograph that was searched for, with data for detecting that another installation counted it too."""

    file: Digest
    hash: Bytes32  # perceptual hash
    failed: tuple[Decision, ...]  # decisions that mistook another photograph for a copy


@dataclass(frozen=True, slots=True)
class FalseAlarmCounts(Canonical):
    """Number of photographs that an installation searched for, and number of false alarms for each decision."""

    made: str  # date, ISO 8601
    pipeline: str  # version of the comparison and its rules
    network: str  # name and version of the model whose search found the pairs
    calibration: Digest  # calibration from the same measurement
    data: str  # description of the measured data
    photographs: Number
    certain: Count
    review: Count
    pictures: tuple[CountedPicture, ...] = ()  # all photographs, or empty if the file has no list
    format: str = "exhibit-counts/1"

    def __post_init__(self) -> None:
        failure_counts = [sum(decision in picture.failed for picture in self.pictures) for decision in DECISION_CLASSES]
        listed_counts = [len({picture.file for picture in self.pictures}), *failure_counts]
        if self.pictures and listed_counts != [self.photographs, self.certain, self.review]:
            raise ValueError("the list of photographs gives different counts")


@dataclass(frozen=True, slots=True)
class CountsSource:
    """A file of counts, and the numbers from it that are included in the totals."""

    digest: Digest  # digest of the file
    key: str  # key that signed it
    stated: FalseAlarmCounts  # counts that the file states; in joined files, without the list of photographs
    counted: Count = 0  # photographs counted for this source; 0 without a list
    certain: Count = 0  # number of these with a false alarm, in this source or another one
    review: Count = 0

    def __post_init__(self) -> None:
        if max(self.certain, self.review) > self.counted:
            raise ValueError("more failures than photographs")


@dataclass(frozen=True, slots=True)
class JointFalseAlarmCounts(Canonical):
    """Joined counts, as signed by the installation that joined them; the bounds are computed from them."""

    made: str  # date, ISO 8601
    sources: tuple[CountsSource, ...]  # in the order of their digests
    format: str = "exhibit-joined-counts/1"

    @property
    def bounds(self) -> Mapping[Decision, FalseAlarmBound]:
        """False alarms for each decision in all sources together."""
        photographs = sum(source.counted for source in self.sources)
        return {
            decision: FalseAlarmBound(photographs, sum(getattr(source, decision) for source in self.sources))
            for decision in DECISION_CLASSES
        }

    @property
    def without_largest(self) -> Self:
        """Joined counts without the files of the key that adds most; may be empty."""
        largest = max(self.sources, key=lambda source: source.counted).key
        return replace(self, sources=tuple(source for source in self.sources if source.key != largest))


def join_counts(sources: Sequence[CountsSource], date: str) -> JointFalseAlarmCounts:
    """Join the counts of several files, including their lists of photographs.

    A photograph in several sources is counted for the source with the smallest digest, and as failed if it failed in
    any source. A failed photograph is skipped only if its exact bytes were already counted, because a merely similar
    photograph must not hide a failure.

    Args:
        sources: Files as read, with their lists of photographs.
        date: Date of the joined counts, ISO 8601.

    Raises:
        InvalidRequestError: A file is listed twice, the files have different versions, or no photographs remain.
    """
    if len({source.digest for source in sources}) < len(sources):
        raise InvalidRequestError("Two of the files contain the same counts.", hint="Enter each file only once.")
    versions = sorted({f"{source.stated.pipeline} with {source.stated.network}" for source in sources})
    if len(versions) > 1:
        sentence = f"They were measured with {' and '.join(versions)}, which cannot be combined."
        raise InvalidRequestError(sentence, hint="Combine the files of each version separately.")
    if not any(source.stated.pictures for source in sources):
        hint = "At least one file must contain a list of its photographs and be signed with a trusted key."
        raise InvalidRequestError("No photographs are left to count.", hint=hint)
    sorted_sources = sorted(sources, key=lambda source: source.digest)
    # Of each counted photograph
    source_digests, failed_decisions, hashes = (
        list[Digest](),
        list[set[str]](),
        list[bytes](),
    )
    numbers = dict[Digest, int]()
    for source in sorted_sources:
        earlier_hashes = np.frombuffer(b"".join(hashes), np.uint64).reshape(-1, 4)
        for picture in source.stated.pictures:
            is_near = (
                np.bitwise_count(earlier_hashes ^ np.frombuffer(picture.hash, np.uint64)).sum(axis=1)
                <= SAME_PICTURE_DISTANCE
            )
            similar_numbers = [] if picture.failed else np.flatnonzero(is_near).tolist()
            number = numbers.setdefault(picture.file, similar_numbers[0] if similar_numbers else len(source_digests))
            if number == len(source_digests):
                source_digests.append(source.digest)
                failed_decisions.append(set())
                hashes.append(picture.hash)
            failed_decisions[number].update(picture.failed)
    pair_counts = Counter(
        (source_digest, decision)
        for source_digest, decisions in zip(source_digests, failed_decisions, strict=True)
        for decision in ("", *decisions)
    )
    source_counts = [
        [pair_counts[source.digest, decision] for decision in ("", *DECISION_CLASSES)] for source in sorted_sources
    ]
    without_pictures = [replace(source.stated, pictures=()) for source in sorted_sources]
    return JointFalseAlarmCounts(
        date,
        tuple(
            CountsSource(source.digest, source.key, without_pictures[index], *source_counts[index])
            for index, source in enumerate(sorted_sources)
        ),
    )


@dataclass(frozen=True, slots=True)
class _SignedFile(Canonical):
    """A signed statement as stored in a file."""

    statement: dict[str, Any]
    key: str
    signature: bytes


def sign_statement(log: Log, statement: Canonical) -> bytes:
    """Sign a statement with the log's key, and return the content of its file."""
    return _SignedFile(to_plain(statement), log.get_verifier_key(), log.sign(statement.to_json())).to_json()


def read_signed_statement(kind: type[T], data: bytes, *, file_label: str) -> tuple[T, str]:
    """Parse the result of :func:`sign_statement`.

    Args:
        kind: Class of the statement.
        data: Content of the file.
        file_label: Name of the file for error messages.

    Returns:
        The statement and the key that signed it.

    Raises:
        InvalidRequestError: The file does not contain a statement of this class.
        IntegrityError: The signature is invalid.
    """
    try:
        file = from_plain(_SignedFile, parse_canonical(data, label=file_label), location=file_label)
        name, public = parse_verifier_key(file.key)
        if not is_valid_signature(public, file.signature, encode_canonical(file.statement)):
            message = f"The signature of {name} on {file_label} is invalid."
            raise IntegrityError(message, hint="Request the original file from the sender.")
        return from_plain(kind, file.statement, location=file_label), file.key
    except FormatError as error:
        option = "--counts" if kind is FalseAlarmCounts else "--join"
        raise InvalidRequestError(error.message, hint=f"Create one: exhibit calibrate {option}") from error

"""Counts of false alarms signed by installations, and the totals of several of them.

A file is canonical JSON: a statement, the log's key as in a trust list, and the Ed25519 signature over the statement's
own canonical JSON. It proves who made the statement, and that nobody has changed it since; nothing else.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

import numpy as np

from evidence.accuracy.error_rates import CLASSES
from evidence.formats.codec import Bytes32, Canonical, FormatError, from_plain, parse_canonical, to_plain
from evidence.keys.ed25519 import is_valid_signature
from evidence.log.append_only import Log
from evidence.log.notes import parse_verifier_key
from exhibit.comparison.calibration import Bound
from exhibit.digests import Digest
from exhibit.entries import canonical
from exhibit.errors import IntegrityError, WrongUseError
from exhibit.types import Count, Decision, Number

SAME_PICTURE_DISTANCE = 40  # maximum distance, of 256 bits, between perceptual hashes of two files of one photograph
T = TypeVar("T", bound=Canonical)


@dataclass(frozen=True, slots=True)
class CountedPicture:
    """A photograph that was searched for, with the data that shows whether another installation has it too."""

    file: Digest
    hash: Bytes32  # perceptual
    failed: tuple[Decision, ...]  # decisions that mistook another photograph for a copy


@dataclass(frozen=True, slots=True)
class Counts(Canonical):
    """Number of photographs that an installation searched for, and number with a false alarm, for each decision."""

    made: str  # date, ISO 8601
    pipeline: str  # version of the comparison and its rules
    network: str  # name and version of the network whose search found the pairs
    calibration: Digest  # calibration from the same measurement
    data: str  # description of the measured data
    photographs: Number
    certain: Count
    review: Count
    pictures: tuple[CountedPicture, ...] = ()  # all of them or, without a list, none
    format: str = "exhibit-counts/1"

    def __post_init__(self) -> None:
        failed = [sum(kind in picture.failed for picture in self.pictures) for kind in CLASSES]
        listed = [len({picture.file for picture in self.pictures}), *failed]
        if self.pictures and listed != [self.photographs, self.certain, self.review]:
            raise ValueError("the list of photographs gives different counts")


@dataclass(frozen=True, slots=True)
class Source:
    """A file of counts, and the part of it that counts."""

    digest: Digest  # of the file
    key: str  # key that signed it
    stated: Counts  # its counts; in joined files, without the list of photographs
    counted: Count = 0  # photographs that count for this source; 0 without a list
    certain: Count = 0  # number of these that failed, here or in another source
    review: Count = 0

    def __post_init__(self) -> None:
        if max(self.certain, self.review) > self.counted:
            raise ValueError("more failures than photographs")


@dataclass(frozen=True, slots=True)
class JoinedCounts(Canonical):
    """The joined counts, as signed by whoever joined them; the bounds follow from them."""

    made: str  # date, ISO 8601
    sources: tuple[Source, ...]  # in the order of their digests
    format: str = "exhibit-joined-counts/1"

    @property
    def bounds(self) -> Mapping[Decision, Bound]:
        """The false alarms of each kind in all sources together."""
        photographs = sum(source.counted for source in self.sources)
        return {kind: Bound(photographs, sum(getattr(source, kind) for source in self.sources)) for kind in CLASSES}

    @property
    def without_largest(self) -> Self:
        """The same without the key whose file adds most; may be empty."""
        largest = max(self.sources, key=lambda source: source.counted).key
        return replace(self, sources=tuple(source for source in self.sources if source.key != largest))


def join_counts(sources: Sequence[Source], date: str) -> JoinedCounts:
    """Join counts as they were read, with their lists; ``date`` is an ISO 8601 date.

    A photograph in several sources counts for the source with the smallest digest, and as failed if it failed in any. A
    failed photograph is left out only if its exact bytes have been counted, so that no failure is lost to a similar
    photograph.

    Raises:
        WrongUseError: A file is listed twice, the files have different versions, or nothing is left to count.
    """
    if len({source.digest for source in sources}) < len(sources):
        raise WrongUseError("Two of the files contain the same counts.", hint="Give each file once.")
    versions = sorted({f"{source.stated.pipeline} with {source.stated.network}" for source in sources})
    if len(versions) > 1:
        sentence = f"They were measured with {' and '.join(versions)}, which cannot be added."
        raise WrongUseError(sentence, hint="Join the files of each version separately.")
    if not any(source.stated.pictures for source in sources):
        hint = "At least one file needs a list of its photographs, and a key that you trust."
        raise WrongUseError("No photographs are left to count.", hint=hint)
    ordered = sorted(sources, key=lambda source: source.digest)
    homes, failed, hashes = list[Digest](), list[set[str]](), list[bytes]()  # of each photograph that counts
    numbers = dict[Digest, int]()
    for source in ordered:
        earlier = np.frombuffer(b"".join(hashes), np.uint64).reshape(-1, 4)
        for picture in source.stated.pictures:
            near = (
                np.bitwise_count(earlier ^ np.frombuffer(picture.hash, np.uint64)).sum(axis=1) <= SAME_PICTURE_DISTANCE
            )
            like = [] if picture.failed else np.flatnonzero(near).tolist()
            number = numbers.setdefault(picture.file, like[0] if like else len(homes))
            if number == len(homes):
                homes.append(source.digest)
                failed.append(set())
                hashes.append(picture.hash)
            failed[number].update(picture.failed)
    count = Counter((home, kind) for home, kinds in zip(homes, failed, strict=True) for kind in ("", *kinds))
    sums = [[count[source.digest, kind] for kind in ("", *CLASSES)] for source in ordered]
    without_pictures = [replace(source.stated, pictures=()) for source in ordered]
    return JoinedCounts(
        date,
        tuple(
            Source(original.digest, original.key, without_pictures[n], *sums[n]) for n, original in enumerate(ordered)
        ),
    )


@dataclass(frozen=True, slots=True)
class _SignedFile(Canonical):
    """A file as written."""

    statement: dict[str, Any]
    key: str
    signature: bytes


def sign_statement(log: Log, statement: Canonical) -> bytes:
    """Return the file of a statement, signed with the log's key."""
    return _SignedFile(to_plain(statement), log.vkey(), log.sign(statement.to_json())).to_json()


def read_signed_statement(kind: type[T], data: bytes, *, what: str) -> tuple[T, str]:
    """Read the result of :func:`sign_statement`, and the key that signed it; ``what`` names the file.

    Raises:
        WrongUseError: It is another kind of file.
        IntegrityError: The signature is invalid.
    """
    try:
        file = from_plain(_SignedFile, parse_canonical(data, what=what), where=what)
        name, public = parse_verifier_key(file.key)
        if not is_valid_signature(public, file.signature, canonical(file.statement)):
            message = f"The signature of {name} on {what} is invalid."
            raise IntegrityError(message, hint="Request the original file from the sender.")
        return from_plain(kind, file.statement, where=what), file.key
    except FormatError as error:
        option = "--counts" if kind is Counts else "--join"
        raise WrongUseError(error.message, hint=f"Create one: exhibit calibrate {option}") from error

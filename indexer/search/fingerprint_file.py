"""Fingerprints of a work whose picture stays with its owner: file format, and matches by fingerprints alone.

Exhibit cannot verify the fingerprints that an owner states, so each one is checked for plausibility. As there is no
geometry, all matches require a review, and have no probability.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from exhibit.comparison.odds import UNCOMPARED_DISTANCE
from exhibit.digests import Digest
from exhibit.errors import RefusedError
from exhibit.plain import to_one_line
from exhibit.sentences import Sentence
from exhibit.types import Decision, Fingerprint, Verification
from indexer.picture.features import Features
from indexer.picture.perceptual_hash import estimate_orientation_hashes
from indexer.picture.spaces import DESCRIPTOR, PHASH, TRIMMED, WHOLE

FINGERPRINT_PIPELINE = "prints-1"
"""Version of everything that affects stated fingerprints and their matches; raise it if either space changes."""
MAX_FILE_BYTES, MAX_WORKS = 8 << 20, 1_000
"""Maximum number of bytes and of works in a file."""
MAX_HASH_DISTANCE, MAX_DESCRIPTOR_DISTANCE = 40, 0.2
"""Maximum distances in bits and 1 − cosine. Of 412 photographs, no two had hashes within 43 bits in any orientation,
and one pair of 84,666 had descriptors within .2; of 113 copies each saved badly, reduced, mirrored, or cropped to
90%, all were within one of these."""
SET_BITS = range(112, 129)
"""Plausible number of set bits in a hash. Half of the values are above the median, unless the picture is so flat that
many values are equal to it."""
UNIT_TOLERANCE = 1e-3
"""Maximum deviation of a descriptor's length from 1."""
FINGERPRINT_REASON = "prints"
_RECREATE_HINT = Sentence("Create the file with this version of Exhibit: exhibit fingerprint FILES --out works.json")


def _validate_hash(text: str) -> str:
    if int.from_bytes(bytes.fromhex(text)).bit_count() not in SET_BITS:
        raise ValueError("this hash has too little detail to distinguish pictures")
    return text


def _validate_descriptor(text: str) -> str:
    vector = np.frombuffer(bytes.fromhex(text), "<f4").astype(np.float64)
    with np.errstate(all="ignore"):
        if not abs(float(np.linalg.norm(vector)) - 1) <= UNIT_TOLERANCE:  # this condition also rejects NaN
            raise ValueError("a descriptor must have length 1")
    return text


Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$"), AfterValidator(_validate_hash)]


class StatedPicture(BaseModel):
    """One picture file as stated by the owner, with its fingerprints."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    file: Annotated[str, Field(max_length=300), AfterValidator(to_one_line)]  # name of the file
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]  # SHA-256 of its bytes
    bytes: Annotated[int, Field(ge=1, le=1 << 40)]
    type: Annotated[str, Field(pattern="^[A-Z0-9]{1,12}$")]
    width: Annotated[int, Field(ge=1, le=1_000_000)]
    height: Annotated[int, Field(ge=1, le=1_000_000)]
    whole: Hash  # 256 bits of :data:`indexer.picture.spaces.PHASH`
    trimmed: Hash | None = None  # hash of the content inside constant borders, if there are any
    descriptor: Annotated[str, Field(pattern="^[0-9a-f]{2048}$"), AfterValidator(_validate_descriptor)]
    """256 little-endian float32 of :data:`indexer.picture.spaces.DESCRIPTOR`."""

    @classmethod
    def from_features(cls, name: str, size: int, features: Features) -> "StatedPicture":
        """Describe a picture's file.

        Raises:
            RefusedError: The fingerprints do not distinguish the picture from many others.
        """
        if features.is_icon or features.plain_reasons:
            reasons = ", ".join(features.low_information) or "small"
            sentence = f"Fingerprints alone cannot distinguish the picture from others ({reasons})."
            raise RefusedError(sentence, reason="low-information", hint="Register the picture itself.")
        return cls(
            file=name[-300:],
            digest=features.digest.hex,
            bytes=size,
            type=features.info.format,
            width=features.info.width,
            height=features.info.height,
            whole=features.hashes[WHOLE].hex(),
            trimmed=features.hashes[TRIMMED].hex() if TRIMMED in features.hashes else None,
            descriptor=features.embedding.astype("<f4").tobytes().hex(),
        )

    def to_fingerprints(self, picture: Digest) -> list[Fingerprint]:
        """Convert the vectors to fingerprints of ``picture``."""
        codes = ((PHASH, WHOLE, self.whole), (PHASH, TRIMMED, self.trimmed), (DESCRIPTOR, WHOLE, self.descriptor))
        return [Fingerprint(picture, space.id, part, bytes.fromhex(code)) for space, part, code in codes if code]


class StatedFile(BaseModel):
    """Contents of a fingerprint file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: Literal["exhibit-fingerprints/1"] = "exhibit-fingerprints/1"
    pipeline: Annotated[str, Field(pattern="^[ -~]{1,40}$")] = FINGERPRINT_PIPELINE
    works: Annotated[tuple[StatedPicture, ...], Field(min_length=1, max_length=MAX_WORKS)]


def parse_fingerprint_file(data: bytes) -> tuple[StatedPicture, ...]:
    """Parse a fingerprint file.

    Raises:
        RefusedError: The file cannot be used; the hint states the next step.
    """
    if len(data) > MAX_FILE_BYTES:
        message = Sentence("The file exceeds %(bytes)s bytes.", bytes=f"{MAX_FILE_BYTES:,}")
        raise RefusedError(
            message, reason="too-many-bytes", hint=Sentence("Create several files with fewer pictures each.")
        )
    version = re.search(rb'"pipeline"\s*:\s*"([ -~]{1,40}?)"', data)
    if version is not None and version[1] != FINGERPRINT_PIPELINE.encode():
        version_message = Sentence(
            "The fingerprints have version %(theirs)s instead of %(ours)s.",
            theirs=version[1].decode(),
            ours=FINGERPRINT_PIPELINE,
        )
        raise RefusedError(version_message, reason="fingerprints", hint=_RECREATE_HINT)
    try:
        return StatedFile.model_validate_json(data).works
    except ValidationError as error:
        first_error = error.errors(include_url=False, include_input=False)[0]
        location = ".".join(map(str, first_error["loc"])) or "the file"
        reason = first_error["msg"].removeprefix("Value error, ")
        sentence = Sentence("The fingerprints cannot be used (%(place)s: %(why)s).", place=location, why=reason)
        raise RefusedError(sentence, reason="fingerprints", hint=_RECREATE_HINT) from error


def estimate_all_orientations(hashes: Iterable[bytes]) -> NDArray[np.uint8]:
    """Estimate hashes, 32 bytes each, of all mirrored and rotated pictures: uint8, shape (8n, 32)."""
    return np.concatenate([estimate_orientation_hashes(np.frombuffer(code, np.uint8)) for code in hashes])


def match_fingerprints(
    hamming: Mapping[int, int], similar_numbers: Iterable[int], identical_number: int | None = None
) -> dict[int, Verification]:
    """Return the verifications of pairs that match by fingerprints alone.

    Args:
        hamming: Distance in bits of the pictures or works with similar hashes.
        similar_numbers: Pictures or works with similar descriptors.
        identical_number: Picture or work with the stated bytes.
    """
    return {
        other: Verification(
            decision=Decision.REVIEW,
            hamming=hamming.get(other, UNCOMPARED_DISTANCE),
            inliers=0,
            dense=0.0,
            transform=None,
            mirrored=False,
            rotation=0,
            overlap_work=0.0,
            overlap_picture=0.0,
            probability=None,
            pipeline=FINGERPRINT_PIPELINE,
            reasons=(FINGERPRINT_REASON, *(("same-bytes",) if other == identical_number else ())),
        )
        for other in {**hamming, **dict.fromkeys(similar_numbers)}
    }

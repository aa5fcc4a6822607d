"""Fetching and measuring of pictures, on contributors' machines and on this installation for verification."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from crawler.formats.job import Job, Limits, Politeness, Target, UserAgent
from crawler.formats.lines import EndLine, PageLine, RefusalLine, from_json
from crawler.state.novelty import TEMPORARY_REASONS
from exhibit.config.config import Config
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, UnreadablePictureError
from exhibit.pictures import decode
from exhibit.types import Fingerprint
from indexer.picture.descriptor import BUILT_IN
from indexer.picture.features import Features, extract
from indexer.picture.spaces import PANELS, PHASH, PIPELINE, TRIMMED, WHOLE
from registry.crawls.crawler_process import crawl_child
from registry.services.services import build_contact_fields

SIGNATURE = "Exhibit-Signature"
SIGNATURE_PREFIX = b"exhibit edge results v1\n"
"""The header with a contributor's signature (Ed25519, hexadecimal), and the prefix of the signed body."""
SPACE = BUILT_IN.space
"""Space of contributors' descriptors; only the built-in model is installed on their machines."""
PIPELINE_VERSION = f"{PIPELINE} {SPACE.id}"
"""Version of the pipeline and the descriptor model, which must be equal on both sides."""
HASH_PARTS, DESCRIPTOR_PARTS = (WHOLE, TRIMMED, *PANELS), (WHOLE, *PANELS)
"""Names of a picture's parts, at the maximum number; an inset uses the name of a panel."""
ORIENTATIONS = 8
UNIT_TOLERANCE = 0.01
"""Tolerance for the length of a descriptor, which is 1."""
MAX_HASH_DISTANCE, MAX_VECTOR_DISTANCE = 16, 0.05
"""Tolerances, in bits and in 1 − cosine, for measurements of the same bytes with another machine's libraries.

They are much smaller than the difference at which a copy of a work is still examined.
"""


@dataclass(frozen=True, slots=True)
class Measurements:
    """The hashes of a picture in all orientations, uint8 (8n, 32), and its descriptors, float32 (m, width)."""

    hashes: NDArray[np.uint8]
    vectors: NDArray[np.float32]

    @classmethod
    def from_features(cls, features: Features) -> "Measurements":
        """Select the features to be sent; icons have no descriptors."""
        vectors = [] if features.is_icon else list(features.embeddings.values())
        return cls(features.hash_variants, np.array(vectors, np.float32).reshape(-1, SPACE.width))

    @classmethod
    def from_bytes(cls, hashes: bytes, vectors: bytes) -> "Measurements":
        """Parse received measurements; raises ``InvalidRequestError`` for impossible values."""
        parts, hash_remainder = divmod(len(hashes), ORIENTATIONS * PHASH.width // 8)
        descriptor_count, vector_remainder = divmod(len(vectors), 4 * SPACE.width)
        if (
            hash_remainder
            or vector_remainder
            or not 1 <= parts <= len(HASH_PARTS)
            or descriptor_count > len(DESCRIPTOR_PARTS)
        ):
            raise InvalidRequestError("The hashes or descriptors have the wrong length.")
        descriptors = np.frombuffer(vectors, "<f4").reshape(descriptor_count, SPACE.width)
        lengths = np.linalg.norm(descriptors.astype(np.float64), axis=1)
        if not ((np.abs(lengths - 1) <= UNIT_TOLERANCE) | (lengths == 0)).all():  # NaN also fails
            raise InvalidRequestError(
                "A descriptor does not have unit length, or contains a value that is not a number."
            )
        return cls(np.frombuffer(hashes, np.uint8).reshape(-1, PHASH.width // 8), descriptors)

    @property
    def packed_bytes(self) -> tuple[bytes, bytes]:
        """Hashes and descriptors in the format in which they are stored and sent."""
        return self.hashes.tobytes(), self.vectors.astype("<f4").tobytes()

    def agrees_with(self, other: "Measurements") -> bool:
        """Return True if these may be two machines' measurements of the same picture.

        The whole picture is always compared. Further parts are compared only if both machines found the same number of
        parts, which depends on their libraries.
        """
        if (len(self.vectors) == 0) != (len(other.vectors) == 0):
            return False
        rows = len(self.hashes) if len(self.hashes) == len(other.hashes) else ORIENTATIONS
        count = len(self.vectors) if len(self.vectors) == len(other.vectors) else 1  # only the whole picture
        bits = np.bitwise_count(self.hashes[:rows] ^ other.hashes[:rows]).sum(axis=1)
        distances = ((self.vectors[:count] - other.vectors[:count]) ** 2).sum(axis=1) / 2
        return bool((bits <= MAX_HASH_DISTANCE).all() and (distances <= MAX_VECTOR_DISTANCE).all())

    def iterate_fingerprints(self, picture: Digest) -> Iterator[Fingerprint]:
        """Yield the fingerprints that a picture index stores."""
        for part, row in zip(HASH_PARTS, self.hashes[::ORIENTATIONS], strict=False):
            yield Fingerprint(picture, PHASH.id, part, row.tobytes())
        for part, vector in zip(DESCRIPTOR_PARTS, self.vectors, strict=False):
            yield Fingerprint(picture, SPACE.id, part, vector.astype("<f4").tobytes())


def fetch_and_measure(
    config: Config, contact: str, targets: Mapping[int, Target], *, delay: float, seconds: float
) -> Iterator[tuple[int, Digest | None, Measurements | None]]:
    """Fetch and measure pictures under the usual rules of crawls; yield each picture's number, digest and measurements.

    Digest and measurements are ``None`` if there is no picture. URLs that may succeed later, or were not reached within
    ``seconds``, are omitted.
    """
    numbers = {(target.url, target.page_url): number for number, target in targets.items()}
    limits = decode.Limits(max_bytes=config.max_picture_bytes, max_pixels=config.max_picture_pixels)
    with TemporaryDirectory(prefix="exhibit-edge-") as name:
        job = Job(
            bytes_dir=Path(name, "bytes"),
            urls=tuple(targets.values()),
            follow=False,
            limits=Limits(seconds=seconds, max_picture_bytes=config.max_picture_bytes),
            politeness=Politeness(delay=delay),
            user_agent=UserAgent(**build_contact_fields(contact)),
            allowed_networks=config.allowed_networks,
        )
        with crawl_child(job, Path(name), pause=60.0) as lines:
            for line in map(from_json, filter(None, lines)):
                if isinstance(line, EndLine):
                    return
                sighting = line.sightings[0] if isinstance(line, PageLine) and line.sightings else None
                page = sighting.page_url if sighting else line.page_url if isinstance(line, RefusalLine) else ""
                number = numbers.pop((line.url, "" if page == line.url else page), None)
                if number is None or (isinstance(line, RefusalLine) and line.reason in TEMPORARY_REASONS):
                    continue
                try:
                    data = (job.bytes_dir / sighting.digest.hex).read_bytes() if sighting else b""
                    yield (
                        number,
                        sighting.digest if sighting else None,
                        Measurements.from_features(extract(data, limits)) if sighting else None,
                    )
                except UnreadablePictureError:
                    yield number, None, None

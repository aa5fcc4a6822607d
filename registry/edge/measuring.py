"""Pictures at addresses, fetched and measured: on a contributor's machine, and here for a check of what it said."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from crawler.formats.job import Job, Limits, Politeness, Target, UserAgent
from crawler.formats.lines import EndLine, PageLine, RefusalLine, from_json
from crawler.state.novelty import PASSING
from exhibit.config.config import Config
from exhibit.digests import Digest
from exhibit.errors import UnreadablePictureError, WrongUseError
from exhibit.pictures import decode
from exhibit.types import Fingerprint
from indexer.picture.descriptor import BUILT_IN
from indexer.picture.features import Features, extract
from indexer.picture.spaces import PANELS, PHASH, PIPELINE, TRIMMED, WHOLE
from registry.crawls.child import crawl_child
from registry.services.services import contact_fields

SIGNATURE = "Exhibit-Signature"
HEAD = b"exhibit edge results v1\n"
"""The header with a contributor's signature (Ed25519, hexadecimal), and what stands in it before the body's bytes."""
SPACE = BUILT_IN.space
"""Of the descriptors that contributors bring: no other network is on their machines."""
MEASURED_WITH = f"{PIPELINE} {SPACE.id}"
"""What both sides have to measure with: the version of the pipeline, and the network that describes pictures."""
HASHES, DESCRIPTORS = (WHOLE, TRIMMED, *PANELS), (WHOLE, *PANELS)
"""Names of as many parts as a picture has at most; an inset goes by the name of a panel."""
ORIENTATIONS = 8
UNIT = 0.01
"""By how much the length of a descriptor may differ from 1."""
HASH_APART, VECTOR_APART = 16, 0.05
"""Bits, and 1 − cosine, by which another machine's libraries may measure the same bytes otherwise: far less than a work
may differ from its copy to be looked at."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The hashes of a picture in all orientations, uint8 (8n, 32), and its descriptors, float32 (m, width)."""

    hashes: NDArray[np.uint8]
    vectors: NDArray[np.float32]

    @classmethod
    def of(cls, features: Features) -> "Measured":
        """What travels of features; an icon has no descriptors."""
        vectors = [] if features.is_icon else list(features.embeddings.values())
        return cls(features.hash_variants, np.array(vectors, np.float32).reshape(-1, SPACE.width))

    @classmethod
    def read(cls, hashes: bytes, vectors: bytes) -> "Measured":
        """What came; raises ``WrongUseError`` for what nobody can have measured."""
        parts, odd = divmod(len(hashes), ORIENTATIONS * PHASH.width // 8)
        described, odd_too = divmod(len(vectors), 4 * SPACE.width)
        if odd or odd_too or not 1 <= parts <= len(HASHES) or described > len(DESCRIPTORS):
            raise WrongUseError("Hashes or descriptors have another length than what they are measured with.")
        found = np.frombuffer(vectors, "<f4").reshape(described, SPACE.width)
        lengths = np.linalg.norm(found.astype(np.float64), axis=1)
        if not ((np.abs(lengths - 1) <= UNIT) | (lengths == 0)).all():  # nor is NaN
            raise WrongUseError("A descriptor isn't of unit length, or holds what is no number.")
        return cls(np.frombuffer(hashes, np.uint8).reshape(-1, PHASH.width // 8), found)

    @property
    def packed(self) -> tuple[bytes, bytes]:
        """Hashes and descriptors as they are kept and sent."""
        return self.hashes.tobytes(), self.vectors.astype("<f4").tobytes()

    def agrees_with(self, other: "Measured") -> bool:
        """Whether two machines can have measured this of one picture.

        The whole picture counts; further parts where both found as many, which hangs on their libraries.
        """
        if (len(self.vectors) == 0) != (len(other.vectors) == 0):
            return False
        rows = len(self.hashes) if len(self.hashes) == len(other.hashes) else ORIENTATIONS
        some = len(self.vectors) if len(self.vectors) == len(other.vectors) else 1  # the whole
        bits = np.bitwise_count(self.hashes[:rows] ^ other.hashes[:rows]).sum(axis=1)
        apart = ((self.vectors[:some] - other.vectors[:some]) ** 2).sum(axis=1) / 2
        return bool((bits <= HASH_APART).all() and (apart <= VECTOR_APART).all())

    def fingerprints(self, picture: Digest) -> Iterator[Fingerprint]:
        """What an index of pictures holds of it."""
        for part, row in zip(HASHES, self.hashes[::ORIENTATIONS], strict=False):
            yield Fingerprint(picture, PHASH.id, part, row.tobytes())
        for part, vector in zip(DESCRIPTORS, self.vectors, strict=False):
            yield Fingerprint(picture, SPACE.id, part, vector.astype("<f4").tobytes())


def visit(
    config: Config, contact: str, targets: Mapping[int, Target], *, delay: float, seconds: float
) -> Iterator[tuple[int, Digest | None, Measured | None]]:
    """Fetch and measure pictures by the rules of every crawl: the number of each, its digest and measures as it comes.

    Nothing where no picture came; what may come later, or wasn't reached in so many seconds, isn't named.
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
            user_agent=UserAgent(**contact_fields(contact)),
            allowed_networks=config.allowed_networks,
        )
        with crawl_child(job, Path(name), pause=60.0) as lines:
            for line in map(from_json, filter(None, lines)):
                if isinstance(line, EndLine):
                    return
                seen = line.sightings[0] if isinstance(line, PageLine) and line.sightings else None
                page = seen.page_url if seen else line.page_url if isinstance(line, RefusalLine) else ""
                number = numbers.pop((line.url, "" if page == line.url else page), None)
                if number is None or (isinstance(line, RefusalLine) and line.reason in PASSING):
                    continue
                try:
                    data = (job.bytes_dir / seen.digest.hex).read_bytes() if seen else b""
                    yield number, seen.digest if seen else None, Measured.of(extract(data, limits)) if seen else None
                except UnreadablePictureError:
                    yield number, None, None

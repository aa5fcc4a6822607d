"""Proofs of the log as they are sealed: an entry with its opening and place, and a sighting's place in its slice."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evidence.formats.codec import Bytes32
from exhibit.digests import Digest
from exhibit.entries import Entry, EntryType
from exhibit.types import Count, Number


@dataclass(frozen=True, slots=True)
class LogProof:
    """An entry of the log with its opening, and its place in one signed checkpoint (RFC 9162, 2.1.3)."""

    sequence: Count  # the entry's number in the log, from 0
    type: EntryType  # what the entry witnesses
    time: datetime  # when the installation wrote it down, aware, UTC
    commitment: Bytes32  # 32 bytes
    salt: Bytes32  # 32 bytes
    opening: dict[str, Any]  # what the commitment opens to, plain JSON
    size: Number  # number of leaves of the checkpoint
    path: tuple[Bytes32, ...]  # hashes of the inclusion proof, 32 bytes each, from the leaf up
    checkpoint: str  # the signed note

    @property
    def entry(self) -> Entry:
        """The entry whose leaf hash the proof is for."""
        return Entry(self.type, self.time, self.commitment)


@dataclass(frozen=True, slots=True)
class SightingRecord:
    """What a crawl slice commits to for one sighting; its canonical JSON is hashed into the slice's Merkle tree."""

    page_url: str  # the page that shows the image; empty when the source names none
    image_url: str  # the image's address as found on the page
    final_url: str  # the address after redirects
    picture: Digest  # digest of the exact bytes
    status: Count  # HTTP status; 0 when the source isn't HTTP
    headers: tuple[tuple[str, str], ...]  # the answer's headers in their order
    peer: str  # address of the server that answered; empty when the source isn't a network
    seen: datetime  # when the bytes had arrived, aware, UTC


@dataclass(frozen=True, slots=True)
class SliceProof:
    """That a crawl slice recorded a sighting: the record's place in the slice, and the slice's place in the log."""

    record: SightingRecord  # what was hashed
    index: Count  # the record's number in the slice, from 0
    count: Number  # records in the slice
    path: tuple[Bytes32, ...]  # hashes from the record up to the slice's root, 32 bytes each
    log: LogProof  # the slice's entry; its opening holds ``root`` (hex) and ``count``

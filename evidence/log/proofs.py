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
    """An entry of the log with its opening, and its place in one signed checkpoint (RFC 9162, 2.1.3).

    Attributes:
        sequence: the entry's number in the log, from 0.
        type: what the entry witnesses.
        time: when the installation wrote it down, aware, UTC.
        commitment: 32 bytes.
        salt: 32 bytes.
        opening: what the commitment opens to, plain JSON.
        size: number of leaves of the checkpoint.
        path: hashes of the inclusion proof, 32 bytes each, from the leaf up.
        checkpoint: the signed note.
    """

    sequence: Count
    type: EntryType
    time: datetime
    commitment: Bytes32
    salt: Bytes32
    opening: dict[str, Any]
    size: Number
    path: tuple[Bytes32, ...]
    checkpoint: str

    @property
    def entry(self) -> Entry:
        """The entry whose leaf hash the proof is for."""
        return Entry(self.type, self.time, self.commitment)


@dataclass(frozen=True, slots=True)
class SightingRecord:
    """What a crawl slice commits to for one sighting; its canonical JSON is hashed into the slice's Merkle tree.

    Attributes:
        page_url: the page that shows the image; empty when the source names none.
        image_url: the image's address as found on the page.
        final_url: the address after redirects.
        picture: digest of the exact bytes.
        status: HTTP status; 0 when the source isn't HTTP.
        headers: the answer's headers in their order.
        peer: address of the server that answered; empty when the source isn't a network.
        seen: when the bytes had arrived, aware, UTC.
    """

    page_url: str
    image_url: str
    final_url: str
    picture: Digest
    status: Count
    headers: tuple[tuple[str, str], ...]
    peer: str
    seen: datetime


@dataclass(frozen=True, slots=True)
class SliceProof:
    """That a crawl slice recorded a sighting: the record's place in the slice, and the slice's place in the log.

    Attributes:
        record: what was hashed.
        index: the record's number in the slice, from 0.
        count: records in the slice.
        path: hashes from the record up to the slice's root, 32 bytes each.
        log: the slice's entry; its opening holds ``root`` (hex) and ``count``.
    """

    record: SightingRecord
    index: Count
    count: Number
    path: tuple[Bytes32, ...]
    log: LogProof

"""Log proofs in a bundle: an entry with its opening and position, and the position of a sighting in its slice."""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evidence.formats.codec import Bytes32, to_plain
from evidence.log import merkle
from evidence.log.notes import parse_note
from exhibit.digests import Digest
from exhibit.entries import Entry, EntryType, compute_commitment, encode_canonical
from exhibit.types import Count, Number

RENEWALS_PATH = "proofs/log/renewals.json"
LATER_CHECKPOINT_PATH = re.compile(r"proofs/log/checkpoint-[0-9]+")  # paths of the later checkpoints in a bundle


@dataclass(frozen=True, slots=True)
class LogProof:
    """A log entry with its opening, and the proof of its position under one signed checkpoint (RFC 9162, 2.1.3)."""

    sequence: Count  # the entry's number in the log, from 0
    type: EntryType  # type of the recorded event
    time: datetime  # time of the entry by the installation's clock, aware, UTC
    commitment: Bytes32  # 32 bytes
    salt: Bytes32  # 32 bytes
    opening: dict[str, Any]  # content that the commitment commits to, plain JSON
    size: Number  # number of leaves of the checkpoint
    path: tuple[Bytes32, ...]  # hashes of the inclusion proof, 32 bytes each, from the leaf up
    checkpoint: str  # the signed note

    @property
    def entry(self) -> Entry:
        """The entry that the proof is for."""
        return Entry(self.type, self.time, self.commitment)


@dataclass(frozen=True, slots=True)
class SightingRecord:
    """Record of one sighting in a crawl slice; its canonical JSON is a leaf of the slice's Merkle tree.

    Attributes:
        certificate: Result of the crawl's check of the server's certificate, and the certificate's SHA-256; empty
            without TLS.
        period: A period such as ``2016-01`` if an archive states a period instead of an exact time.
    """

    page_url: str  # URL of the page that shows the image; empty if the source names none
    image_url: str  # URL of the image as found on the page
    final_url: str  # URL after redirects
    picture: Digest  # digest of the exact bytes
    status: Count  # HTTP status; 0 if the source is not HTTP
    headers: tuple[tuple[str, str], ...]  # response headers in their order
    peer: str  # IP address of the server; empty if the source is not a network
    seen: datetime | None  # when the bytes had arrived, aware, UTC; ``None`` if an archive states no exact time
    certificate: str = ""
    period: str = ""


@dataclass(frozen=True, slots=True)
class SliceProof:
    """Proof that a crawl slice recorded a sighting.

    It contains the position of the record in the slice, and the position of the slice in the log.
    """

    record: SightingRecord  # the hashed record
    index: Count  # the record's number in the slice, from 0
    count: Number  # number of records in the slice
    path: tuple[Bytes32, ...]  # hashes from the record up to the slice's root, 32 bytes each
    log: LogProof  # the slice's entry; its opening contains ``root`` (hex) and ``count``


@dataclass(frozen=True, slots=True)
class Renewal:
    """A later checkpoint that continues the bundle's own checkpoint; its timestamps cover the seal as well.

    Certificates expire and hash functions become weak. A timestamp of a later checkpoint renews the proof of an earlier
    timestamp if a consistency proof shows that the later tree continues the earlier one (RFC 9162, 2.1.4).
    """

    checkpoint: str  # text of the checkpoint, a signed note
    path: tuple[Bytes32, ...]  # proof that it continues the bundle's own checkpoint, hashes of 32 bytes each


@dataclass(frozen=True, slots=True)
class RenewalRecord:
    """One entry of ``proofs/log/renewals.json``."""

    file: str  # path of the checkpoint
    size: Count  # number of entries that the checkpoint covers
    path: tuple[Bytes32, ...]  # hashes of the consistency proof from the bundle's checkpoint


def create_renewal_files(renewals: Sequence[Renewal]) -> dict[str, bytes]:
    """Create the files for renewals, by path; raises ``IntegrityError`` if a checkpoint cannot be read."""
    files, records = {}, []
    for renewal in sorted(renewals, key=lambda renewal: parse_note(renewal.checkpoint).size):
        size = parse_note(renewal.checkpoint).size
        path = f"proofs/log/checkpoint-{size}"
        files[path] = renewal.checkpoint.encode()
        records.append(RenewalRecord(path, size, renewal.path))
    if records:
        files[RENEWALS_PATH] = encode_canonical(to_plain(records))
    return files


def matches_commitment(opening: Mapping[str, Any], salt: bytes, commitment: bytes) -> bool:
    """Return True if the commitment is the hash of the salt and the opening."""
    try:
        return hmac.compare_digest(compute_commitment(opening, salt)[0], commitment)
    except ValueError:
        return False


def compute_record_leaf(record: SightingRecord) -> bytes:
    """Compute the leaf hash of a sighting in the tree of its slice, 32 bytes."""
    return merkle.compute_leaf_hash(encode_canonical(to_plain(record)))


class SliceTree:
    """Merkle tree (RFC 9162, 2.1) over the leaves of a slice's sightings, in the given order; at least one."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.count = len(leaves)
        self._nodes: dict[tuple[int, int], bytes] = {}
        for number, leaf in enumerate(leaves):
            for level, index, value in merkle.list_completed_nodes(number, leaf, self._get_node_hash):
                self._nodes[level, index] = value
        self.root = merkle.compute_root(self.count, self._get_node_hash)

    def build_opening(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Build the opening of the slice's log entry: root, count and the given plain facts."""
        return {**facts, "root": self.root.hex(), "count": self.count}

    def prove(self, index: int, record: SightingRecord, log: LogProof) -> SliceProof:
        """Build the proof for one sighting, given the log proof of the slice."""
        return SliceProof(
            record, index, self.count, tuple(merkle.prove_inclusion(index, self.count, self._get_node_hash)), log
        )

    def _get_node_hash(self, level: int, index: int) -> bytes:
        return self._nodes[level, index]

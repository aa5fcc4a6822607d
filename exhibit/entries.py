"""Leaves of the append-only log: the hashed bytes, and the commitment to facts that can be erased.

A leaf is ``SHA-256(0x00 || leaf bytes)`` (RFC 9162, 2.1.1). The leaf bytes are the canonical JSON (RFC 8785) of type,
time and commitment. The commitment is ``SHA-256(salt || canonical JSON of the opening)``. After salt and opening have
been erased, the leaf remains and reveals nothing.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import rfc8785

from exhibit.clock import rfc3339
from exhibit.types import Json

SALT_BYTES = 32
DECISION_VERSION = 1
"""Format version of the openings of decisions."""


class EntryType(StrEnum):
    """Kind of event that a log entry records."""

    REGISTRATION = "registration"
    """A picture was registered, with everything declared about it, including its author; or a work was removed."""
    SLICE = "slice"
    """What a part of a crawl saw: the Merkle root over its sightings."""
    DECISION = "decision"
    """The decision on a case, dismissals included, by a person or the licence ledger; the comparison's result."""
    SEAL = "seal"
    """A bundle was sealed or countersigned: seal digest, key and signature."""
    CASE = "case"
    """A case was opened; it gained sightings and matches; a licence covers one of them, or no longer does; files of
    each capture, by digest; notes, disputes, notices, reports of illegal content, and the operator's decision to keep
    a picture."""
    KEY = "key"
    """A key was created, retired or revoked; the master key was changed; a passkey was added, first used for a
    decision, or removed. The opening names the member and, where the operator requires it, the kind of device as its
    maker `attested` it."""
    PURGE = "purge"
    """A picture's bytes were removed, or an entry's opening was erased."""
    ACCESS = "access"
    """Evidence was downloaded (bundle, report, package, deposit record, document, sheet, manifest or file of a
    capture), a case was viewed with its evidence, or an outsider requested whose a picture is (digest, response)."""
    SETTING = "setting"
    """A change of settings, permissions, watches, licences, known copies, webhooks, download links, documents of works,
    or networks."""
    ORIGIN = "origin"
    """The log took another name after a break, or continued after a move."""
    COCAPTURE = "cocapture"
    """A page was visited for a partner: what was seen, as sent to the partner."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Public content of one leaf."""

    type: EntryType  # the kind of event
    time: datetime  # when Exhibit wrote the entry, aware, UTC
    commitment: bytes  # 32 bytes, see `commit`

    @property
    def leaf_bytes(self) -> bytes:
        """Canonical JSON that is hashed into the leaf."""
        return canonical({"commitment": self.commitment.hex(), "time": rfc3339(self.time), "type": str(self.type)})

    @property
    def leaf_hash(self) -> bytes:
        """Merkle leaf hash, 32 bytes (RFC 9162, 2.1.1)."""
        return hashlib.sha256(b"\x00" + self.leaf_bytes).digest()


def canonical(value: Json) -> bytes:
    """Encode plain data as canonical JSON (RFC 8785). Raises ``ValueError`` if the data has no exact encoding."""
    return rfc8785.dumps(value)


def commit(opening: Mapping[str, Any], salt: bytes | None = None) -> tuple[bytes, bytes]:
    """Return the commitment to an opening (plain JSON) and its salt, 32 bytes each. The default salt is random."""
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    return hashlib.sha256(salt + canonical(dict(opening))).digest(), salt

"""Leaves of the append-only log: the hashed bytes, and the commitment to erasable facts.

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

from exhibit.clock import format_rfc3339
from exhibit.types import Json

SALT_BYTES = 32
DECISION_VERSION = 1
"""Format version of the openings of decisions."""


class EntryType(StrEnum):
    """Type of a log entry. `slice` records a part of a crawl, `cocapture` a visit for a partner."""

    REGISTRATION = "registration"
    """A picture was registered, with everything declared about it, including its author; or a work was removed."""
    SLICE = "slice"
    """Merkle root of the sightings of a part of a crawl."""
    DECISION = "decision"
    """Decision on a case (including dismissals) by a member or the licence ledger; the result of the comparison."""
    SEAL = "seal"
    """A bundle was sealed or countersigned: seal digest, key and signature."""
    CASE = "case"
    """A case was opened; sightings or matches were added; the coverage of one of them by a licence changed; files of
    each capture, by digest; notes, disputes, notices, reports of illegal content, and the operator's decision to keep
    a picture."""
    KEY = "key"
    """A key was created, retired or revoked; the master key was changed; a passkey was added, first used for a
    decision, or removed. The opening names the member and, if the operator requires attestation, the model of the
    device as `attested` by its manufacturer."""
    PURGE = "purge"
    """A picture's bytes were removed, or an entry's opening was erased."""
    ACCESS = "access"
    """Evidence was downloaded (bundle, report, package, deposit record, document, sheet, manifest or file of a
    capture), a case was viewed with its evidence, or a visitor looked up the owner of a picture (digest, response)."""
    SETTING = "setting"
    """A change of settings, permissions, watches, licences, known copies, webhooks, download links, documents of works,
    or models."""
    ORIGIN = "origin"
    """The log continued under another name after an interruption, or continued after a move."""
    COCAPTURE = "cocapture"
    """A page was visited for a partner: the observations as sent to the partner."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Public content of one leaf."""

    type: EntryType  # kind of event
    time: datetime  # time at which Exhibit wrote the entry, aware, UTC
    commitment: bytes  # 32 bytes, see `commit`

    @property
    def leaf_bytes(self) -> bytes:
        """Canonical JSON that is hashed into the leaf."""
        return encode_canonical(
            {"commitment": self.commitment.hex(), "time": format_rfc3339(self.time), "type": str(self.type)}
        )

    @property
    def leaf_hash(self) -> bytes:
        """Merkle leaf hash, 32 bytes (RFC 9162, 2.1.1)."""
        return hashlib.sha256(b"\x00" + self.leaf_bytes).digest()


def encode_canonical(value: Json) -> bytes:
    """Encode plain data as canonical JSON (RFC 8785). Raises ``ValueError`` if the data has no exact encoding."""
    return rfc8785.dumps(value)


def compute_commitment(opening: Mapping[str, Any], salt: bytes | None = None) -> tuple[bytes, bytes]:
    """Return the commitment to an opening (plain JSON) and its salt, 32 bytes each. The default salt is random."""
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    return hashlib.sha256(salt + encode_canonical(dict(opening))).digest(), salt

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
    SLICE = "slice"
    DECISION = "decision"
    SEAL = "seal"
    CASE = "case"
    KEY = "key"
    PURGE = "purge"
    ACCESS = "access"
    SETTING = "setting"
    ORIGIN = "origin"
    COCAPTURE = "cocapture"


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

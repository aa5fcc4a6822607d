"""Leaves of the append-only log: what is hashed, and how it commits to facts that can be erased.

A leaf is ``SHA-256(0x00 || leaf bytes)`` (RFC 9162, 2.1.1). The leaf bytes are the canonical JSON (RFC 8785) of type,
time and commitment. The commitment is ``SHA-256(salt || canonical JSON of the opening)``: with salt and opening erased,
the leaf stays and tells nothing.
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
"""Version of the openings of decisions."""


class EntryType(StrEnum):
    """What an entry witnesses."""

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
    """What one leaf says in public."""

    type: EntryType  # what it witnesses
    time: datetime  # when the house wrote it down, aware, UTC
    commitment: bytes  # 32 bytes, see `commit`

    @property
    def leaf_bytes(self) -> bytes:
        """The canonical JSON that is hashed into the leaf."""
        return canonical({"commitment": self.commitment.hex(), "time": rfc3339(self.time), "type": str(self.type)})

    @property
    def leaf_hash(self) -> bytes:
        """The Merkle leaf hash, 32 bytes (RFC 9162, 2.1.1)."""
        return hashlib.sha256(b"\x00" + self.leaf_bytes).digest()


def canonical(value: Json) -> bytes:
    """Canonical JSON (RFC 8785) of plain data; raises ``ValueError`` when it can't be written exactly."""
    return rfc8785.dumps(value)


def commit(opening: Mapping[str, Any], salt: bytes | None = None) -> tuple[bytes, bytes]:
    """The commitment to an opening, plain JSON, and its salt, 32 bytes each; the salt is drawn when absent."""
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    return hashlib.sha256(salt + canonical(dict(opening))).digest(), salt

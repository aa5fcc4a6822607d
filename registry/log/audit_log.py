"""Log entries for access to evidence and for changed settings, which have no rows of their own.

The openings contain no names. The account is in the details, which are stored separately.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from exhibit.entries import EntryType
from exhibit.types import Json
from registry.accounts.models import Owner
from registry.log.log import submit_entry


class EvidenceKind(StrEnum):
    """Kind of evidence that was accessed."""

    BUNDLE = "bundle"
    MANIFEST = "manifest"
    DEPOSIT = "deposit record"
    ATTACHMENT = "document of a work"
    REPORT = "report"
    PACKAGE = "package of bundles"
    CAPTURE = "file of a capture"
    CASE = "case"
    DRAFT_DOCUMENT = "draft paper"
    SHEET = "signed exhibit sheet"


class AccessKind(StrEnum):
    """Kind of access."""

    DOWNLOADED = "taken away"
    VIEWED = "looked at"


def log_access(
    evidence_kind: EvidenceKind, access_kind: AccessKind, owner: Owner, *, by: str, **log_details: Json
) -> None:
    """Record an access in the log, before the evidence is sent."""
    submit_entry(
        EntryType.ACCESS,
        {"way": str(access_kind), "what": str(evidence_kind)},
        owner,
        details={"by": by, "of": owner.slug, **log_details},
    )


def log_change(event: str, *, by: str, owner: Owner | None = None, details: Mapping[str, Any]) -> None:
    """Record a changed setting in the log, in the same transaction; ``by`` is empty for the installation itself."""
    submit_entry(EntryType.SETTING, {"what": event}, owner, details={"by": by, **details})

"""What the log witnesses besides deeds with rows of their own: who took or saw evidence, and who changed what is set.

The openings name nobody: who it was stands in the details, apart.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from exhibit.entries import EntryType
from exhibit.types import Json
from registry.accounts.models import Owner
from registry.log.log import submit


class Evidence(StrEnum):
    """What was accessed."""

    BUNDLE = "bundle"
    MANIFEST = "manifest"
    DEPOSIT = "deposit record"
    ATTACHMENT = "document of a work"
    REPORT = "report"
    PACKAGE = "package of bundles"
    CAPTURE = "file of a capture"
    CASE = "case"
    PAPER = "draft paper"
    SHEET = "signed exhibit sheet"


class Way(StrEnum):
    """How."""

    TAKEN = "taken away"
    SEEN = "looked at"


def accessed(what: Evidence, way: Way, owner: Owner, *, by: str, **about: Json) -> None:
    """Put an access into the log, before what was asked for is handed out."""
    submit(EntryType.ACCESS, {"way": str(way), "what": str(what)}, owner, details={"by": by, "of": owner.slug, **about})


def changed(what: str, *, by: str, owner: Owner | None = None, about: Mapping[str, Any]) -> None:
    """Put a change of what is set into the log, in its transaction; ``by`` is empty for the installation itself."""
    submit(EntryType.SETTING, {"what": what}, owner, details={"by": by, **about})

"""What the words and figures of a document mean, for a judge who reads the first one of its kind."""

from evidence.documents.phrases.wording import Wording
from evidence.documents.typeset.blocks import Line, Row, Rows, Section

TERMS = (
    "recorded",
    "sighting",
    "sha256",
    "hash",
    "aligned",
    "ratio",
    "prior",
    "seal",
    "signature",
    "log",
    "checkpoint",
    "rfc3161",
    "opentimestamps",
    "development",
    "canary",
    "not_checked",
)


def glossary_section(wording: Wording, level: int) -> Section:
    """Each term with its meaning in this document."""
    rows = tuple(
        Row(wording.say(f"term.{term}"), (Line(wording.say(f"meaning.{term}")),), speaker="") for term in TERMS
    )
    return Section(wording.say("heading.glossary"), (Rows(rows, together=False),), level)

"""The draft papers of a sealed case: a named person reads, corrects, completes and signs each of them, or doesn't."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from evidence.documents.papers.certification import certification
from evidence.documents.papers.environment import environment
from evidence.documents.papers.evidence_list import evidence_list
from evidence.documents.papers.layout import SealedFacts
from evidence.documents.papers.privacy_note import privacy_note
from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording, zone_named
from evidence.documents.typeset.fonts import FontSet, installed_fonts
from exhibit.errors import WrongUseError


@dataclass(frozen=True, slots=True)
class Paper:
    """One kind of paper."""

    language: str  # in which it is meant to be signed or handed in
    make: Callable[[SealedFacts, Wording, FontSet], bytes]


PAPERS: Mapping[str, Paper] = {
    "us-902": Paper("en", certification),
    "cn-evidence-list": Paper("zh-Hans", evidence_list),
    "cn-environment": Paper("zh-Hans", environment),
    "personal-data": Paper("en", privacy_note),
}
"""Kinds by name: the draft under FRE 902(13) and (14), 证据目录, 清洁性检查, and the note on personal data."""


def render_paper(
    kind: str, case: SealedFacts, *, language: str = "", time_zone: str = "UTC", fonts: FontSet | None = None
) -> bytes:
    """A draft paper of a kind in :data:`PAPERS` as PDF/A-3b; same input, same bytes.

    Its language is the one in which it is used if none is given; fonts are the machine's.

    Raises:
        ServiceMissingError: no font with Chinese characters is here, and the language needs one.
        WrongUseError: there is no such paper, language or time zone.
    """
    paper = PAPERS.get(kind)
    if paper is None:
        raise WrongUseError(f"There is no paper {kind!r}.", hint=f"Choose one of: {', '.join(PAPERS)}.")
    wording = Wording(load_phrases(language or paper.language), zone_named(time_zone), clip="paper.clipped")
    return paper.make(case, wording, fonts or installed_fonts())

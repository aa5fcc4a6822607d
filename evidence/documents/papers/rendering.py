"""The draft documents of a sealed case, which a named person reads, corrects, completes and signs, or rejects."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from evidence.documents.case.sections import demonstration_warning, development_warning
from evidence.documents.papers.certification import certification
from evidence.documents.papers.cover import CODE_FILE, cover
from evidence.documents.papers.environment import environment
from evidence.documents.papers.evidence_list import evidence_list
from evidence.documents.papers.layout import SealedFacts
from evidence.documents.papers.privacy_note import privacy_note
from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording, zone_named
from evidence.documents.typeset.blocks import Block, Callout, Document, Section
from evidence.documents.typeset.compiler import TypesetFile, Unset
from evidence.documents.typeset.pictures import qr_png
from exhibit.errors import WrongUseError

MANIFEST_FILE = "manifest.json"


@dataclass(frozen=True, slots=True)
class Paper:
    """One kind of draft document."""

    language: str  # language in which it is meant to be signed or submitted
    group: str  # group of its phrases
    sections: Callable[[SealedFacts, Wording], tuple[Section, ...]]


PAPERS: Mapping[str, Paper] = {
    "cover": Paper("en", "cover", cover),
    "us-902": Paper("en", "us902", certification),
    "cn-evidence-list": Paper("zh-Hans", "cnlist", evidence_list),
    "cn-environment": Paper("zh-Hans", "environment", environment),
    "personal-data": Paper("en", "privacy", privacy_note),
}
"""Kinds by name.

The cover page of a printed sheet, the draft under FRE 902(13) and (14), 证据目录, 清洁性检查, and the note on personal
data.
"""


def render_paper(kind: str, case: SealedFacts, *, language: str = "", time_zone: str = "UTC") -> bytes:
    """Render a draft document of a kind in :data:`PAPERS` as PDF/A-3b; the same input gives the same bytes.

    The default language is the one in which the document is used.

    Raises:
        ServiceMissingError: No font for the language is installed.
        WrongUseError: The kind or the language is unknown.
    """
    paper = PAPERS.get(kind)
    if paper is None:
        raise WrongUseError(f"There is no paper {kind!r}.", hint=f"Choose one of: {', '.join(PAPERS)}.")
    wording = Wording(load_phrases(language or paper.language), zone_named(time_zone), clip="paper.clipped")
    document = _document(case, paper, wording)
    files = (TypesetFile(MANIFEST_FILE, case.manifest.to_json()), TypesetFile(CODE_FILE, qr_png(case.seal.hex)))
    return Unset(document, files, wording.phrases.language, case.made_at).pdf()


def _document(case: SealedFacts, paper: Paper, wording: Wording) -> Document:
    say, facts, group = wording.say, case.facts, paper.group
    return Document(
        title=wording.clipped(f"{say(f'{group}.header')} · {facts.number}", 200),
        author=f"{facts.software.name} {facts.software.version}",
        description=say(f"{group}.description"),
        kicker=wording.phrases.first("kicker", group, "paper"),
        heading=say(f"{group}.header"),
        subtitle=say(
            "sheet.subtitle", case=facts.number, bundle=facts.bundle, party=wording.clipped(facts.party.name, 80)
        ),
        header=say(f"{group}.header"),
        language=wording.setting(),
        stamp=say("paper.stamp", file=wording.clipped(case.file, 60), seal=case.seal.hex),
        opening=_notices(case, group, wording),
        sections=paper.sections(case, wording),
        data=(MANIFEST_FILE, say("paper.attachment")),
    )


def _notices(case: SealedFacts, group: str, wording: Wording) -> tuple[Block, ...]:
    """Return notices that it is an unsigned draft and what it is for, with warnings."""
    say, draft = wording.say, wording.phrases.first("draft_title", group, "paper")
    purpose = f"{group}.notice" in wording.phrases.sentences
    notices = (Callout(say("paper.notice_title"), say(f"{group}.notice")),) if purpose else ()
    warnings = (*demonstration_warning(case.facts, wording), *development_warning(case.witnesses, wording))
    return (Callout(draft, say("paper.draft")), *notices, *warnings)

"""Draft documents of a sealed case. A named person reviews, corrects, completes and signs each draft, or rejects it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from evidence.documents.case.sections import build_demonstration_warning, build_development_warning
from evidence.documents.drafts.certification import build_certification
from evidence.documents.drafts.cover import QR_CODE_FILE, build_cover
from evidence.documents.drafts.environment import build_environment_record
from evidence.documents.drafts.evidence_list import build_evidence_list
from evidence.documents.drafts.layout import DraftInput
from evidence.documents.drafts.privacy_note import build_privacy_note
from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording, load_time_zone
from evidence.documents.typeset.blocks import Block, Callout, Document, Section
from evidence.documents.typeset.compiler import PreparedDocument, TypesetFile
from evidence.documents.typeset.pictures import render_qr_code
from exhibit.errors import InvalidRequestError

MANIFEST_FILE = "manifest.json"


@dataclass(frozen=True, slots=True)
class DraftDocument:
    """A type of draft document."""

    language: str  # language in which the document is usually signed or submitted
    group: str  # group of its phrases in the catalogues
    build_sections: Callable[[DraftInput, Wording], tuple[Section, ...]]


DRAFT_DOCUMENTS: Mapping[str, DraftDocument] = {
    "cover": DraftDocument("en", "cover", build_cover),
    "us-902": DraftDocument("en", "us902", build_certification),
    "cn-evidence-list": DraftDocument("zh-Hans", "cnlist", build_evidence_list),
    "cn-environment": DraftDocument("zh-Hans", "environment", build_environment_record),
    "personal-data": DraftDocument("en", "privacy", build_privacy_note),
}
"""Draft documents by name.

The cover page of a printed sheet, the draft under FRE 902(13) and (14), 证据目录, 清洁性检查, and the note on personal
data.
"""


def render_draft_pdf(kind: str, case: DraftInput, *, language: str = "", time_zone: str = "UTC") -> bytes:
    """Render a draft document of a kind in :data:`DRAFT_DOCUMENTS` as PDF/A-3b. The same input gives the same bytes.

    The default language is the language in which the document is usually submitted.

    Raises:
        ServiceMissingError: No font for the language is installed.
        InvalidRequestError: The kind or the language is unknown.
    """
    draft = DRAFT_DOCUMENTS.get(kind)
    if draft is None:
        raise InvalidRequestError(
            f"There is no draft document {kind!r}.", hint=f"Choose one of: {', '.join(DRAFT_DOCUMENTS)}."
        )
    wording = Wording(load_phrases(language or draft.language), load_time_zone(time_zone), clip="paper.clipped")
    document = _build_document(case, draft, wording)
    files = (
        TypesetFile(MANIFEST_FILE, case.manifest.to_json()),
        TypesetFile(QR_CODE_FILE, render_qr_code(case.seal_digest.hex)),
    )
    return PreparedDocument(document, files, wording.phrases.language, case.made_at).render_pdf()


def _build_document(case: DraftInput, draft: DraftDocument, wording: Wording) -> Document:
    render, facts, group = wording.render, case.facts, draft.group
    return Document(
        title=wording.clip_text(f"{render(f'{group}.header')} · {facts.number}", 200),
        author=f"{facts.software.name} {facts.software.version}",
        description=render(f"{group}.description"),
        kicker=wording.phrases.find_first("kicker", group, "paper"),
        heading=render(f"{group}.header"),
        subtitle=render(
            "sheet.subtitle", case=facts.number, bundle=facts.bundle, party=wording.clip_text(facts.party.name, 80)
        ),
        header=render(f"{group}.header"),
        language=wording.get_language_settings(),
        stamp=render("paper.stamp", file=wording.clip_text(case.file_name, 60), seal=case.seal_digest.hex),
        opening=_build_notices(case, group, wording),
        sections=draft.build_sections(case, wording),
        data=(MANIFEST_FILE, render("paper.attachment")),
    )


def _build_notices(case: DraftInput, group: str, wording: Wording) -> tuple[Block, ...]:
    """Return the notice that the document is an unsigned draft, the notice on its purpose, and warnings."""
    render, draft_title = wording.render, wording.phrases.find_first("draft_title", group, "paper")
    has_notice = f"{group}.notice" in wording.phrases.sentences
    notices = (Callout(render("paper.notice_title"), render(f"{group}.notice")),) if has_notice else ()
    warnings = (*build_demonstration_warning(case.facts, wording), *build_development_warning(case.timestamps, wording))
    return (Callout(draft_title, render("paper.draft")), *notices, *warnings)

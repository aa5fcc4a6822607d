"""A note on personal data in a bundle.

Which data may be in it, what two laws require, and what a person must decide.
"""

from evidence.documents.drafts.layout import DraftInput, build_blank_fields, build_signature_section, format_page_header
from evidence.documents.phrases.wording import Wording
from evidence.documents.typeset.blocks import Bullets, Section


def build_privacy_note(case: DraftInput, wording: Wording) -> tuple[Section, ...]:
    """Return the sections of the note, with blank fields for the balancing of interests and all decisions."""
    render = wording.render
    context_count = sum(bool(sighting.context) for sighting in case.facts.sightings)
    other_sentences = (render(f"privacy.{key}") for key in ("addresses", "servers", "people", "members", "redact"))
    data_sentences = (render("privacy.words", n=context_count), *other_sentences)
    balancing_fields = (
        build_blank_fields(wording, name, lines=2) for name in ("purpose", "necessity", "interests", "outcome")
    )
    return (
        Section(render("privacy.what"), (Bullets(data_sentences),), running=format_page_header(case, wording)),
        Section(render("privacy.gdpr"), (wording.build_bullets("privacy", ("gdpr_basis", "gdpr_claims")),)),
        Section(render("privacy.pipl"), (wording.build_bullets("privacy", ("pipl_basis", "pipl_export")),)),
        Section(render("privacy.decide"), (*balancing_fields, build_blank_fields(wording, "export", "redacted"))),
        build_signature_section("privacy", wording),
    )

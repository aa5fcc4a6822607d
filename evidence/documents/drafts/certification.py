"""Draft certification under Federal Rules of Evidence 902(13) and (14), in the form of 28 U.S.C. § 1746.

Further requirements of Rules 902(11) and (12) and Rule 702 are listed for a person to complete: the software does not
know the practice of a business, and is not an expert.
"""

from evidence.documents.case.sections import (
    GENERAL_LIMITS,
    build_timestamp_blocks,
    describe_captures,
    describe_certificate_check,
    describe_first_seen,
)
from evidence.documents.case.unchecked import list_own_unchecked_sentences
from evidence.documents.drafts.layout import (
    DraftInput,
    build_blank_fields,
    build_file_table,
    build_plain_row,
    build_system_rows,
    format_page_header,
)
from evidence.documents.phrases import list_never_checked_sentences
from evidence.documents.phrases.wording import Wording
from evidence.documents.typeset.blocks import Bullets, Row, Rows, Section, Style, Text
from evidence.facts.case import SightingFacts

PROCESS_PHRASES = ("process_crawl", "process_capture", "process_compare", "process_seal")
ACCURACY_PHRASES = ("accurate_bytes", "accurate_tls", "accurate_verify", "accurate_error")
FURTHER_REQUIREMENTS = ("further_11", "further_12", "further_702", "further_error")


def build_certification(case: DraftInput, wording: Wording) -> tuple[Section, ...]:
    """Build the draft, with blank fields for signer, date, place, and the signer's own checks."""
    render = wording.render
    algorithm = Rows((build_plain_row(wording, "us902.algorithm", render("us902.algorithm_value")),))
    comparison_blanks = build_blank_fields(wording, "compared_by", "compared_at", "compared_with", "compared_result")
    return (
        Section(
            render("us902.person"),
            (
                build_blank_fields(wording, "name", "position", "address"),
                build_blank_fields(wording, "qualification", "knowledge", lines=3),
            ),
            running=format_page_header(case, wording),
        ),
        Section(render("us902.system"), (build_system_rows(case, wording),)),
        Section(render("us902.process"), (wording.build_bullets("us902", PROCESS_PHRASES),)),
        Section(
            render("us902.accurate"),
            (wording.build_bullets("us902", ACCURACY_PHRASES), build_blank_fields(wording, "checks_made", lines=3)),
        ),
        Section(
            render("us902.recorded"),
            tuple(_build_recorded_rows(sighting, wording) for sighting in case.facts.sightings),
        ),
        Section(render("us902.copied"), (algorithm, Text(render("us902.in_annex")), comparison_blanks)),
        Section(render("heading.proofs"), tuple(build_timestamp_blocks(case.timestamps, wording))),
        Section(render("heading.limits"), (Bullets(_list_limits(case, wording)),)),
        Section(
            render("us902.further"),
            (wording.build_bullets("us902", FURTHER_REQUIREMENTS), build_blank_fields(wording, "business", lines=3)),
        ),
        Section(
            render("us902.declaration"),
            (
                Text(render("us902.strike")),
                Text(render("us902.within")),
                Text(render("us902.without")),
                build_blank_fields(wording, "executed_on", "executed_at", "signature", "name"),
            ),
            together=True,
        ),
        Section(render("us902.annex"), tuple(build_file_table(case, wording))),
    )


def _build_recorded_rows(sighting: SightingFacts, wording: Wording) -> Rows:
    response = " · ".join(
        part for part in (f"HTTP {sighting.status}" if sighting.status else "", sighting.peer) if part
    )
    certificate = describe_certificate_check(sighting, wording)
    rows = (
        build_plain_row(wording, "label.sighting", str(sighting.number), style=Style.STRONG),
        build_plain_row(wording, "label.page_url", sighting.page_url, style=Style.MONO),
        build_plain_row(wording, "label.image_url", sighting.image_url, style=Style.MONO),
        *_build_sighting_rows(sighting, wording),
        build_plain_row(wording, "label.status", response),
        *([build_plain_row(wording, "label.certificate", certificate)] if certificate else []),
        build_plain_row(wording, "label.capture", *describe_captures(sighting.captures, wording)),
        build_plain_row(wording, "label.digest", sighting.picture.digest.hex, style=Style.MONO),
    )
    return Rows(rows)


def _build_sighting_rows(sighting: SightingFacts, wording: Wording) -> tuple[Row, ...]:
    if sighting.first_seen is None or sighting.last_seen is None:
        return (build_plain_row(wording, "label.seen", describe_first_seen(sighting, wording)),)
    return (
        build_plain_row(wording, "label.first_seen", wording.format_both_times(sighting.first_seen)),
        build_plain_row(wording, "label.last_seen", wording.format_both_times(sighting.last_seen)),
    )


def _list_limits(case: DraftInput, wording: Wording) -> tuple[str, ...]:
    general_limits = tuple(wording.render(f"limits.{key}") for key in GENERAL_LIMITS)
    return (
        *general_limits,
        *list_never_checked_sentences(wording.phrases.language),
        *list_own_unchecked_sentences(case.facts, wording),
    )

"""Draft certification under Federal Rules of Evidence 902(13) and (14), in the form of 28 U.S.C. § 1746.

Further requirements of Rules 902(11) and (12) and Rule 702 are listed and left to a person: the software does not know
the practice of a business, and is not an expert.
"""

from evidence.documents.case.sections import (
    STANDING_LIMITS,
    capture_lines,
    certificate_line,
    seen_words,
    witness_blocks,
)
from evidence.documents.case.unchecked import own_sentences
from evidence.documents.papers.layout import SealedFacts, blanks, file_table, plain_row, running, system_rows
from evidence.documents.phrases import standing_unchecked
from evidence.documents.phrases.wording import Wording
from evidence.documents.typeset.blocks import Bullets, Row, Rows, Section, Style, Text
from evidence.facts.case import SightingFacts

PROCESS = ("process_crawl", "process_capture", "process_compare", "process_seal")
ACCURATE = ("accurate_bytes", "accurate_tls", "accurate_verify", "accurate_error")
FURTHER = ("further_11", "further_12", "further_702", "further_error")


def certification(case: SealedFacts, wording: Wording) -> tuple[Section, ...]:
    """Return the draft; signer, date, place, and the signer's own checks are left blank."""
    say = wording.say
    algorithm = Rows((plain_row(wording, "us902.algorithm", say("us902.algorithm_value")),))
    comparison_blanks = blanks(wording, "compared_by", "compared_at", "compared_with", "compared_result")
    return (
        Section(
            say("us902.person"),
            (blanks(wording, "name", "position", "address"), blanks(wording, "qualification", "knowledge", lines=3)),
            running=running(case, wording),
        ),
        Section(say("us902.system"), (system_rows(case, wording),)),
        Section(say("us902.process"), (wording.bullets("us902", PROCESS),)),
        Section(say("us902.accurate"), (wording.bullets("us902", ACCURATE), blanks(wording, "checks_made", lines=3))),
        Section(say("us902.recorded"), tuple(_recorded(sighting, wording) for sighting in case.facts.sightings)),
        Section(say("us902.copied"), (algorithm, Text(say("us902.in_annex")), comparison_blanks)),
        Section(say("heading.proofs"), tuple(witness_blocks(case.witnesses, wording))),
        Section(say("heading.limits"), (Bullets(_limits(case, wording)),)),
        Section(say("us902.further"), (wording.bullets("us902", FURTHER), blanks(wording, "business", lines=3))),
        Section(
            say("us902.declaration"),
            (
                Text(say("us902.strike")),
                Text(say("us902.within")),
                Text(say("us902.without")),
                blanks(wording, "executed_on", "executed_at", "signature", "name"),
            ),
            together=True,
        ),
        Section(say("us902.annex"), tuple(file_table(case, wording))),
    )


def _recorded(sighting: SightingFacts, wording: Wording) -> Rows:
    answer = " · ".join(part for part in (f"HTTP {sighting.status}" if sighting.status else "", sighting.peer) if part)
    certificate = certificate_line(sighting, wording)
    rows = (
        plain_row(wording, "label.sighting", str(sighting.number), style=Style.STRONG),
        plain_row(wording, "label.page_url", sighting.page_url, style=Style.MONO),
        plain_row(wording, "label.image_url", sighting.image_url, style=Style.MONO),
        *_build_sighting_rows(sighting, wording),
        plain_row(wording, "label.status", answer),
        *([plain_row(wording, "label.certificate", certificate)] if certificate else []),
        plain_row(wording, "label.capture", *capture_lines(sighting.captures, wording)),
        plain_row(wording, "label.digest", sighting.picture.digest.hex, style=Style.MONO),
    )
    return Rows(rows)


def _build_sighting_rows(sighting: SightingFacts, wording: Wording) -> tuple[Row, ...]:
    if sighting.first_seen is None or sighting.last_seen is None:
        return (plain_row(wording, "label.seen", seen_words(sighting, wording)),)
    return (
        plain_row(wording, "label.first_seen", wording.both_times(sighting.first_seen)),
        plain_row(wording, "label.last_seen", wording.both_times(sighting.last_seen)),
    )


def _limits(case: SealedFacts, wording: Wording) -> tuple[str, ...]:
    standing = tuple(wording.say(f"limits.{key}") for key in STANDING_LIMITS)
    return (*standing, *standing_unchecked(wording.phrases.language), *own_sentences(case.facts, wording))

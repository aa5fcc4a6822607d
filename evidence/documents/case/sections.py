"""Sections about one case, shared by the exhibit sheet and the report."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from evidence.documents.case.comparison import DetailLimits, Gallery, build_comparison_blocks
from evidence.documents.phrases import list_never_checked_sentences
from evidence.documents.phrases.wording import Wording, format_percent
from evidence.documents.typeset.blocks import (
    Block,
    Bullets,
    Callout,
    Cell,
    FactSource,
    Line,
    Lines,
    Quiet,
    Row,
    Rows,
    Section,
    Style,
    Table,
    Text,
    build_cell,
)
from evidence.facts.case import (
    CaptureFacts,
    CaseFacts,
    CreationFacts,
    MatchFacts,
    PictureFacts,
    ProvenanceFacts,
    SightingFacts,
    ThirdPartyStatementFacts,
    TimestampFacts,
    WorkFacts,
)
from evidence.formats.pdf_content import inspect_pdf, is_pdf
from evidence.log.proofs import LogProof
from exhibit.network.addresses import is_confusable, to_unicode_host
from exhibit.periods import parse_stated_time
from exhibit.types import Decision, SourceStatementKind

MAX_REASONS = 100  # maximum number of reasons for similar licences; the facts have all of them
MAX_OMITTED_FILES = 60  # maximum number of lines on omitted files; the facts have all of them
THIRD_PARTY_FIELD = "sightings[].elsewhere[].stated"
GENERAL_LIMITS = ("interested", "key", "similarity", "time", "context", "verify")


def build_title_chain_rows(work: WorkFacts, files: Mapping[str, bytes], wording: Wording) -> list[Row]:
    """Build rows with the documents of the chain of title, and the active or embedded content of their PDFs."""
    title_lines = [line for item in work.attachments for line in (item.title, f"SHA-256 {item.digest.hex}")]
    rows = [wording.build_row("chain", "work.attachments[].title", *title_lines)]
    if sentences := describe_pdf_contents(work, files, wording):
        lines = tuple(map(Line, sentences))
        rows.append(
            Row(wording.render("label.chain_holds"), lines, wording.render("speaker.checked", check="document"))
        )
    return rows


def describe_pdf_contents(work: WorkFacts, files: Mapping[str, bytes], wording: Wording) -> list[str]:
    """Describe active or embedded content in PDFs of the chain of title whose bytes are in ``files``."""
    sentences: list[str] = []
    for item in work.attachments:
        data, name = files.get(item.file), item.file.rpartition("/")[2]
        if data is None or not is_pdf(data, name):
            continue
        pdf_content = inspect_pdf(data)
        if pdf_content.kinds:
            contents = wording.render("document.joined").join(
                wording.render(f"pdf.{kind}") for kind in pdf_content.kinds
            )
            sentences.append(wording.render("pdf.holds", file=name, what=contents))
        if pdf_content.unread_reason:
            sentences.append(
                wording.render("pdf.unread", file=name, why=wording.render(f"pdf.{pdf_content.unread_reason}"))
            )
    return sentences


def build_work_section(
    facts: CaseFacts,
    wording: Wording,
    level: int,
    files: Mapping[str, bytes] = MappingProxyType({}),
    omitted_labels: frozenset[str] = frozenset(),
) -> Section:
    """Build the section on the work, as declared, and its pictures, as recorded.

    ``files`` are exact bytes by path; ``omitted_labels`` are the labels of rows that the document has elsewhere.
    """
    work = facts.work
    registrations = [f"{item.office} {item.number} ({item.date})" for item in work.registrations]
    optional_fields = (("holder", work.holder), ("credit", work.credit), ("created", work.created))
    rows = [
        wording.build_row("title", "work.title", work.title),
        wording.build_row("author", "work.author", work.author),
        *(wording.build_row(name, f"work.{name}", value) for name, value in optional_fields if value),
        wording.build_row("first_publication", "work.first_publication", work.first_publication),
        wording.build_row("registrations", "work.registrations[].number", *registrations),
        *build_title_chain_rows(work, files, wording),
        wording.build_row("rights", "work.rights_statement", work.rights_statement),
        wording.build_row("work_number", "work.number", work.number),
        wording.build_time_row("registered_at", work.registered_at, "work.registered_at"),
    ]
    if work.registration is not None:
        rows.append(wording.build_row("entry", "work.registration.sequence", str(work.registration.sequence)))
    compared_digests = {match.work_picture for match in facts.matches}
    for picture in work.pictures:
        if picture.digest in compared_digests or not compared_digests:
            size = wording.render("picture.size", width=picture.width, height=picture.height, format=picture.format)
            field = "work.pictures[].incomplete" if picture.incomplete else "work.pictures[].width"
            rows.append(wording.build_row("registered_picture", field, size, *describe_truncation(picture, wording)))
            rows.append(wording.build_row("digest", "work.pictures[].digest", picture.digest.hex, style=Style.MONO))
    return Section(
        wording.render("heading.work"), (Rows(_filter_rows(rows, omitted_labels, wording), together=False),), level
    )


def _filter_rows(rows: Iterable[Row], omitted_labels: frozenset[str], wording: Wording) -> tuple[Row, ...]:
    labels = {wording.render(f"label.{name}") for name in omitted_labels}
    return tuple(row for row in rows if row.label not in labels)


def build_sightings_section(
    facts: CaseFacts, wording: Wording, level: int, limits: DetailLimits, omitted_labels: frozenset[str] = frozenset()
) -> Section:
    """Build the section on the pages and times of the use, without the rows with ``omitted_labels``."""
    sightings = facts.sightings[: limits.max_sightings]
    blocks: list[Block] = [
        Rows(_filter_rows(_build_sighting_rows(sighting, wording), omitted_labels, wording), together=False)
        for sighting in sightings
    ]
    if len(facts.sightings) > limits.max_sightings:
        blocks.append(Quiet(wording.render("document.listed_of", shown=limits.max_sightings, all=len(facts.sightings))))
    if not blocks:
        blocks.append(Text(wording.render("document.none_recorded")))
    return Section(wording.render("heading.sightings"), tuple(blocks), level)


def describe_truncation(picture: PictureFacts, wording: Wording) -> tuple[str, ...]:
    """Return a sentence if a picture's file is truncated, or an empty tuple."""
    return (wording.render("picture.incomplete"),) if picture.incomplete else ()


def _build_sighting_rows(sighting: SightingFacts, wording: Wording) -> tuple[Row, ...]:
    urls = [sighting.image_url]
    if sighting.final_url and sighting.final_url != sighting.image_url:
        urls.append(sighting.final_url)
    response = " · ".join(
        part for part in (f"HTTP {sighting.status}" if sighting.status else "", sighting.peer) if part
    )
    found_picture = sighting.picture
    size = wording.render(
        "picture.size", width=found_picture.width, height=found_picture.height, format=found_picture.format
    )
    certificate = describe_certificate_check(sighting, wording)
    return (
        wording.build_row("sighting", "sightings[].number", str(sighting.number), style=Style.STRONG),
        wording.build_row("page_url", "sightings[].page_url", sighting.page_url, style=Style.MONO),
        wording.build_row("image_url", "sightings[].image_url", *urls, style=Style.MONO),
        wording.build_row("status", "sightings[].status", response),
        *([wording.build_row("certificate", "sightings[].certificate", certificate)] if certificate else []),
        wording.build_row("context", "sightings[].context", sighting.context),
        *build_seen_rows(sighting, wording),
        *build_third_party_rows(sighting, wording),
        wording.build_row(
            "method", "sightings[].crawl", wording.render("method.crawl", crawl=wording.replace_quotes(sighting.crawl))
        ),
        wording.build_row("capture", "sightings[].captures[].sentence", *describe_captures(sighting.captures, wording)),
        wording.build_row(
            "found_picture",
            f"sightings[].picture.{'incomplete' if found_picture.incomplete else 'width'}",
            size,
            *describe_truncation(found_picture, wording),
        ),
        *_build_provenance_rows(sighting.provenance, wording),
        *_build_creation_rows(sighting.making, wording),
        wording.build_row("digest", "sightings[].picture.digest", sighting.picture.digest.hex, style=Style.MONO),
    )


def build_seen_rows(sighting: SightingFacts, wording: Wording) -> tuple[Row, ...]:
    """Build rows with the times of the first and last sighting, or with the period that the archive states."""
    if sighting.first_seen is not None:
        return wording.build_time_row("first_seen", sighting.first_seen), wording.build_time_row(
            "last_seen", sighting.last_seen
        )
    return (wording.build_row("seen", FactSource.STATED, describe_first_seen(sighting, wording)),)


def describe_first_seen(sighting: SightingFacts, wording: Wording) -> str:
    """Return the time, in UTC, or period when the picture was first seen, or a phrase if it is unknown."""
    if sighting.first_seen is not None:
        return wording.format_time(sighting.first_seen)
    return wording.render("time.period", period=sighting.period) if sighting.period else wording.render("time.unknown")


def build_third_party_rows(sighting: SightingFacts, wording: Wording) -> tuple[Row, ...]:
    """Build a row with statements by third parties on when the picture was available, if there are any."""
    if not sighting.elsewhere:
        return ()
    lines = {line: None for text in list_third_party_lines(sighting.elsewhere, wording) for line in text if line}
    return (wording.build_row("elsewhere", THIRD_PARTY_FIELD, *lines, wording.render("elsewhere.unchecked")),)


def list_third_party_lines(statements: Sequence[ThirdPartyStatementFacts], wording: Wording) -> list[tuple[str, str]]:
    """Return each distinct statement as a sentence, with its public URL or an empty string."""
    public_kinds = (SourceStatementKind.ARCHIVE_CAPTURED, SourceStatementKind.FEED_PUBLISHED)
    pairs = [
        (statement, statement.where if statement.stated and statement.kind in public_kinds else "")
        for statement in statements
    ]
    return [*dict.fromkeys((describe_third_party_statement(statement, wording), url) for statement, url in pairs)]


def describe_third_party_statement(statement: ThirdPartyStatementFacts, wording: Wording) -> str:
    """Describe a statement in a sentence, followed by one that compares an archive's bytes with the picture."""
    values = {"by": wording.phrases.get_label("archive", statement.by), "time": format_stated_time(statement, wording)}
    if statement.kind != SourceStatementKind.ARCHIVE_CAPTURED:
        return wording.render(f"elsewhere.{statement.kind}", **values)
    subject = "page" if statement.of == "page" else "picture"
    if not statement.stated:
        return wording.render(f"elsewhere.none-{subject}", **values | {"time": wording.format_time(statement.learnt)})
    sentences = [wording.render(f"elsewhere.captured-{subject}", **values)]
    if statement.same is not None:
        sentences.append(wording.render("elsewhere.same" if statement.same else "elsewhere.other"))
    return wording.render("document.sentences").join(sentences)


def format_stated_time(statement: ThirdPartyStatementFacts, wording: Wording) -> str:
    """Format a stated time with its precision: seconds in UTC, or a period such as a year."""
    time, period = parse_stated_time(statement.stated)
    return period if time is None else wording.format_time(time)


def describe_certificate_check(sighting: SightingFacts, wording: Wording) -> str:
    """Describe the crawl's check of the server's certificate; empty if there was none."""
    codes, _, digest = sighting.certificate.partition(" ")
    problems = wording.render("document.joined").join(
        wording.phrases.get_label("certificate", code) for code in codes.split(",")
    )
    return wording.render("certificate.line", words=problems, digest=digest.removeprefix("sha256:")) if codes else ""


def _build_provenance_rows(provenance: ProvenanceFacts | None, wording: Wording) -> tuple[Row, ...]:
    """Build rows on the manifest inside the picture, with their sources, or a row that it was not examined."""
    if provenance is None:
        return (wording.build_row("provenance", FactSource.RECORDED, wording.render("provenance.not_checked")),)
    problems = wording.render("document.joined").join(provenance.problems)
    result = wording.render(f"provenance.{provenance.standing}", problems=problems)
    rows = [wording.build_row("provenance", "sightings[].provenance.standing", result)]
    if provenance.file:
        fields = {name: getattr(provenance, name) for name in ("signer", "signed_at", "generator", "title")}
        sentences = [wording.render(f"provenance.{name}", value=value) for name, value in fields.items() if value]
        if provenance.actions:
            sentences.append(
                wording.render("provenance.actions", value=wording.render("document.joined").join(provenance.actions))
            )
        rows.append(wording.build_row("provenance_stated", "sightings[].provenance.signer", *sentences))
    return tuple(rows)


def _build_creation_rows(creation: CreationFacts | None, wording: Wording) -> tuple[Row, ...]:
    """Build a row with the file's metadata on its creation; empty if it was not examined."""
    if creation is None:
        return ()
    fields = {"source_type": creation.source_type, "aigc": creation.aigc}
    sentences = [wording.render(f"making.{name}", value=value) for name, value in fields.items() if value]
    if not sentences:
        return (wording.build_row("making", FactSource.RECORDED, wording.render("making.none")),)
    return (wording.build_row("making", "sightings[].making.source_type", *sentences),)


def describe_unicode_host(host: str, wording: Wording) -> list[str]:
    """Return the Unicode form of a host in ``xn--`` form, with a warning if it looks like another host."""
    unicode_host = to_unicode_host(host)
    return [wording.render("sheet.confusable" if is_confusable(host) else "sheet.letters", text=unicode_host)] * bool(
        unicode_host
    )


def describe_captures(captures: Sequence[CaptureFacts], wording: Wording) -> list[str]:
    """Return a line for each visit, followed by its quoted observation, or a line that there was no visit."""
    if not captures:
        return [wording.render("capture.none")]
    lines = []
    for capture in captures:
        outcome = wording.phrases.get_label("capture", capture.outcome)
        method = wording.phrases.get_label("fetched", capture.method)
        lines.append(
            wording.render("capture.line", outcome=outcome, time=wording.format_time(capture.finished), method=method)
        )
        if capture.sentence:
            lines.append(wording.quote_text(wording.translate(capture.sentence)))
    return lines


def build_comparison_section(
    facts: CaseFacts, gallery: Gallery, level: int, limits: DetailLimits, first_page_match: MatchFacts | None = None
) -> Section:
    """Build the section with the pictures, the overlay and the measurements of each match.

    The drawing with both pictures is omitted for ``first_page_match``, because the first page has it.
    """
    blocks: list[Block] = []
    wording = gallery.wording
    for match in facts.matches[: limits.max_matches]:
        if len(facts.matches) > 1:
            match_label = wording.render("match.several", n=match.number, all=len(facts.matches))
            blocks.append(Lines((Line(match_label),), leads=True))
        blocks.extend(
            build_comparison_blocks(facts, match, gallery, limits, side_by_side=match is not first_page_match)
        )
    if len(facts.matches) > limits.max_matches:
        blocks.append(Quiet(wording.render("document.listed_of", shown=limits.max_matches, all=len(facts.matches))))
    if not facts.matches:
        blocks.append(Text(wording.render("match.not_aligned")))
    elif facts.bundle:
        blocks.append(
            Quiet(wording.render("match.both_views" if limits.includes_all_measurements else "match.in_sheet"))
        )
    return Section(wording.render("heading.comparison"), tuple(blocks), level)


def build_licence_section(facts: CaseFacts, wording: Wording, level: int) -> Section:
    """Build the section on the search of the owner's licences."""
    check = facts.licence_check
    phrases = {"all": "covers", "some": "covers_some", "none": "none_covers", "unsearched": "unsearched"}
    result = wording.render(f"licence.{phrases[check.outcome]}", time=wording.format_time(check.checked_at))
    rows = [
        wording.build_row("licence_result", "licence_check.result", result),
        wording.build_row("records", "licence_check.searched", str(check.searched)),
        wording.build_time_row("searched_at", check.checked_at, "licence_check.checked_at"),
    ]
    if check.reasons:
        reasons = [wording.quote_text(wording.translate(reason)) for reason in check.reasons[:MAX_REASONS]]
        if len(check.reasons) > MAX_REASONS:
            reasons.append(wording.render("document.listed_of", shown=MAX_REASONS, all=len(check.reasons)))
        rows.append(wording.build_row("licence_notes", "licence_check.reasons[]", *reasons))
    blocks: list[Block] = [Rows(tuple(rows))]
    if any(sighting.elsewhere for sighting in facts.sightings):
        blocks.append(Quiet(wording.render("elsewhere.licences")))
    return Section(wording.render("heading.licences"), tuple(blocks), level)


def build_decision_section(facts: CaseFacts, wording: Wording, level: int) -> Section:
    """Build the section on the decision: result, deciding person, time and reason."""
    decision = facts.decision
    if decision.at is None:
        return Section(wording.render("label.decision"), (Text(wording.render("decision.open")),), level)
    field = "decision.demonstration" if decision.demonstration else "decision.decision"
    decided_by = wording.translate(decision.by) if decision.demonstration else decision.by
    rows = (
        wording.build_row("decision", field, describe_decision(facts, wording), style=Style.STRONG),
        wording.build_row(
            "decided_by", "decision.demonstration" if decision.demonstration else "decision.by", decided_by
        ),
        wording.build_time_row("decided_at", decision.at, "decision.at"),
        wording.build_row("reason", "decision.reason", wording.translate(decision.reason)),
    )
    return Section(wording.render("label.decision"), (Rows(rows),), level)


def describe_decision(facts: CaseFacts, wording: Wording) -> str:
    """Describe the decision; decisions by the switch for demonstrations are labelled as such."""
    if facts.decision.demonstration:
        return wording.render("decision.demonstration_title")
    return wording.phrases.get_label("decision", facts.decision.decision)


def build_unchecked_section(wording: Wording, own_sentences: Sequence[str] = ()) -> Section:
    """Build the section on unchecked facts: first those of this case, then those that the software never checks."""
    return Section(
        wording.render("heading.unchecked"),
        (Bullets((*own_sentences, *list_never_checked_sentences(wording.phrases.language))),),
    )


def build_omitted_files_section(facts: CaseFacts, wording: Wording) -> tuple[Section, ...]:
    """Build the section on files that the bundle omits, with reasons; empty if there are none."""
    if not facts.left_out:
        return ()
    lines = []
    for omitted_file in facts.left_out[:MAX_OMITTED_FILES]:
        date = (
            wording.render("document.no_time") if omitted_file.since is None else wording.format_day(omitted_file.since)
        )
        lines.append(
            wording.render(
                f"left_out.{omitted_file.why}", file=omitted_file.file, day=date, digest=omitted_file.digest.hex
            )
        )
    blocks: list[Block] = [Bullets(tuple(lines))]
    if len(facts.left_out) > MAX_OMITTED_FILES:
        blocks.append(Quiet(wording.render("document.listed_of", shown=MAX_OMITTED_FILES, all=len(facts.left_out))))
    return (Section(wording.render("heading.left_out"), tuple(blocks)),)


def build_limits_section(wording: Wording) -> Section:
    """Build the section on the limits of the records."""
    return Section(wording.render("heading.limits"), (wording.build_bullets("limits", GENERAL_LIMITS),))


def build_demonstration_warning(facts: CaseFacts, wording: Wording) -> tuple[Block, ...]:
    """Build a warning that no person examined the case, if the switch for demonstrations confirmed it."""
    if not facts.decision.demonstration:
        return ()
    return (Callout(wording.render("decision.demonstration_title"), wording.render("decision.demonstration")),)


def build_development_warning(timestamps: Sequence[TimestampFacts], wording: Wording) -> tuple[Block, ...]:
    """Build a warning about missing legal weight, if a timestamp service is for development."""
    if not any(timestamp.development for timestamp in timestamps):
        return ()
    return (Callout(wording.render("timestamp.development_title"), wording.render("timestamp.development_note")),)


def format_best_overlap(facts: CaseFacts) -> str:
    """Format the largest aligned fraction of a registered picture, or an em dash without alignment."""
    verifications = (match.verification for match in facts.matches)
    aligned_verifications = (
        verification
        for verification in verifications
        if verification.transform is not None and verification.decision is not Decision.NONE
    )
    overlaps = [verification.overlap_work for verification in aligned_verifications]
    return format_percent(max(overlaps)) if overlaps else "—"


def build_proofs_section(facts: CaseFacts, wording: Wording) -> Section:
    """Build the section on proofs from before the sheet was sealed, with a note on later proofs."""
    blocks: list[Block] = []
    if rows := build_log_rows(facts, wording):
        blocks.append(Rows(rows, together=False))
    if facts.timestamps:
        blocks.append(
            Text(wording.render("timestamp.covers", entries=wording.join_numbers(_list_covered_entries(facts))))
        )
    blocks += build_timestamp_blocks(facts.timestamps, wording, "covered_no_later")
    blocks.append(Text(wording.render("timestamp.later")))
    return Section(wording.render("heading.proofs"), tuple(blocks))


def _list_covered_entries(facts: CaseFacts) -> list[int]:
    """Return the numbers of the log entries that the timestamps on the sheet cover."""
    proofs = (facts.work.registration, *facts.work.further_registrations)
    slices = (sighting.slice.log for sighting in facts.sightings if sighting.slice is not None)
    passkey = facts.decision.passkey
    passkey_proofs = () if passkey is None else (passkey.key, passkey.log)
    return sorted({proof.sequence for proof in (*proofs, *slices, *passkey_proofs) if proof is not None})


def build_log_rows(facts: CaseFacts, wording: Wording) -> tuple[Row, ...]:
    """Build rows with the distinct log entries of the sightings' crawl slices, and their checkpoints."""
    proofs: dict[int, LogProof] = {}
    for sighting in facts.sightings:
        if sighting.slice is not None:
            proofs.setdefault(sighting.slice.log.sequence, sighting.slice.log)
    rows: list[Row] = []
    for proof in proofs.values():
        checkpoint = wording.render("timestamp.checkpoint", origin=proof.checkpoint.split("\n", 1)[0], size=proof.size)
        entry = wording.render("timestamp.slice_entry", sequence=proof.sequence, time=wording.format_time(proof.time))
        rows.append(wording.build_row("entry", "sightings[].slice.log.sequence", entry))
        rows.append(wording.build_row("checkpoint", "sightings[].slice.log.checkpoint", checkpoint, style=Style.MONO))
    return tuple(rows)


def build_timestamp_blocks(
    timestamps: Sequence[TimestampFacts], wording: Wording, meaning_phrase: str = "no_later"
) -> list[Block]:
    """Build a table of timestamps; those for development are labelled in their row.

    The phrase ``meaning_phrase`` states which facts the timestamps prove.
    """
    if not timestamps:
        return [Text(wording.render("timestamp.none"))]
    header = wording.get_headings(("service", "state", "time", "weight"))
    blocks: list[Block] = [
        Table(header, tuple(_build_timestamp_cells(timestamp, wording) for timestamp in timestamps), (4, 2, 4, 4))
    ]
    if any(timestamp.state == "complete" for timestamp in timestamps):
        blocks.append(Quiet(wording.render(f"timestamp.{meaning_phrase}")))
    if any(timestamp.state == "pending" for timestamp in timestamps):
        blocks.append(Quiet(wording.render("timestamp.pending_note")))
    return blocks


def _build_timestamp_cells(timestamp: TimestampFacts, wording: Wording) -> tuple[Cell, ...]:
    kind = wording.phrases.get_label("timestamp", f"kind_{timestamp.kind}")
    subject = wording.phrases.get_label("timestamp", f"subject_{timestamp.subject}")
    time_text = (
        wording.format_time(timestamp.time) if timestamp.time is not None else wording.render("document.no_time")
    )
    weight = wording.render("timestamp.development" if timestamp.development else "timestamp.outside")
    if timestamp.qualified and timestamp.state == "complete":
        weight = wording.render("timestamp.qualified", date=timestamp.qualified)
    return (
        Cell((Line(timestamp.name), Line(f"{kind} · {subject}", Style.QUIET))),
        build_cell(wording.phrases.get_label("timestamp", timestamp.state)),
        build_cell(time_text),
        build_cell(weight, Style.STRONG if timestamp.development else Style.PLAIN),
    )

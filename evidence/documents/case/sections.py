"""Sections about one case, shared by the exhibit sheet and the report."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from evidence.documents.case.comparison import Gallery, Room, comparison_blocks
from evidence.documents.phrases import standing_unchecked
from evidence.documents.phrases.wording import Wording, percent
from evidence.documents.typeset.blocks import (
    Block,
    Bullets,
    Callout,
    Cell,
    Line,
    Lines,
    Quiet,
    Row,
    Rows,
    Section,
    Speaker,
    Style,
    Table,
    Text,
    cell,
)
from evidence.facts.case import (
    CaptureFacts,
    CaseFacts,
    ElsewhereFacts,
    MakingFacts,
    MatchFacts,
    PictureFacts,
    ProvenanceFacts,
    SightingFacts,
    WitnessFacts,
    WorkFacts,
)
from evidence.formats.pdf_content import inspect_pdf, is_pdf
from evidence.log.proofs import LogProof
from exhibit.network.addresses import in_letters, is_confusable
from exhibit.periods import stated_time
from exhibit.types import Decision, SeenKind

MAX_REASONS = 100  # limit of reasons for similar licences; the facts have them all
MAX_LEFT_OUT = 60  # limit of lines on files that the bundle lacks; the facts have them all
ELSEWHERE = "sightings[].elsewhere[].stated"
STANDING_LIMITS = ("interested", "key", "similarity", "time", "context", "verify")


def chain_rows(work: WorkFacts, files: Mapping[str, bytes], wording: Wording) -> list[Row]:
    """Return rows with the documents of the chain of title, and the active or embedded content of PDFs among them."""
    chain = [line for item in work.attachments for line in (item.title, f"SHA-256 {item.digest.hex}")]
    rows = [wording.row("chain", "work.attachments[].title", *chain)]
    if sentences := held_in_documents(work, files, wording):
        lines = tuple(map(Line, sentences))
        rows.append(Row(wording.say("label.chain_holds"), lines, wording.say("speaker.checked", check="document")))
    return rows


def held_in_documents(work: WorkFacts, files: Mapping[str, bytes], wording: Wording) -> list[str]:
    """Return sentences on active or embedded content in the PDFs of a chain of title whose bytes are in ``files``."""
    sentences: list[str] = []
    for item in work.attachments:
        data, name = files.get(item.file), item.file.rpartition("/")[2]
        if data is None or not is_pdf(data, name):
            continue
        content = inspect_pdf(data)
        if content.kinds:
            contents = wording.say("document.joined").join(wording.say(f"pdf.{kind}") for kind in content.kinds)
            sentences.append(wording.say("pdf.holds", file=name, what=contents))
        if content.unread:
            sentences.append(wording.say("pdf.unread", file=name, why=wording.say(f"pdf.{content.unread}")))
    return sentences


def work_section(
    facts: CaseFacts,
    wording: Wording,
    level: int,
    files: Mapping[str, bytes] = MappingProxyType({}),
    omit: frozenset[str] = frozenset(),
) -> Section:
    """Return the section on the work, as declared, and its pictures, as recorded.

    ``files`` are exact bytes by path, ``omit`` the labels of rows that the document states elsewhere.
    """
    work = facts.work
    registrations = [f"{item.office} {item.number} ({item.date})" for item in work.registrations]
    further = (("holder", work.holder), ("credit", work.credit), ("created", work.created))
    rows = [
        wording.row("title", "work.title", work.title),
        wording.row("author", "work.author", work.author),
        *(wording.row(name, f"work.{name}", value) for name, value in further if value),
        wording.row("first_publication", "work.first_publication", work.first_publication),
        wording.row("registrations", "work.registrations[].number", *registrations),
        *chain_rows(work, files, wording),
        wording.row("rights", "work.rights_statement", work.rights_statement),
        wording.row("work_number", "work.number", work.number),
        wording.time_row("registered_at", work.registered_at, "work.registered_at"),
    ]
    if work.registration is not None:
        rows.append(wording.row("entry", "work.registration.sequence", str(work.registration.sequence)))
    compared_digests = {match.work_picture for match in facts.matches}
    for picture in work.pictures:
        if picture.digest in compared_digests or not compared_digests:
            size = wording.say("picture.size", width=picture.width, height=picture.height, format=picture.format)
            field = "work.pictures[].incomplete" if picture.incomplete else "work.pictures[].width"
            rows.append(wording.row("registered_picture", field, size, *broken_off(picture, wording)))
            rows.append(wording.row("digest", "work.pictures[].digest", picture.digest.hex, style=Style.MONO))
    return Section(wording.say("heading.work"), (Rows(_without(rows, omit, wording), together=False),), level)


def _without(rows: Iterable[Row], omit: frozenset[str], wording: Wording) -> tuple[Row, ...]:
    labels = {wording.say(f"label.{name}") for name in omit}
    return tuple(row for row in rows if row.label not in labels)


def sightings_section(
    facts: CaseFacts, wording: Wording, level: int, room: Room, omit: frozenset[str] = frozenset()
) -> Section:
    """Return the section on the pages and times of the use, without the rows labelled as in ``omit``."""
    sightings = facts.sightings[: room.sightings]
    blocks: list[Block] = [
        Rows(_without(_sighting_rows(sighting, wording), omit, wording), together=False) for sighting in sightings
    ]
    if len(facts.sightings) > room.sightings:
        blocks.append(Quiet(wording.say("document.listed_of", shown=room.sightings, all=len(facts.sightings))))
    if not blocks:
        blocks.append(Text(wording.say("document.none_recorded")))
    return Section(wording.say("heading.sightings"), tuple(blocks), level)


def broken_off(picture: PictureFacts, wording: Wording) -> tuple[str, ...]:
    """Return a sentence if a picture's file is truncated; else an empty tuple."""
    return (wording.say("picture.incomplete"),) if picture.incomplete else ()


def _sighting_rows(sighting: SightingFacts, wording: Wording) -> tuple[Row, ...]:
    addresses = [sighting.image_url]
    if sighting.final_url and sighting.final_url != sighting.image_url:
        addresses.append(sighting.final_url)
    answer = " · ".join(part for part in (f"HTTP {sighting.status}" if sighting.status else "", sighting.peer) if part)
    found_picture = sighting.picture
    size = wording.say(
        "picture.size", width=found_picture.width, height=found_picture.height, format=found_picture.format
    )
    certificate = certificate_line(sighting, wording)
    return (
        wording.row("sighting", "sightings[].number", str(sighting.number), style=Style.STRONG),
        wording.row("page_url", "sightings[].page_url", sighting.page_url, style=Style.MONO),
        wording.row("image_url", "sightings[].image_url", *addresses, style=Style.MONO),
        wording.row("status", "sightings[].status", answer),
        *([wording.row("certificate", "sightings[].certificate", certificate)] if certificate else []),
        wording.row("context", "sightings[].context", sighting.context),
        *seen_rows(sighting, wording),
        *elsewhere_rows(sighting, wording),
        wording.row("method", "sightings[].crawl", wording.say("method.crawl", crawl=wording.quotable(sighting.crawl))),
        wording.row("capture", "sightings[].captures[].sentence", *capture_lines(sighting.captures, wording)),
        wording.row(
            "found_picture",
            f"sightings[].picture.{'incomplete' if found_picture.incomplete else 'width'}",
            size,
            *broken_off(found_picture, wording),
        ),
        *_provenance_rows(sighting.provenance, wording),
        *_making_rows(sighting.making, wording),
        wording.row("digest", "sightings[].picture.digest", sighting.picture.digest.hex, style=Style.MONO),
    )


def seen_rows(sighting: SightingFacts, wording: Wording) -> tuple[Row, ...]:
    """Return rows with the first and last sighting, or with the period that the archive states instead."""
    if sighting.first_seen is not None:
        return wording.time_row("first_seen", sighting.first_seen), wording.time_row("last_seen", sighting.last_seen)
    return (wording.row("seen", Speaker.STATED, seen_words(sighting, wording)),)


def seen_words(sighting: SightingFacts, wording: Wording) -> str:
    """Return when the picture was first seen, in UTC, as far as known."""
    if sighting.first_seen is not None:
        return wording.time(sighting.first_seen)
    return wording.say("time.period", period=sighting.period) if sighting.period else wording.say("time.unknown")


def elsewhere_rows(sighting: SightingFacts, wording: Wording) -> tuple[Row, ...]:
    """Return a row with third parties' statements of when the picture was available, if any."""
    if not sighting.elsewhere:
        return ()
    lines = {line: None for text in elsewhere_lines(sighting.elsewhere, wording) for line in text if line}
    return (wording.row("elsewhere", ELSEWHERE, *lines, wording.say("elsewhere.unchecked")),)


def elsewhere_lines(statements: Sequence[ElsewhereFacts], wording: Wording) -> list[tuple[str, str]]:
    """Return each statement once as a sentence, with the URL at which anybody can look it up, if any."""
    looked_up = (SeenKind.ARCHIVE_CAPTURED, SeenKind.FEED_PUBLISHED)
    pairs = [
        (statement, statement.where if statement.stated and statement.kind in looked_up else "")
        for statement in statements
    ]
    return [*dict.fromkeys((elsewhere_words(statement, wording), where) for statement, where in pairs)]


def elsewhere_words(statement: ElsewhereFacts, wording: Wording) -> str:
    """Return a statement as a sentence, followed by one on an archive's bytes."""
    values = {"by": wording.phrases.word("archive", statement.by), "time": stated_words(statement, wording)}
    if statement.kind != SeenKind.ARCHIVE_CAPTURED:
        return wording.say(f"elsewhere.{statement.kind}", **values)
    of = "page" if statement.of == "page" else "picture"
    if not statement.stated:
        return wording.say(f"elsewhere.none-{of}", **values | {"time": wording.time(statement.learnt)})
    sentences = [wording.say(f"elsewhere.captured-{of}", **values)]
    if statement.same is not None:
        sentences.append(wording.say("elsewhere.same" if statement.same else "elsewhere.other"))
    return wording.say("document.sentences").join(sentences)


def stated_words(statement: ElsewhereFacts, wording: Wording) -> str:
    """Return the time as stated: to the second in UTC, or the part of it that is stated."""
    moment, period = stated_time(statement.stated)
    return period if moment is None else wording.time(moment)


def certificate_line(sighting: SightingFacts, wording: Wording) -> str:
    """Return the result of the crawl's check of the server's certificate; empty if there is none."""
    words, _, digest = sighting.certificate.partition(" ")
    joined = wording.say("document.joined").join(wording.phrases.word("certificate", word) for word in words.split(","))
    return wording.say("certificate.line", words=joined, digest=digest.removeprefix("sha256:")) if words else ""


def _provenance_rows(provenance: ProvenanceFacts | None, wording: Wording) -> tuple[Row, ...]:
    """Return rows on the manifest inside the picture, each with its source, or a row that it was not examined."""
    if provenance is None:
        return (wording.row("provenance", Speaker.RECORDED, wording.say("provenance.not_checked")),)
    problems = wording.say("document.joined").join(provenance.problems)
    recorded = wording.say(f"provenance.{provenance.standing}", problems=problems)
    rows = [wording.row("provenance", "sightings[].provenance.standing", recorded)]
    if provenance.file:
        fields = {name: getattr(provenance, name) for name in ("signer", "signed_at", "generator", "title")}
        sentences = [wording.say(f"provenance.{name}", value=value) for name, value in fields.items() if value]
        if provenance.actions:
            sentences.append(
                wording.say("provenance.actions", value=wording.say("document.joined").join(provenance.actions))
            )
        rows.append(wording.row("provenance_stated", "sightings[].provenance.signer", *sentences))
    return tuple(rows)


def _making_rows(making: MakingFacts | None, wording: Wording) -> tuple[Row, ...]:
    """Return a row with the file's metadata on how it was made; none if it was not examined."""
    if making is None:
        return ()
    fields = {"source_type": making.source_type, "aigc": making.aigc}
    sentences = [wording.say(f"making.{name}", value=value) for name, value in fields.items() if value]
    if not sentences:
        return (wording.row("making", Speaker.RECORDED, wording.say("making.none")),)
    return (wording.row("making", "sightings[].making.source_type", *sentences),)


def letters(host: str, wording: Wording) -> list[str]:
    """Return the Unicode form of a host in ``xn--`` form, with a warning if it resembles another."""
    unicode_host = in_letters(host)
    return [wording.say("sheet.confusable" if is_confusable(host) else "sheet.letters", text=unicode_host)] * bool(
        unicode_host
    )


def capture_lines(captures: Sequence[CaptureFacts], wording: Wording) -> list[str]:
    """Return each visit as a line, with the quoted observation of its record, or a line that there was none."""
    if not captures:
        return [wording.say("capture.none")]
    lines = []
    for capture in captures:
        outcome = wording.phrases.word("capture", capture.outcome)
        method = wording.phrases.word("fetched", capture.method)
        lines.append(wording.say("capture.line", outcome=outcome, time=wording.time(capture.finished), method=method))
        if capture.sentence:
            lines.append(wording.quoted(wording.translate(capture.sentence)))
    return lines


def comparison_section(
    facts: CaseFacts, gallery: Gallery, level: int, room: Room, on_first_page: MatchFacts | None = None
) -> Section:
    """Return the section with the pictures, the overlay and the measured values of each match.

    The match ``on_first_page`` is shown side by side there, and not again here.
    """
    blocks: list[Block] = []
    wording = gallery.wording
    for match in facts.matches[: room.matches]:
        if len(facts.matches) > 1:
            which = wording.say("match.several", n=match.number, all=len(facts.matches))
            blocks.append(Lines((Line(which),), leads=True))
        blocks.extend(comparison_blocks(facts, match, gallery, room, side_by_side=match is not on_first_page))
    if len(facts.matches) > room.matches:
        blocks.append(Quiet(wording.say("document.listed_of", shown=room.matches, all=len(facts.matches))))
    if not facts.matches:
        blocks.append(Text(wording.say("match.not_aligned")))
    elif facts.bundle:
        blocks.append(Quiet(wording.say("match.both_views" if room.figures else "match.in_sheet")))
    return Section(wording.say("heading.comparison"), tuple(blocks), level)


def licence_section(facts: CaseFacts, wording: Wording, level: int) -> Section:
    """Return the section on the search of the owner's licences."""
    check = facts.licence_check
    sentence = {"all": "covers", "some": "covers_some", "none": "none_covers", "unsearched": "unsearched"}
    result = wording.say(f"licence.{sentence[check.outcome]}", time=wording.time(check.checked_at))
    rows = [
        wording.row("licence_result", "licence_check.result", result),
        wording.row("records", "licence_check.searched", str(check.searched)),
        wording.time_row("searched_at", check.checked_at, "licence_check.checked_at"),
    ]
    if check.reasons:
        reasons = [wording.quoted(wording.translate(reason)) for reason in check.reasons[:MAX_REASONS]]
        if len(check.reasons) > MAX_REASONS:
            reasons.append(wording.say("document.listed_of", shown=MAX_REASONS, all=len(check.reasons)))
        rows.append(wording.row("licence_notes", "licence_check.reasons[]", *reasons))
    blocks: list[Block] = [Rows(tuple(rows))]
    if any(sighting.elsewhere for sighting in facts.sightings):
        blocks.append(Quiet(wording.say("elsewhere.licences")))
    return Section(wording.say("heading.licences"), tuple(blocks), level)


def decision_section(facts: CaseFacts, wording: Wording, level: int) -> Section:
    """Return the section on who decided what, when and why."""
    decision = facts.decision
    if decision.at is None:
        return Section(wording.say("label.decision"), (Text(wording.say("decision.open")),), level)
    field = "decision.demonstration" if decision.demonstration else "decision.decision"
    by = wording.translate(decision.by) if decision.demonstration else decision.by
    rows = (
        wording.row("decision", field, decision_words(facts, wording), style=Style.STRONG),
        wording.row("decided_by", "decision.demonstration" if decision.demonstration else "decision.by", by),
        wording.time_row("decided_at", decision.at, "decision.at"),
        wording.row("reason", "decision.reason", wording.translate(decision.reason)),
    )
    return Section(wording.say("label.decision"), (Rows(rows),), level)


def decision_words(facts: CaseFacts, wording: Wording) -> str:
    """Return the decision in words; a switch for demonstrations is named as one."""
    if facts.decision.demonstration:
        return wording.say("decision.demonstration_title")
    return wording.phrases.word("decision", facts.decision.decision)


def unchecked_section(wording: Wording, own: Sequence[str] = ()) -> Section:
    """Return the section on what was not checked: first for this case, then what the software never checks."""
    return Section(wording.say("heading.unchecked"), (Bullets((*own, *standing_unchecked(wording.phrases.language))),))


def left_out_section(facts: CaseFacts, wording: Wording) -> tuple[Section, ...]:
    """Return the section on files that the facts name and the bundle lacks, with reasons; empty if there are none."""
    if not facts.left_out:
        return ()
    lines = []
    for omitted_file in facts.left_out[:MAX_LEFT_OUT]:
        day = wording.say("document.no_time") if omitted_file.since is None else wording.day(omitted_file.since)
        lines.append(
            wording.say(f"left_out.{omitted_file.why}", file=omitted_file.file, day=day, digest=omitted_file.digest.hex)
        )
    blocks: list[Block] = [Bullets(tuple(lines))]
    if len(facts.left_out) > MAX_LEFT_OUT:
        blocks.append(Quiet(wording.say("document.listed_of", shown=MAX_LEFT_OUT, all=len(facts.left_out))))
    return (Section(wording.say("heading.left_out"), tuple(blocks)),)


def limits_section(wording: Wording) -> Section:
    """Return the section on the limits of the records."""
    return Section(wording.say("heading.limits"), (wording.bullets("limits", STANDING_LIMITS),))


def demonstration_warning(facts: CaseFacts, wording: Wording) -> tuple[Block, ...]:
    """Return a warning that no person examined the case, if a switch for demonstrations confirmed it."""
    if not facts.decision.demonstration:
        return ()
    return (Callout(wording.say("decision.demonstration_title"), wording.say("decision.demonstration")),)


def development_warning(witnesses: Sequence[WitnessFacts], wording: Wording) -> tuple[Block, ...]:
    """Return a warning that a witness has no legal weight, if one is for development."""
    if not any(witness.development for witness in witnesses):
        return ()
    return (Callout(wording.say("witness.development_title"), wording.say("witness.development_note")),)


def best_share(facts: CaseFacts) -> str:
    """Return the largest aligned share of a registered picture, or an em dash without alignment."""
    verifications = (match.verification for match in facts.matches)
    aligned = (
        verification
        for verification in verifications
        if verification.transform is not None and verification.decision is not Decision.NONE
    )
    shares = [verification.overlap_work for verification in aligned]
    return percent(max(shares)) if shares else "—"


def sheet_proofs(facts: CaseFacts, wording: Wording) -> Section:
    """Return the section on what was witnessed before the sheet was sealed, and where to find the rest."""
    blocks: list[Block] = []
    if rows := log_rows(facts, wording):
        blocks.append(Rows(rows, together=False))
    if facts.witnesses:
        blocks.append(Text(wording.say("witness.covers", entries=wording.numbers(_list_covered_entries(facts)))))
    blocks += witness_blocks(facts.witnesses, wording, "covered_no_later")
    blocks.append(Text(wording.say("witness.later")))
    return Section(wording.say("heading.proofs"), tuple(blocks))


def _list_covered_entries(facts: CaseFacts) -> list[int]:
    """Return the numbers of log entries before the checkpoint whose witnesses the sheet names."""
    proofs = (facts.work.registration, *facts.work.further_registrations)
    slices = (sighting.slice.log for sighting in facts.sightings if sighting.slice is not None)
    passkey = facts.decision.passkey
    signed = () if passkey is None else (passkey.key, passkey.log)
    return sorted({proof.sequence for proof in (*proofs, *slices, *signed) if proof is not None})


def log_rows(facts: CaseFacts, wording: Wording) -> tuple[Row, ...]:
    """Return rows with the log entries of the crawl slices of the sightings, each once, and their checkpoints."""
    proofs: dict[int, LogProof] = {}
    for sighting in facts.sightings:
        if sighting.slice is not None:
            proofs.setdefault(sighting.slice.log.sequence, sighting.slice.log)
    rows: list[Row] = []
    for proof in proofs.values():
        checkpoint = wording.say("witness.checkpoint", origin=proof.checkpoint.split("\n", 1)[0], size=proof.size)
        entry = wording.say("witness.slice_entry", sequence=proof.sequence, time=wording.time(proof.time))
        rows.append(wording.row("entry", "sightings[].slice.log.sequence", entry))
        rows.append(wording.row("checkpoint", "sightings[].slice.log.checkpoint", checkpoint, style=Style.MONO))
    return tuple(rows)


def witness_blocks(witnesses: Sequence[WitnessFacts], wording: Wording, meaning: str = "no_later") -> list[Block]:
    """Return a table of witnesses; development witnesses are labelled in their row.

    The phrase ``meaning`` states what existed no later than their times.
    """
    if not witnesses:
        return [Text(wording.say("witness.none"))]
    head = wording.heads(("witness", "state", "time", "weight"))
    blocks: list[Block] = [Table(head, tuple(_witness_cells(witness, wording) for witness in witnesses), (4, 2, 4, 4))]
    if any(witness.state == "complete" for witness in witnesses):
        blocks.append(Quiet(wording.say(f"witness.{meaning}")))
    if any(witness.state == "pending" for witness in witnesses):
        blocks.append(Quiet(wording.say("witness.pending_note")))
    return blocks


def _witness_cells(witness: WitnessFacts, wording: Wording) -> tuple[Cell, ...]:
    kind = wording.phrases.word("witness", f"kind_{witness.kind}")
    subject = wording.phrases.word("witness", f"subject_{witness.subject}")
    time_text = wording.time(witness.time) if witness.time is not None else wording.say("document.no_time")
    weight = wording.say("witness.development" if witness.development else "witness.outside")
    if witness.qualified and witness.state == "complete":
        weight = wording.say("witness.qualified", date=witness.qualified)
    return (
        Cell((Line(witness.name), Line(f"{kind} · {subject}", Style.QUIET))),
        cell(wording.phrases.word("witness", witness.state)),
        cell(time_text),
        cell(weight, Style.STRONG if witness.development else Style.PLAIN),
    )

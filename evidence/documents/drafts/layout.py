"""Common parts of all draft documents: input, page header, rows and blank fields."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evidence.bundle.manifest import Manifest
from evidence.documents.phrases.wording import Wording
from evidence.documents.typeset.blocks import (
    Blanks,
    Block,
    Line,
    Quiet,
    Row,
    Rows,
    Section,
    Style,
    Table,
    Text,
    build_cell,
)
from evidence.facts.case import CaseFacts, TimestampFacts
from exhibit.digests import Digest

MAX_FILES = 200
NO_SOURCE = ""  # a signed draft is the statement of one person, so no source is shown beside its facts


@dataclass(frozen=True, slots=True)
class NetworkRecordFile:
    """A ``network.json`` file, which records the environment of one capture: path, digest and parsed content."""

    path: str
    digest: Digest
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DraftInput:
    """Input of draft documents: a sealed case and the proofs added since."""

    facts: CaseFacts
    manifest: Manifest  # as sealed
    sequence: int | None  # number of the seal's log entry, or ``None`` without one
    timestamps: tuple[TimestampFacts, ...]  # with their current states
    networks: tuple[NetworkRecordFile, ...]  # network records of the captures, in the order of the captures
    made_at: datetime  # current time, written into the file as its date; aware
    file_name: str  # file name of the bundle as downloaded

    @property
    def seal_digest(self) -> Digest:
        """The seal digest."""
        return self.manifest.seal_digest


def build_blank_fields(wording: Wording, *names: str, lines: int = 1) -> Blanks:
    """Return blank fields with the labels of these names; ``lines`` is the number of empty lines of each."""
    return Blanks(tuple(wording.render(f"field.{name}") for name in names), lines)


def build_signature_section(name: str, wording: Wording) -> Section:
    """Return a section that explains the signature, with blank signature fields, on one page."""
    blocks = (Text(wording.render(f"{name}.signed_for")), build_blank_fields(wording, "name", "signature", "date"))
    return Section(wording.render("paper.sign"), blocks, together=True)


def build_plain_row(wording: Wording, label: str, *texts: str, style: Style = Style.PLAIN) -> Row:
    """Return a row with a label and its value; an empty value is shown as "not stated".

    ``label`` is the full key of a phrase, such as ``label.seal``.
    """
    lines = tuple(Line(wording.clip_text(text), style) for text in texts if text)
    return Row(wording.render(label), lines or (Line(wording.render("document.unknown"), Style.QUIET),), NO_SOURCE)


def build_system_rows(case: DraftInput, wording: Wording) -> Rows:
    """Return rows for the software, models, seal, key and log entry."""
    facts, key = case.facts, case.manifest.key
    software = facts.software
    models = [f"{model.name} {model.version} {model.digest.hex if model.digest else ''}" for model in software.models]
    entry = wording.render("document.no_time") if case.sequence is None else str(case.sequence)
    holder = wording.render(f"paper.holder_{key.holder}")
    return Rows(
        (
            build_plain_row(wording, "label.software", f"{software.name} {software.version}"),
            build_plain_row(wording, "label.pipeline", software.pipeline, style=Style.MONO),
            build_plain_row(wording, "paper.model", *models, style=Style.MONO),
            build_plain_row(wording, "paper.sealed_at", wording.format_time(case.manifest.sealed_at)),
            build_plain_row(wording, "label.seal", case.seal_digest.hex, style=Style.MONO),
            build_plain_row(wording, "paper.key", f"{key.algorithm} {key.public.hex()}", holder, style=Style.MONO),
            build_plain_row(wording, "label.seal_entry", entry),
        )
    )


def build_file_table(case: DraftInput, wording: Wording) -> list[Block]:
    """Return a table of every sealed file with its size and SHA-256."""
    files = case.manifest.files
    headings = (wording.render("paper.file"), wording.render("paper.size"), wording.render("label.digest"))
    entries = ((file.path, f"{file.size:,}", file.sha256.hex) for file in files[:MAX_FILES])
    rows = tuple(
        (build_cell(path, Style.MONO), build_cell(size), build_cell(digest, Style.MONO))
        for path, size, digest in entries
    )
    blocks: list[Block] = [Table(headings, rows, (3, 0, 4))]
    if len(files) > MAX_FILES:
        blocks.append(Quiet(wording.render("paper.more_files", shown=MAX_FILES, all=len(files))))
    return blocks


def format_page_header(case: DraftInput, wording: Wording) -> str:
    """Return the page header, with the numbers of the case and the bundle."""
    return wording.render("paper.running", case=case.facts.number, bundle=case.facts.bundle)

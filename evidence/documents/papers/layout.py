"""Common parts of all draft documents: their input, their frame, and blank fields."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evidence.bundle.manifest import Manifest
from evidence.documents.phrases.wording import Wording
from evidence.documents.typeset.blocks import Blanks, Block, Line, Quiet, Row, Rows, Section, Style, Table, Text, cell
from evidence.facts.case import CaseFacts, WitnessFacts
from exhibit.digests import Digest

SHOWN_FILES = 200
SPEAKER = ""  # once signed, drafts are one person's statement, so facts are shown without a source


@dataclass(frozen=True, slots=True)
class NetworkRecord:
    """Record of one capture's surroundings: its path, digest and content."""

    path: str
    digest: Digest
    plain: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SealedFacts:
    """Input of draft documents: a sealed case and the proofs added since."""

    facts: CaseFacts
    manifest: Manifest  # as sealed
    sequence: int | None  # number of the seal's log entry, or ``None`` without one
    witnesses: tuple[WitnessFacts, ...]  # as known now
    networks: tuple[NetworkRecord, ...]  # records of the captures' surroundings, in their order
    made_at: datetime  # the current time, which the file states as its date; aware
    file: str  # file name of the bundle as downloaded

    @property
    def seal(self) -> Digest:
        """The seal digest."""
        return self.manifest.seal


def blanks(wording: Wording, *names: str, lines: int = 1) -> Blanks:
    """Return blank fields by the names of their labels."""
    return Blanks(tuple(wording.say(f"field.{name}") for name in names), lines)


def signing_section(name: str, wording: Wording) -> Section:
    """Return a section on what a signature means, with the lines to sign on, on one page."""
    blocks = (Text(wording.say(f"{name}.signed_for")), blanks(wording, "name", "signature", "date"))
    return Section(wording.say("paper.sign"), blocks, together=True)


def plain_row(wording: Wording, label: str, *texts: str, style: Style = Style.PLAIN) -> Row:
    """Return a row with a label of any group and its value; an empty value reads "not stated"."""
    lines = tuple(Line(wording.clipped(text), style) for text in texts if text)
    return Row(wording.say(label), lines or (Line(wording.say("document.unknown"), Style.QUIET),), SPEAKER)


def system_rows(case: SealedFacts, wording: Wording) -> Rows:
    """Return rows with software, models, seal, key and log."""
    facts, key = case.facts, case.manifest.key
    software = facts.software
    models = [f"{model.name} {model.version} {model.digest.hex if model.digest else ''}" for model in software.models]
    entry = wording.say("document.no_time") if case.sequence is None else str(case.sequence)
    holder = wording.say(f"paper.holder_{key.holder}")
    return Rows(
        (
            plain_row(wording, "label.software", f"{software.name} {software.version}"),
            plain_row(wording, "label.pipeline", software.pipeline, style=Style.MONO),
            plain_row(wording, "paper.model", *models, style=Style.MONO),
            plain_row(wording, "paper.sealed_at", wording.time(case.manifest.sealed_at)),
            plain_row(wording, "label.seal", case.seal.hex, style=Style.MONO),
            plain_row(wording, "paper.key", f"{key.algorithm} {key.public.hex()}", holder, style=Style.MONO),
            plain_row(wording, "label.seal_entry", entry),
        )
    )


def file_table(case: SealedFacts, wording: Wording) -> list[Block]:
    """Return a table of every sealed file with its size and SHA-256."""
    files = case.manifest.files
    head = (wording.say("paper.file"), wording.say("paper.size"), wording.say("label.digest"))
    entries = ((file.path, f"{file.size:,}", file.sha256.hex) for file in files[:SHOWN_FILES])
    rows = tuple((cell(path, Style.MONO), cell(size), cell(digest, Style.MONO)) for path, size, digest in entries)
    blocks: list[Block] = [Table(head, rows, (3, 0, 4))]
    if len(files) > SHOWN_FILES:
        blocks.append(Quiet(wording.say("paper.more_files", shown=SHOWN_FILES, all=len(files))))
    return blocks


def running(case: SealedFacts, wording: Wording) -> str:
    """Return the text of the page headers."""
    return wording.say("paper.running", case=case.facts.number, bundle=case.facts.bundle)

"""The proofs of a case as blocks: log entries, checkpoint, each witness with its time and state."""

from collections.abc import Sequence

from evidence.documents.phrases.wording import Wording
from evidence.documents.typeset.blocks import Block, Cell, Line, Quiet, Row, Rows, Section, Speaker, Style, Table, Text
from evidence.facts.case import CaseFacts, WitnessFacts
from evidence.log.proofs import LogProof


def sheet_proofs(facts: CaseFacts, wording: Wording, level: int) -> Section:
    """What was witnessed before the sheet was sealed, and where the rest lies."""
    blocks: list[Block] = []
    if rows := log_rows(facts, wording):
        blocks.append(Rows(rows, together=False))
    blocks += witness_blocks(facts.witnesses, wording, "covered_no_later")
    blocks.append(Quiet(wording.say("witness.later")))
    return Section(wording.say("heading.proofs"), tuple(blocks), level)


def log_rows(facts: CaseFacts, wording: Wording) -> tuple[Row, ...]:
    """Log entries of the crawl slices that recorded the sightings, each once, with their checkpoints."""
    proofs: dict[int, LogProof] = {}
    for sighting in facts.sightings:
        if sighting.slice is not None:
            proofs.setdefault(sighting.slice.log.sequence, sighting.slice.log)
    rows: list[Row] = []
    for proof in proofs.values():
        checkpoint = wording.say("witness.checkpoint", origin=proof.checkpoint.split("\n", 1)[0], size=proof.size)
        entry = wording.say("witness.slice_entry", sequence=proof.sequence, time=wording.time(proof.time))
        rows.append(wording.row("entry", Speaker.RECORDED, entry))
        rows.append(wording.row("checkpoint", Speaker.RECORDED, checkpoint, style=Style.MONO))
    return tuple(rows)


def witness_blocks(witnesses: Sequence[WitnessFacts], wording: Wording, meaning: str = "no_later") -> list[Block]:
    """A table of witnesses; development witnesses are labelled in their row.

    The phrase ``meaning`` says what existed no later than their times.
    """
    if not witnesses:
        return [Text(wording.say("witness.none"))]
    head = tuple(wording.say(f"column.{name}") for name in ("witness", "state", "time", "weight"))
    rows = tuple(_witness_cells(witness, wording) for witness in witnesses)
    blocks: list[Block] = [Table(head, rows, (4, 2, 4, 4))]
    if any(witness.state == "complete" for witness in witnesses):
        blocks.append(Quiet(wording.say(f"witness.{meaning}")))
    if any(witness.state == "pending" for witness in witnesses):
        blocks.append(Quiet(wording.say("witness.pending_note")))
    return blocks


def _witness_cells(witness: WitnessFacts, wording: Wording) -> tuple[Cell, ...]:
    kind = wording.phrases.word("witness", f"kind_{witness.kind}")
    subject = wording.phrases.word("witness", f"subject_{witness.subject}")
    stated = wording.time(witness.time) if witness.time is not None else wording.say("document.no_time")
    weight = wording.say("witness.development" if witness.development else "witness.outside")
    if witness.qualified and witness.state == "complete":
        weight = wording.say("witness.qualified", date=witness.qualified)
    return (
        Cell((Line(witness.name), Line(f"{kind} · {subject}", Style.QUIET))),
        Cell((Line(wording.phrases.word("witness", witness.state)),)),
        Cell((Line(stated),)),
        Cell((Line(weight, Style.STRONG if witness.development else Style.PLAIN),)),
    )

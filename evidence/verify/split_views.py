"""Detection of split views: a log that shows different entries to different readers.

Every inclusion or consistency proof yields hashes over ranges of entries under a signed root. A log has one hash for
each range, so two different hashes of one range reveal a split view, regardless of the sizes of the two checkpoints.
The log's own signatures are the proof.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from evidence.facts.case import CaseFacts
from evidence.formats.codec import FormatError
from evidence.log import merkle
from evidence.log.notes import MAX_NOTE, parse_note
from evidence.verdict.result import State
from evidence.verify.checks.cocaptures import list_sealed_statements
from evidence.verify.checks.inspection import Inspection, list_log_proofs
from evidence.verify.checks.proofs import (
    check_note,
    read_checkpoint,
    read_log_proof,
    read_own_checkpoint,
    read_renewal_records,
)
from exhibit.errors import IntegrityError

EntryRange = tuple[int, int]  # first entry, and end (exclusive)


@dataclass(frozen=True, slots=True)
class CheckpointView:
    """One checkpoint of a log: its source, a flag for a pinned signature, and the hashes that proofs yield under it.

    Checkpoints without a signature of a pinned key are compared only if they name the same key, because anybody can
    sign a checkpoint with any name.
    """

    bundle: str
    origin: str
    is_pinned: bool
    keys: frozenset[bytes]  # ids of the keys that sign in the log's name; empty if a pinned key signed
    note: str
    hashes: dict[EntryRange, bytes]


@dataclass(frozen=True, slots=True)
class SplitView:
    """Two contradictory checkpoints of one log.

    They differ in the entries from ``first`` up to but not including ``end``.
    """

    views: tuple[CheckpointView, CheckpointView]
    first: int
    end: int

    @property
    def sentence(self) -> str:
        """Sentence that describes the split view."""
        first, second = self.views
        unpinned_sentence = "The trust list has no key of that log, so anyone may have written the checkpoints."
        signer_sentence = "The key of the log on the trust list signed both." if first.is_pinned else unpinned_sentence
        location = (
            f"in {first.bundle} and in {second.bundle}" if first.bundle != second.bundle else f"in {first.bundle}"
        )
        entry_text = f"entries {self.first} to {self.end - 1}"
        return (
            f"Split view: {entry_text} of the log {first.origin[:80]} differ under two checkpoints "
            f"{location}. {signer_sentence}"
        )

    def to_plain(self) -> dict[str, Any]:
        """Return plain JSON data."""
        views = [{"bundle": view.bundle, "note": view.note} for view in self.views]
        first_view = self.views[0]
        entries = [self.first, self.end - 1]
        return {
            "log": first_view.origin,
            "pinned": first_view.is_pinned,
            "entries": entries,
            "heads": views,
            "sentence": self.sentence,
        }


def list_views(bundle: str, inspection: Inspection, facts: CaseFacts | None) -> tuple[CheckpointView, ...]:
    """List every checkpoint in a bundle with the hashes that its proofs yield.

    Checkpoints of a pinned log with an invalid signature are omitted.
    """
    proofs = [proof for _, proof in list_log_proofs(facts)]
    with suppress(FormatError, IntegrityError):
        proofs.append(read_log_proof(inspection)[0])
    proven_hashes = [
        (
            proof.checkpoint,
            merkle.compute_proof_hashes(
                proof.sequence, proof.size, proof.path, proof.entry.leaf_hash, is_consistency=False
            ),
        )
        for proof in (*(statement.proof for statement in list_sealed_statements(inspection, facts)), *proofs)
    ]
    own_checkpoint_record = read_own_checkpoint(inspection)
    with suppress(FormatError, IntegrityError, UnicodeDecodeError):
        if own_checkpoint_record is not None:
            text, size = read_checkpoint(inspection), own_checkpoint_record.note.size
            roots = {proof.size: parse_note(proof.checkpoint).root for proof in proofs}
            for old_size, path in own_checkpoint_record.proofs_by_size.items():
                proven_hashes.append(
                    (
                        text,
                        merkle.compute_proof_hashes(
                            old_size - 1, size, path, roots.get(old_size, b""), is_consistency=True
                        ),
                    )
                )
            for record in read_renewal_records(inspection):
                later = inspection.read_file(record.file, MAX_NOTE).decode()
                proven_hashes.append(
                    (
                        later,
                        merkle.compute_proof_hashes(
                            size - 1, record.size, record.path, own_checkpoint_record.note.root, is_consistency=True
                        ),
                    )
                )
    return tuple(
        view for text, hashes in proven_hashes if (view := _build_view(bundle, inspection, text, hashes)) is not None
    )


def _build_view(
    bundle: str, inspection: Inspection, text: str, proof_hashes: dict[EntryRange, bytes]
) -> CheckpointView | None:
    try:
        note = parse_note(text)
    except IntegrityError:
        return None
    pins = (*inspection.trust.logs, *inspection.trust.partners)
    state = check_note(replace(inspection.trust, logs=pins), "", note, text).state
    root_hash = {(0, note.size): note.root}
    hashes = proof_hashes if proof_hashes.items() >= root_hash.items() else root_hash
    is_pinned = state is State.PASSED
    keys = () if is_pinned else (line.key_id for line in note.signatures if line.name == note.origin)
    return (
        None if state is State.FAILED else CheckpointView(bundle, note.origin, is_pinned, frozenset(keys), text, hashes)
    )


def find_split_views(views: Iterable[CheckpointView]) -> tuple[SplitView, ...]:
    """Find the contradictions among checkpoints, one for each log and pair of checkpoints."""
    views_by_range: dict[tuple[str, bool, frozenset[bytes], EntryRange], CheckpointView] = {}
    splits_by_notes: dict[tuple[str, str], SplitView] = {}
    for view in views:
        for entry_range, value in sorted(view.hashes.items()):
            first_view = views_by_range.setdefault((view.origin, view.is_pinned, view.keys, entry_range), view)
            if first_view.hashes[entry_range] != value:
                splits_by_notes.setdefault((first_view.note, view.note), SplitView((first_view, view), *entry_range))
    return tuple(splits_by_notes.values())

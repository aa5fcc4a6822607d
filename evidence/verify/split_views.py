"""Detection of split views: a log that shows different entries to different readers.

Every inclusion or consistency proof gives hashes over ranges of entries under a signed root. A log has one hash for
each range, so two different hashes of one range show a split view, whatever the sizes of the two checkpoints. The
log's own signatures prove it.
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
from evidence.verify.checks.cocaptures import sealed_statements
from evidence.verify.checks.inspection import Inspection, log_proofs
from evidence.verify.checks.proofs import check_note, own_checkpoint, read_checkpoint, read_log_proof, renewal_records
from exhibit.errors import IntegrityError

Range = tuple[int, int]  # first entry, and end (exclusive)


@dataclass(frozen=True, slots=True)
class View:
    """One checkpoint of a log: its source, whether a pinned key signed it, and the hashes that proofs show under it.

    Checkpoints without a signature of a pinned key are compared only if they name the same key: any key can sign any
    name.
    """

    bundle: str
    origin: str
    pinned: bool
    keys: frozenset[bytes]  # ids of the keys that sign in the log's name; empty if a pinned key signed
    note: str
    hashes: dict[Range, bytes]


@dataclass(frozen=True, slots=True)
class SplitView:
    """Two contradictory checkpoints of one log.

    They differ in the entries from ``first`` up to but not including ``end``.
    """

    views: tuple[View, View]
    first: int
    end: int

    @property
    def sentence(self) -> str:
        """The split view in a sentence."""
        first, second = self.views
        unknown = "No key of that log is pinned: the checkpoints may have been written by anyone."
        who = "Its pinned key signed both." if first.pinned else unknown
        where = f"in {first.bundle} and in {second.bundle}" if first.bundle != second.bundle else f"in {first.bundle}"
        place = f"entries {self.first} to {self.end - 1}"
        return f"Split view: {place} of the log {first.origin[:80]} differ under two checkpoints {where}. {who}"

    def to_plain(self) -> dict[str, Any]:
        """Return plain JSON data."""
        views = [{"bundle": view.bundle, "note": view.note} for view in self.views]
        first_view = self.views[0]
        entries = [self.first, self.end - 1]
        return {
            "log": first_view.origin,
            "pinned": first_view.pinned,
            "entries": entries,
            "heads": views,
            "sentence": self.sentence,
        }


def views_of(bundle: str, inspection: Inspection, facts: CaseFacts | None) -> tuple[View, ...]:
    """Return every checkpoint in a bundle with the hashes that its proofs show.

    Checkpoints that name a pinned log but whose signature does not hold are left out.
    """
    proofs = [proof for _, proof in log_proofs(facts)]
    with suppress(FormatError, IntegrityError):
        proofs.append(read_log_proof(inspection)[0])
    proven_hashes = [
        (
            proof.checkpoint,
            merkle.compute_proof_hashes(proof.sequence, proof.size, proof.path, proof.entry.leaf_hash, whole=False),
        )
        for proof in (*(statement.proof for statement in sealed_statements(inspection, facts)), *proofs)
    ]
    own = own_checkpoint(inspection)
    with suppress(FormatError, IntegrityError, UnicodeDecodeError):
        if own is not None:
            text, size = read_checkpoint(inspection), own.note.size
            roots = {proof.size: parse_note(proof.checkpoint).root for proof in proofs}
            for old, path in own.paths.items():
                proven_hashes.append(
                    (text, merkle.compute_proof_hashes(old - 1, size, path, roots.get(old, b""), whole=True))
                )
            for record in renewal_records(inspection):
                later = inspection.read_file(record.file, MAX_NOTE).decode()
                proven_hashes.append(
                    (later, merkle.compute_proof_hashes(size - 1, record.size, record.path, own.note.root, whole=True))
                )
    return tuple(view for proof in proven_hashes if (view := _view(bundle, inspection, *proof)) is not None)


def _view(bundle: str, inspection: Inspection, text: str, proof_hashes: dict[Range, bytes]) -> View | None:
    try:
        note = parse_note(text)
    except IntegrityError:
        return None
    pins = (*inspection.trust.logs, *inspection.trust.partners)
    state = check_note(replace(inspection.trust, logs=pins), "", note, text).state
    whole = {(0, note.size): note.root}
    hashes = proof_hashes if proof_hashes.items() >= whole.items() else whole
    pinned = state is State.PASSED
    keys = () if pinned else (line.key_id for line in note.signatures if line.name == note.origin)
    return None if state is State.FAILED else View(bundle, note.origin, pinned, frozenset(keys), text, hashes)


def split_views(views: Iterable[View]) -> tuple[SplitView, ...]:
    """Return the contradictions among checkpoints, one for each log and pair of checkpoints."""
    views_by_range: dict[tuple[str, bool, frozenset[bytes], Range], View] = {}
    splits: dict[tuple[str, str], SplitView] = {}
    for view in views:
        for place, value in sorted(view.hashes.items()):
            first = views_by_range.setdefault((view.origin, view.pinned, view.keys, place), view)
            if first.hashes[place] != value:
                splits.setdefault((first.note, view.note), SplitView((first, view), *place))
    return tuple(splits.values())

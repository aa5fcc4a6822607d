"""Later checkpoints that continue a bundle's own, so that younger receipts witness the seal too.

A certificate expires and a hash ages; a receipt of a later checkpoint renews what an earlier one showed, as long as the
later tree is shown to continue the earlier one (RFC 9162, 2.1.4).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from evidence.formats.codec import Bytes32, to_plain
from evidence.log.notes import parse_note
from exhibit.entries import canonical
from exhibit.types import Count

RENEWALS_PATH = "proofs/log/renewals.json"
LATER_CHECKPOINT = re.compile(r"proofs/log/checkpoint-[0-9]+")
"""Paths of the later checkpoints in a bundle."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """A later checkpoint."""

    checkpoint: str  # its text, a signed note
    path: tuple[Bytes32, ...]  # that it continues the bundle's own, hashes of 32 bytes each


@dataclass(frozen=True, slots=True)
class RenewalRecord:
    """One line of ``proofs/log/renewals.json``."""

    file: str  # path of the checkpoint
    size: Count  # how many entries it covers
    path: tuple[Bytes32, ...]  # of the consistency proof from the bundle's checkpoint on


def renewal_files(renewals: Sequence[Renewal]) -> dict[str, bytes]:
    """The files of renewals, by path; raises ``IntegrityError`` when a checkpoint can't be read."""
    files, records = {}, []
    for renewal in sorted(renewals, key=lambda one: parse_note(one.checkpoint).size):
        size = parse_note(renewal.checkpoint).size
        path = f"proofs/log/checkpoint-{size}"
        files[path] = renewal.checkpoint.encode()
        records.append(RenewalRecord(path, size, renewal.path))
    if records:
        files[RENEWALS_PATH] = canonical(to_plain(records))
    return files

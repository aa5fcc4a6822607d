"""Counts of false positives, signed by the installations of a test."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.accuracy.counts import CountedPicture, FalseAlarmCounts
from evidence.keys.ed25519 import KeySigner
from evidence.log.append_only import Log
from exhibit.digests import Digest
from exhibit.types import Decision
from indexer.picture.spaces import PIPELINE
from tests.assets.folder_log import FolderLogStore

DAY = "2026-11-22"


def log_of(folder: Path, name: str = "log.tests.example") -> Log:
    """Return the log of an installation, with its own key."""
    return Log(FolderLogStore(folder / name), KeySigner(Ed25519PrivateKey.generate()), name)


def counted_picture(number: int, *failed: Decision, bits: int = 0, saved: str = "") -> CountedPicture:
    """Return a counted photograph. A saved copy has other bytes, and a hash that differs in ``bits`` bits."""
    perceptual = int.from_bytes(hashlib.sha256(str(number).encode()).digest()) ^ ((1 << bits) - 1)
    return CountedPicture(Digest.from_bytes(f"{number}{saved}".encode()), perceptual.to_bytes(32), failed)


def counts(pictures: Sequence[CountedPicture], *, listed: bool = True) -> FalseAlarmCounts:
    """Return an installation's counts for these images."""
    certain, review = (sum(kind in each.failed for each in pictures) for kind in (Decision.CERTAIN, Decision.REVIEW))
    about = (DAY, PIPELINE, "descriptor@1", Digest.from_bytes(b"calibration"), "Drawn for a test")
    return FalseAlarmCounts(*about, len(pictures), certain, review, tuple(pictures) if listed else ())

"""An unreliable timestamp service, and the digests that it may be asked for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.ports import Receipt, ReceiptState


class UnreliableAnchor:
    """A timestamp service that responds or fails as ``mood`` says."""

    kind, development, qualified, patience = "rfc3161", False, "2026-11-01", timedelta(minutes=10)

    def __init__(self, name: str = "moody") -> None:
        self.name = name
        self.asked = 0
        self.mood: Exception | None = None
        self.seen: list[Digest] = []
        self.growth = b""
        self.hard: dict[Digest, Exception] = {}
        self.lists: dict[str, bytes] = {}

    def submit(self, digest: Digest) -> Receipt:
        self.asked += 1
        self.seen.append(digest)
        if self.mood is not None:
            raise self.mood
        return Receipt(self.kind, self.name, False, ReceiptState.COMPLETE, digest.raw, (), now())  # noqa: FBT003 - a field

    def upgrade(self, digest: Digest, receipt: Receipt) -> Receipt:
        self.seen.append(digest)
        if digest in self.hard:
            raise self.hard[digest]
        material = {**dict(receipt.material), **self.lists}
        return replace(receipt, proof=receipt.proof + self.growth, material=tuple(material.items()))


@pytest.fixture
def unreliable_anchor(monkeypatch: pytest.MonkeyPatch) -> UnreliableAnchor:
    anchor = UnreliableAnchor()
    monkeypatch.setattr("registry.log.anchors._AnchorCache.of", lambda *_: (anchor,))
    return anchor

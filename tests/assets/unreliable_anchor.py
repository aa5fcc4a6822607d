"""An unreliable timestamp service, and the digests that it may be asked for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.ports import Receipt, ReceiptState


class UnreliableAnchor:
    """A timestamp service that responds or fails as ``mood`` says."""

    kind, development, qualified, retry_interval = "rfc3161", False, "2026-11-01", timedelta(minutes=10)

    def __init__(self, name: str = "moody") -> None:
        self.name = name
        self.submissions = 0
        self.error: Exception | None = None
        self.digests: list[Digest] = []
        self.growth = b""
        self.upgrade_errors: dict[Digest, Exception] = {}
        self.extra_material: dict[str, bytes] = {}

    def submit(self, digest: Digest) -> Receipt:
        self.submissions += 1
        self.digests.append(digest)
        if self.error is not None:
            raise self.error
        return Receipt(self.kind, self.name, False, ReceiptState.COMPLETE, digest.raw, (), now())  # noqa: FBT003 - a field

    def upgrade(self, digest: Digest, receipt: Receipt) -> Receipt:
        self.digests.append(digest)
        if digest in self.upgrade_errors:
            raise self.upgrade_errors[digest]
        material = {**dict(receipt.material), **self.extra_material}
        return replace(receipt, proof=receipt.proof + self.growth, material=tuple(material.items()))


@pytest.fixture
def unreliable_anchor(monkeypatch: pytest.MonkeyPatch) -> UnreliableAnchor:
    anchor = UnreliableAnchor()
    monkeypatch.setattr("registry.log.anchors._AnchorCache.get", lambda *_: (anchor,))
    return anchor

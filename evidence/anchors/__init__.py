"""Timestamp services.

Each service proves by its own method that a digest existed at a time. The proofs are verified offline.
"""

from evidence.anchors.cosignature.kind import KIND as COSIGNATURE
from evidence.anchors.evm.kind import KIND as EVM
from evidence.anchors.kind import AnchorKind
from evidence.anchors.opentimestamps.kind import KIND as OPENTIMESTAMPS
from evidence.anchors.rfc3161.kind import KIND as RFC3161

KINDS: dict[str, AnchorKind] = {kind.name: kind for kind in (RFC3161, OPENTIMESTAMPS, EVM, COSIGNATURE)}
"""All kinds of timestamp services, by name."""

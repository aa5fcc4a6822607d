"""Proofs added to a bundle after it was sealed, and its timestamp services."""

from dataclasses import replace

from evidence.bundle.bag import AnchorProof, CounterSignature, Proofs
from evidence.bundle.sealing import SealedCase
from evidence.facts.case import CaseFacts, TimestampFacts
from registry.bundles.models import Bundle
from registry.log.proofs import build_proofs, get_best_checkpoint, list_timestamps, to_receipt, to_timestamp_facts
from registry.services.services import Services


def collect_proofs(services: Services, bundle: Bundle, sealed_bundle: SealedCase, facts: CaseFacts) -> Proofs:
    """Collect all proofs that currently exist for a bundle's seal."""
    checkpoint = get_best_checkpoint(bundle.submission_id)
    proofs = Proofs()
    if checkpoint is not None and bundle.submission is not None:
        proofs = build_proofs(services, bundle.submission, checkpoint, facts)
    direct_receipts = bundle.receipts.exclude(proof=None).order_by("service")
    timestamps = tuple(AnchorProof(sealed_bundle.seal_digest, to_receipt(row)) for row in direct_receipts)
    rows = bundle.countersignatures.select_related("key").order_by("pk")
    countersignatures = tuple(CounterSignature(bytes(row.key.public_key), bytes(row.signature)) for row in rows)
    return replace(proofs, anchors=(*timestamps, *proofs.anchors), countersignatures=countersignatures)


def list_bundle_timestamps(bundle: Bundle) -> tuple[TimestampFacts, ...]:
    """Return the state of each timestamp service's receipt for a bundle."""
    checkpoint = get_best_checkpoint(bundle.submission_id)
    direct_timestamps = [to_timestamp_facts(row, "manifest") for row in bundle.receipts.order_by("service")]
    return (*direct_timestamps, *list_timestamps(checkpoint))

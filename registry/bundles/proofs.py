"""Proofs added to a bundle after it was sealed, and its timestamp services."""

from dataclasses import replace

from evidence.bundle.bag import AnchorProof, CounterSignature, Proofs
from evidence.bundle.sealing import SealedCase
from evidence.facts.case import CaseFacts, WitnessFacts
from registry.bundles.models import Bundle
from registry.log.proofs import best_covering, checkpoint_witnesses, grown_proofs, receipt_of, witness_facts
from registry.services.services import Services


def proofs_of(services: Services, bundle: Bundle, sealed: SealedCase, facts: CaseFacts) -> Proofs:
    """Return all proofs that exist for a bundle's seal at this moment."""
    checkpoint = best_covering(bundle.submission_id)
    grown = Proofs()
    if checkpoint is not None and bundle.submission is not None:
        grown = grown_proofs(services, bundle.submission, checkpoint, facts)
    direct = bundle.receipts.exclude(proof=None).order_by("witness")
    stamps = tuple(AnchorProof(sealed.seal, receipt_of(row)) for row in direct)
    rows = bundle.countersignatures.select_related("key").order_by("pk")
    signed = tuple(CounterSignature(bytes(row.key.public_key), bytes(row.signature)) for row in rows)
    return replace(grown, anchors=(*stamps, *grown.anchors), countersignatures=signed)


def witnesses_of(bundle: Bundle) -> tuple[WitnessFacts, ...]:
    """Return the timestamp services of a bundle and their state."""
    checkpoint = best_covering(bundle.submission_id)
    direct = [witness_facts(row, "manifest") for row in bundle.receipts.order_by("witness")]
    return (*direct, *checkpoint_witnesses(checkpoint))

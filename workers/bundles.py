"""Assembling a bundle for download: sealed content and the receipts of this moment."""

from dataclasses import replace
from typing import BinaryIO

from django.db.models import Q

from evidence.bundle import Withheld, write_bundle
from evidence.facts import CaseFacts
from evidence.manifest import FACTS_PATH, Manifest
from evidence.sealing import SealedCase
from exhibit.errors import NotFoundError
from registry.models import AnchorReceipt, BlockedDigest, Bundle
from workers.proofs import best_checkpoint, proofs_of
from workers.wiring import House


def sealed_case(house: House, bundle: Bundle) -> SealedCase:
    """Manifest and signature of a sealed bundle.

    Raises:
        NotFoundError: it hasn't been sealed yet.
    """
    if bundle.manifest is None or bundle.signature is None:
        raise NotFoundError(
            f"Bundle {bundle.number} of case {bundle.case.number} isn't sealed yet.", hint="Try again in a moment."
        )
    return SealedCase(Manifest.from_json(house.blobs.get(bundle.manifest)), bytes(bundle.signature))


def sealed_facts(house: House, sealed: SealedCase) -> CaseFacts:
    """The facts as they were sealed."""
    file = sealed.manifest.file(FACTS_PATH)
    assert file is not None
    return CaseFacts.from_json(house.blobs.get(file.sha256))


def assemble(house: House, bundle: Bundle, out: BinaryIO) -> None:
    """Write a bundle's ZIP with the proofs of this moment; what has been purged is withheld, and said so.

    Raises:
        NotFoundError: it hasn't been sealed yet.
    """
    sealed = sealed_case(house, bundle)
    proofs = proofs_of(house, bundle, sealed, sealed_facts(house, sealed))
    write_bundle(out, sealed, replace(proofs, withheld=_withheld(house, sealed)), house.blobs)


def _withheld(house: House, sealed: SealedCase) -> Withheld | None:
    """The files that a purge has removed."""
    missing = {file.path: file.sha256 for file in sealed.manifest.files if file.sha256 not in house.blobs}
    blocked = dict(BlockedDigest.objects.filter(digest__in=missing.values()).values_list("digest", "reason"))
    gone = sorted(path for path, digest in missing.items() if digest in blocked)
    reasons = sorted({f"Removed by the operator: {reason}" for reason in blocked.values()})
    return Withheld(tuple(gone), " ".join(reasons)) if gone else None


def bundle_name(bundle: Bundle) -> str:
    """A file name that says what it is, such as ``studio-case-12-bundle-1.zip``."""
    return f"{bundle.case.owner.slug}-case-{bundle.case.number}-bundle-{bundle.number}.zip"


def awaits_witnesses(bundle: Bundle) -> bool:
    """Whether a sealed bundle's place in the log, or a witness's first answer about it, is still to come.

    A witness that was asked in vain isn't waited for: it is asked again later, and bundles grow.
    """
    checkpoint = best_checkpoint(bundle)
    if checkpoint is None:
        return True
    asked = AnchorReceipt.objects.filter(Q(bundle=bundle) | Q(checkpoint=checkpoint))
    return asked.filter(proof=None, error="").exists()
